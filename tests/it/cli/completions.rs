//! `completions`: scripts that the shells take.

use std::fs;
use std::process::Command;

use super::Home;

#[test]
fn each_shell_gets_a_script_that_knows_the_commands_and_needs_no_installation() {
    let home = Home::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.done(&["completions", shell]);
        for word in
            ["revoke-tokens", "scan", "exec", "doctor", "verify", "export", "--head-file", "--data-dir"]
        {
            // Fish writes long options without their dashes.
            assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
    assert!(!home.path("portcullis-data").exists());
    assert_eq!(home.run(&["completions", "tcsh"]).status, 2);
}

#[test]
fn bash_completes_commands() {
    let home = Home::empty();
    fs::write(home.path("script"), home.done(&["completions", "bash"])).unwrap();
    let lines = "source ./script; COMP_WORDS=(portcullis key revo); COMP_CWORD=2; \
                 _portcullis portcullis revo key; echo \"${COMPREPLY[@]}\"";

    let mut bash = Command::new("bash");
    let done = bash.args(["--norc", "-c", lines]).current_dir(home.path("")).output().unwrap();

    assert_eq!(String::from_utf8(done.stdout).unwrap(), "revoke-tokens\n", "{:?}", done.stderr);
}

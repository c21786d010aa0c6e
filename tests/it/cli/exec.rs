//! `token exec`: another program takes this one's place, with a token and without the secret.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::clients::scene;
use super::{Home, Ran};
use crate::support::Serving;

/// Everything up to the program.
fn exec<'a>(serving: &'a Serving, more: &[&'a str], program: &[&'a str]) -> Vec<&'a str> {
    let exec = ["token", "exec", "--server", &serving.url, "--credentials", "key.json"];
    [&exec[..], more, &["--"], program].concat()
}

const SHOW: [&str; 3] = ["/bin/sh", "-c", "printf %s \"$PORTCULLIS_TOKEN\""];

#[test]
fn a_program_runs_with_a_token_for_what_was_asked() {
    let (home, serving) = scene();
    let more = ["--scope", "orders:read", "--expires-in", "5m"];
    let token = home.done(&exec(&serving, &more, &SHOW));
    let judged = home.judged(&token, &["--server", &serving.url, "--scope", "orders:read"]);
    assert_eq!(judged, (0, json!(true), Value::Null));
    assert_eq!(home.judged(&token, &["--server", &serving.url, "--scope", "orders:write"]).0, 1);

    let named = ["/bin/sh", "-c", "printf %s:%s \"$PORTCULLIS_TOKEN\" \"$ORDERS_TOKEN_2\""];
    let said = home.done(&exec(&serving, &["--env", "ORDERS_TOKEN_2"], &named));
    assert!(said.starts_with(":eyJ"), "{said}");
    // Whatever begins with a dash after the program is the program's.
    let said = home.done(&exec(&serving, &[], &["/bin/echo", "--json", "--", "-x", "a b"]));
    assert_eq!(said, "--json -- -x a b\n");
}

/// Threat S40: what starts a program reads no secrets to it.
#[test]
fn no_secret_goes_to_the_program() {
    let (mut home, serving) = scene();
    let (id, secret) = home.key();
    home.set("PORTCULLIS_KEY_ID", id.clone());
    home.set("PORTCULLIS_KEY_SECRET", secret.clone());
    home.set("PORTCULLIS_MASTER_KEY", "0f".repeat(32));
    home.set("PORTCULLIS_NEW_MASTER_KEY", "1f".repeat(32));
    home.set("PORTCULLIS_DATABASE", "postgres://u:a-password@db.example/p");
    home.set("PORTCULLIS_ISSUER", "https://auth.example.com");
    home.set("OTHER", "kept");
    let all =
        "/usr/bin/env; cat /proc/$$/cmdline; ls -l /proc/$$/fd | grep -v -e /dev/null -e pipe: -e total";
    let exec = ["token", "exec", "--server", &serving.url, "--", "/bin/sh", "-c", all];
    let said = home.run(&exec).stdout;
    for kept in
        [format!("PORTCULLIS_KEY_ID={id}"), "OTHER=kept".to_owned(), "PORTCULLIS_TOKEN=eyJ".to_owned()]
    {
        assert!(said.contains(&kept), "{kept}: {said}");
    }
    assert!(said.contains("PORTCULLIS_ISSUER=https://auth.example.com"), "{said}");
    for gone in [secret.as_str(), "SECRET", "MASTER_KEY", "0f0f", "1f1f", "a-password", "socket:"] {
        assert!(!said.contains(gone), "{gone}: {said}");
    }
    // The variable may even be called so: then it holds the token.
    let exec = ["token", "exec", "--server", &serving.url, "--env", "PORTCULLIS_KEY_SECRET", "--"];
    let said = home.done(&[&exec[..], &["/bin/sh", "-c", "printf %s \"$PORTCULLIS_KEY_SECRET\""]].concat());
    assert!(said.starts_with("eyJ"), "{said}");
}

#[test]
fn the_exit_status_is_the_programs_and_says_what_is_wrong_if_it_does_not_run() {
    let (home, serving) = scene();
    for status in [0, 1, 4, 77, 255] {
        let exit = format!("exit {status}");
        let ran = home.run(&exec(&serving, &[], &["/bin/sh", "-c", &exit]));
        assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (status, "", ""));
    }
    let killed = home.command(&exec(&serving, &[], &["/bin/sh", "-c", "kill -9 $$"])).status().unwrap();
    assert_eq!(killed.signal(), Some(9), "not even that is changed");

    fs::write(home.path("not-a-program"), "x").unwrap();
    for (more, program, status, code, says) in [
        (&[][..], "./no-such-program", 127, "program", "./no-such-program: No such file"),
        (&[], "./not-a-program", 126, "program", "./not-a-program: Permission denied"),
        (&["--scope", "admin"], "/bin/true", 1, "refused", "invalid_scope"),
        (&["--env", "A=B"], "/bin/true", 2, "usage", "letters, digits and _"),
        (&["--env", "2A"], "/bin/true", 2, "usage", "letters, digits and _"),
        (&["--env", ""], "/bin/true", 2, "usage", "--env"),
    ] {
        let (is, its, message) = failed(&home, &exec(&serving, more, &[program]));
        assert_eq!((is, its.as_str()), (status, code), "{message}");
        assert!(message.contains(says), "{message}");
        assert!(!message.contains("psk_") && !message.contains("eyJ"), "{message}");
    }
    let nobody = ["token", "exec", "--server", "http://127.0.0.1:9", "--credentials", "key.json", "--"];
    assert_eq!(failed(&home, &[&nobody[..], &["/bin/true"]].concat()).0, 4);
    assert_eq!(home.run(&exec(&serving, &[], &[])).status, 2, "no program");
    let without_dashes = ["token", "exec", "--credentials", "key.json", "/bin/true"];
    assert_eq!(home.run(&without_dashes).status, 2);
}

/// As [`Home::failed`], with `--json` before the program.
fn failed(home: &Home, arguments: &[&str]) -> (i32, String, String) {
    let ran = home.run(&[&["--json"], arguments].concat());
    assert_eq!(ran.stdout, "");
    let error: Value = serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{ran:?}"));
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (ran.status, text("error"), text("message"))
}

#[test]
fn signals_go_to_the_program_which_has_them_as_any_other_has() {
    let (home, serving) = scene();
    let waits = "trap 'exit 7' TERM; grep SigIgn /proc/$$/status; read line";
    let mut command = home.command(&exec(&serving, &[], &["/bin/sh", "-c", waits]));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ignored = line.strip_prefix("SigIgn:").and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let pipe = 1 << (Signal::PIPE.as_raw() - 1);
    assert_eq!(ignored.unwrap() & pipe, 0, "this program ignores SIGPIPE, and no other should: {line}");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn credentials_may_come_from_the_standard_input() {
    let (home, serving) = scene();
    let exec = ["token", "exec", "--server", &serving.url, "--credentials", "-", "--"];
    let mut command = home.command(&[&exec[..], &SHOW].concat());
    command.stdin(fs::File::open(home.path("key.json")).unwrap());
    let ran = Ran::of(command);
    assert_eq!((ran.status, &ran.stdout[..3]), (0, "eyJ"));
}

//! `key scan`: where secrets are, and never which.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use portcullis::domain::{KeyId, ProjectKind, Secret};
use serde_json::{Value, json};

use super::{Home, Ran, terminal};

/// How much the program reads at once.
const PIECE: usize = 256 * 1024;

fn secret(seed: u8) -> (KeyId, String) {
    let random = std::array::from_fn(|at| u8::try_from(at).unwrap().wrapping_mul(37).wrapping_add(seed));
    let (id, secret) = Secret::generate(ProjectKind::Live, &random);
    (id, secret.expose().to_owned())
}

fn put(home: &Home, name: &str, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(home.path(name).parent().unwrap()).unwrap();
    fs::write(home.path(name), bytes).unwrap();
}

/// What a search says that finds something; no secret is in it.
fn found(home: &Home, arguments: &[&str]) -> Ran {
    let ran = home.run(&[&["key", "scan"], arguments].concat());
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(!ran.stdout.contains("psk_live_") && !ran.stderr.contains("psk_live_"), "{ran:?}");
    ran
}

#[test]
fn secrets_are_found_in_whatever_is_in_a_folder_and_not_shown() {
    let home = Home::empty();
    let [(one, a), (two, b), (three, c), (four, d)] = [1, 2, 3, 4].map(secret);
    put(&home, "src/app.env", format!("PORT=1\r\nKEY={a}\r\n"));
    put(&home, "src/deep/er/core", [&b"\0\xFF\n\n"[..], b.as_bytes(), b"\0", c.as_bytes()].concat());
    put(&home, "src/.hidden", format!("x{d}x"));
    put(&home, "src/.gitignore", "*\n");
    put(&home, "src/.git/config", format!("url = https://x:{a}@git.example\n"));
    put(&home, "src/.git/objects/ab/cdef", &b);
    put(&home, "src/.hg/store/data", &b);
    put(&home, "src/almost", format!("{} {}0", &a[..74], a.replace("psk_live", "psk_test")));
    let imported = Secret::regenerate(&"till-7".parse().unwrap(), ProjectKind::Sandbox, &[9; 32]);
    put(&home, "till", imported.expose());

    let ran = found(&home, &["src", "till", "src/app.env"]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            &format!("src/.git/config:1:17: {one}"),
            &format!("src/.hidden:1:2: {four}"),
            &format!("src/app.env:2:5: {one}"),
            &format!("src/deep/er/core:3:1: {two}"),
            &format!("src/deep/er/core:3:77: {three}"),
            "till:1:1: an imported key",
            &format!("src/app.env:2:5: {one}"),
            "secrets found: 7; files: 8, MiB: 0",
        ]
    );
    assert!(ran.stderr.starts_with("error: secrets found: 7; block their keys"), "{}", ran.stderr);

    let ran = found(&home, &["src/deep", "till", "--json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        said["items"],
        json!([
            { "path": "src/deep/er/core", "line": 3, "column": 1, "key_id": two },
            { "path": "src/deep/er/core", "line": 3, "column": 77, "key_id": three },
            { "path": "till", "line": 1, "column": 1, "key_id": null },
        ])
    );
    assert_eq!((&said["next"], &said["unreadable"], &said["files"]), (&Value::Null, &json!([]), &json!(2)));
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["error"], "secrets_found");
}

#[test]
fn nothing_found_is_said_and_needs_no_installation_nor_settings() {
    let home = Home::empty();
    put(&home, "portcullis.toml", "this is no setting");
    put(&home, "a", "psk_live_ psk_test__ psk_");
    assert_eq!(home.done(&["key", "scan", "."]), "secrets found: 0; files: 2, MiB: 0\n");
    assert!(!home.path("portcullis-data").exists());
    assert_eq!(home.run(&["key", "scan"]).status, 2);
}

#[test]
fn a_secret_across_the_border_of_two_reads_is_found() {
    let home = Home::empty();
    let (id, secret) = secret(5);
    for before in [PIECE - 1, PIECE - 74, PIECE, 2 * PIECE - 30] {
        let mut text = b"0123456\n".repeat(before / 8);
        text.resize(before, b'x');
        text.extend_from_slice(secret.as_bytes());
        text.extend_from_slice(&vec![b'\n'; PIECE]);
        put(&home, "long", &text);
        let ran = found(&home, &["long"]);
        let (line, column) = (before / 8 + 1, before % 8 + 1);
        assert!(
            ran.stdout.starts_with(&format!("long:{line}:{column}: {id}\nsecrets found: 1;")),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn the_standard_input_is_a_path_too() {
    let home = Home::empty();
    let (id, secret) = secret(6);
    let mut child = home.command(&["key", "scan", "-"]);
    let mut child =
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // However it comes.
    for part in secret.as_bytes().chunks(10) {
        stdin.write_all(part).unwrap();
        stdin.flush().unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(&format!("-:1:1: {id}\n")));
}

#[test]
fn links_in_a_folder_lead_nowhere_and_a_link_that_is_named_is_followed() {
    let home = Home::empty();
    let (id, secret) = secret(7);
    put(&home, "elsewhere/file", &secret);
    fs::create_dir(home.path("folder")).unwrap();
    symlink("../elsewhere", home.path("folder/to-folder")).unwrap();
    symlink("../elsewhere/file", home.path("folder/to-file")).unwrap();
    symlink(".", home.path("folder/to-itself")).unwrap();
    symlink("nowhere", home.path("folder/to-nothing")).unwrap();
    assert_eq!(home.done(&["key", "scan", "folder"]), "secrets found: 0; files: 0, MiB: 0\n");
    for named in ["folder/to-file", "folder/to-folder"] {
        let ran = found(&home, &[named]);
        assert!(ran.stdout.contains(&format!(":1:1: {id}\n")), "{}", ran.stdout);
    }
}

#[test]
fn what_cannot_be_read_is_named_and_is_no_all_clear() {
    let home = Home::empty();
    let (_, secret) = secret(8);
    put(&home, "clean", "");
    // The memory at address 0 of whoever reads.
    let ran = home.run(&["key", "scan", "clean", "none", "/proc/self/mem"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (4, "secrets found: 0; files: 2, MiB: 0\n"), "{ran:?}");
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(lines[0].starts_with("warning: none: No such file"), "{lines:?}");
    assert!(lines[1].starts_with("warning: /proc/self/mem: Input/output error"), "{lines:?}");
    assert!(lines[2].starts_with("error: paths that could not be read: 2;"), "{lines:?}");
    let ran = home.run(&["key", "scan", "none", "--json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["unreadable"][0]["path"], "none");
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((ran.status, &error["error"]), (4, &json!("unreadable")));
    put(&home, "leak", secret);
    found(&home, &["none", "leak"]);
}

/// Threat S40: a search in a build's log must not be the next leak.
#[test]
fn not_even_the_name_of_a_file_shows_a_secret() {
    let home = Home::empty();
    let (id, secret) = secret(9);
    put(&home, &format!("a-{secret}\u{1b}[2J.txt"), &secret);
    let ran = found(&home, &["."]);
    assert!(ran.stdout.contains(&format!("./a-psk_…\u{fffd}[2J.txt:1:1: {id}")), "{}", ran.stdout);
    found(&home, &[".", "--json"]);
}

#[test]
fn whoever_has_seen_enough_ends_the_search() {
    let home = Home::empty();
    let (_, secret) = secret(10);
    put(&home, "many", format!("{secret}\n").repeat(10_000));
    let (reads, writes) = std::io::pipe().unwrap();
    drop(reads);
    let mut scan = home.command(&["key", "scan", "many"]);
    let ended = scan.stdout(writes).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8(ended.stderr).unwrap().starts_with("error: secrets found: 1;"));
}

#[test]
fn on_a_terminal_a_bar_tells_how_far_it_is() {
    let mut home = Home::empty();
    home.set("TERM", "xterm");
    let (id, secret) = secret(11);
    put(&home, "folder/a", vec![b'x'; 4 * PIECE]);
    put(&home, "folder/b", &secret);
    let (status, screen) = terminal::run(home.command(&["key", "scan", "folder"]), "");
    assert_eq!(status, 1, "{screen}");
    assert!(screen.contains(" %  secrets found: 0; files: 1"), "{screen:?}");
    assert!(screen.contains(&format!("folder/b:1:1: {id}\n")), "{screen:?}");
    let mut counted = home.command(&["key", "scan", "-"]);
    counted.stdin(File::open(home.path("folder/b")).unwrap());
    assert_eq!(Ran::of(counted).status, 1);
}

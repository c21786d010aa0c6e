//! Leaked keys by the shell; and a server that is told about one.

use std::fs;

use serde_json::{Value, json};

use super::Home;
use crate::support::Serving;

#[test]
fn what_becomes_of_leaked_keys_is_chosen_and_shown() {
    let home = Home::founded();
    let (project, _) = home.project_and_key();
    assert_eq!(home.json(&["project", "show", &project])["on_leak"], "block");
    let edited = home.json(&["project", "edit", &project, "--on-leak", "flag"]);
    assert_eq!((&edited["on_leak"], &edited["tokens_revoked"]), (&json!("flag"), &json!(false)));
    let said = home.done(&["project", "show", &project]);
    assert!(said.contains("on leak") && said.contains("flag the key"), "{said}");
    for wrong in [
        &["project", "edit", &project][..],
        &["project", "edit", &project, "--on-leak", "nothing"],
        &["project", "edit", &project, "--on-leak", "flag", "--raw-keys", "perhaps"],
    ] {
        assert_eq!(home.run(wrong).status, 2, "{wrong:?}");
    }
    home.done(&["project", "edit", &project, "--raw-keys", "true"]);
    assert_eq!(home.json(&["project", "show", &project])["on_leak"], "flag");
}

/// The lines of docs/leaks.md for holders, and then a stranger, against a server; the shell sees what came of it.
#[test]
fn a_reported_key_is_flagged_in_the_shell_and_cleared_there() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let project = serving.shell(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
    let made = || serving.shell(&["key", "create", "--project", &project, "--name", "k"]);
    let (one, two) = (made(), made());
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let page = include_str!("../../../docs/leaks.md");
    let (_, after) = page.split_once("<!-- a test runs this block -->\n```sh\n").unwrap();
    let own = after.split_once("```").unwrap().0;
    let lines = format!(
        "SERVER={} SECRET={}\n{own}\ncurl -fsS -H 'Content-Type: application/json' \
         -d '{{\"secrets\":[\"{}\"],\"url\":\"https://paste.example/\\u001b[2J\"}}' \"$SERVER/v1/leaks\"",
        serving.url,
        text(&one, "secret"),
        text(&two, "secret"),
    );
    let mut shell = std::process::Command::new("bash");
    let done = shell.args(["-euo", "pipefail", "-c", &lines]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(said.contains(r#""state":"blocked"}"#) && said.ends_with(r#"{"status":"received"}"#), "{done:?}");

    let shown = |key: &Value| serving.shell(&["key", "show", &text(key, "key_id")]);
    assert_eq!((&shown(&one)["state"], &shown(&one)["flags"]), (&json!("blocked"), &json!([])));
    assert_eq!(shown(&two)["state"], "blocked");
    assert_eq!(shown(&two)["flags"][0]["url"], "https://paste.example/\u{fffd}[2J");
    let flagged = serving.shell(&["key", "list", "--project", &project, "--flagged"]);
    assert_eq!(flagged["items"].as_array().unwrap().len(), 1);
    assert_eq!(flagged["items"][0]["key_id"], two["key_id"]);
    let clear =
        || serving.shell(&["key", "clear-flags", &text(&two, "key_id"), "--note", "seen"])["cleared"].clone();
    assert_eq!((clear(), clear()), (json!(1), json!(0)));
    assert_eq!(shown(&two)["flags"], json!([]));
    let all = serving.shell(&["key", "list", "--project", &project]);
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_file_of_signers_that_cannot_be_used_stops_the_start() {
    let home = Home::founded();
    fs::write(home.path("keys.json"), "{}").unwrap();
    for (file, why) in [("keys.json", "it holds neither public keys"), ("nowhere.json", "No such file")] {
        let serve = ["serve", "--listen-public", "127.0.0.1:0", "--leaks-signers", file];
        let (status, code, message) = home.failed(&serve);
        assert_eq!((status, code.as_str()), (3, "settings"), "{message}");
        assert!(
            message.starts_with("leaks.signers (flag --leaks-signers): ") && message.contains(why),
            "{message}"
        );
    }
}

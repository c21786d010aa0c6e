//! `--wait`: an act is answered when every server that may admit anybody has applied it.

use serde_json::{Value, json};

use super::clients::scene;
use super::{Home, terminal};
use crate::support::Serving;

/// A server that gave its last sign of life now, and has applied nothing.
const LATE: &str = "INSERT INTO nodes SELECT 'late', t, t, 1, 0, 30000 FROM \
                    (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS t)";
/// One that gave it long ago.
const SILENT: &str = "INSERT INTO nodes VALUES ('silent', 1795305600000, 1795305605000, 1, 0, 30000)";

/// Each server's standing, by its name; the real one's is drawn anew at each start.
fn standings(answer: &Value) -> Vec<(String, String)> {
    let text = |node: &Value, name: &str| node[name].as_str().unwrap().to_owned();
    let nodes = answer["applied"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let name = |name: String| if name.len() == 12 { "real".to_owned() } else { name };
    let mut all: Vec<_> =
        nodes.iter().map(|node| (name(text(node, "node")), text(node, "standing"))).collect();
    all.sort();
    all
}

fn are(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(node, standing)| ((*node).to_owned(), (*standing).to_owned())).collect()
}

impl Home {
    fn told(&self, arguments: &[&str]) -> (i32, Value, Value) {
        let ran = self.run(&[arguments, &["--json"]].concat());
        let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
        (ran.status, read(&ran.stdout), read(&ran.stderr))
    }
}

/// A key of the home with a token of it that lives, by its id.
fn token(home: &Home, serving: &Serving) -> (String, String) {
    let asked =
        ["token", "request", "--server", &serving.url, "--credentials", "key.json", "--scope", "orders:read"];
    home.done(&asked);
    let key = home.key().0;
    let listed = home.json(&["token", "list", "--key", &key, "--limit", "1"]);
    (key, listed["items"][0]["jti"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_learns_that_every_server_has_applied_it_or_is_silent_for_too_long() {
    let (home, serving) = scene();
    home.tamper(SILENT).await;
    let (key, jti) = token(&home, &serving);
    for act in [
        &["token", "revoke", &jti][..],
        &["key", "edit", &key, "--allow", "192.0.2.0/24"],
        &["key", "revoke-tokens", &key],
        &["key", "block", &key, "--reason", "key_compromise"],
        &["key", "delete", &key, "--yes"],
    ] {
        let (status, answer, _) = home.told(&[act, &["--wait"]].concat());

        assert_eq!((status, &answer["applied"]["complete"]), (0, &json!(true)), "{act:?}: {answer}");
        assert_eq!(standings(&answer), are(&[("real", "applied"), ("silent", "stale")]), "{act:?}");
        assert_eq!(answer["applied"]["position"], answer["position"], "{act:?}");
        for node in answer["applied"]["nodes"].as_array().unwrap() {
            let is_applied = node["applied"].as_u64() >= answer["position"].as_u64();
            assert_eq!(is_applied, node["standing"] == "applied", "{answer}");
            assert!(node["seen_at"].as_i64().unwrap() >= 1_795_305_605, "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_seen_in_time_is_done_and_has_a_status_of_its_own() {
    let (mut home, _serving) = scene();
    home.set("TERM", "xterm");
    home.tamper(LATE).await;
    let key = home.key().0;

    let (status, answer, error) = home.told(&["key", "revoke-tokens", &key, "--wait=1s"]);

    assert_eq!((status, error["error"].as_str()), (4, Some("unapplied")), "{answer} {error}");
    assert!(error["message"].as_str().unwrap().starts_with("it is done, but within 1s "), "{error}");
    assert_eq!((&answer["tokens_revoked"], &answer["applied"]["complete"]), (&json!(true), &json!(false)));
    assert_eq!(standings(&answer), are(&[("late", "behind"), ("real", "applied")]));

    let (status, screen) = terminal::run(home.command(&["key", "block", &key, "--wait=1s"]), "");
    assert_eq!(status, 4, "{screen}");
    assert!(screen.contains("1 of 2 servers"), "there is a bar: {screen:?}");
    assert!(screen.contains("Server late has not said that it applied it (last seen 20"), "{screen:?}");
    assert!(screen.contains(" has applied it (said so 20"), "{screen:?}");
    assert!(!screen.contains("No server admits"), "{screen:?}");
    assert_eq!(home.json(&["key", "show", &key])["state"], "blocked");
}

#[test]
fn how_long_is_waited_is_checked_before_anything_is_done() {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    for wrong in ["--wait=0s", "--wait=61s", "--wait=1500ms", "--wait=soon", "--wait="] {
        assert_eq!(home.failed(&["key", "block", &key, wrong]).0, 2, "{wrong}");
    }
    assert_eq!(home.failed(&["key", "unblock", &key, "--wait"]).0, 2, "it kills nothing");
    assert_eq!(home.json(&["key", "show", &key])["state"], "active");
    // Nobody serves: there is nobody to wait for.
    let (status, answer, _) = home.told(&["key", "block", &key, "--wait"]);
    assert_eq!((status, &answer["applied"]["nodes"]), (0, &json!([])));
    let unknown = home.failed(&["token", "revoke", "AAAAAAAAAAAAAAAAAAAAAA"]);
    assert_eq!((unknown.0, unknown.1.as_str()), (1, "not_found"));
    assert!(unknown.2.contains("no such token; `portcullis token list --key ID`"), "{}", unknown.2);
}

use std::fs;

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::Value;

use super::{Home, redacted, shape};

/// An installation with six rows in its log.
fn with_a_history() -> Home {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    home.done(&["key", "block", &key, "--note", "\u{1b}[2Jgone"]);
    home.done(&["key", "unblock", &key]);
    home
}

/// With one blank between columns: how wide they are depends on who runs the test.
fn squeezed(table: &str) -> String {
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_log_tells_who_did_what() {
    let home = with_a_history();

    let listed = home.done(&["audit", "list", "--after", "1"]);

    assert_snapshot!(squeezed(&redacted(&listed)), @r#"
    SEQ TIME ACTOR ADDRESS ACT PROJECT TARGET DETAIL
    2 [time] local:[uid] - project.create [project] [project] {"kind":"live","live_tokens":null,"name":"Shop"}
    3 [time] local:[uid] - scope.set [project] orders:read {"description":"","includes":""}
    4 [time] local:[uid] - key.create [project] [key] {"allowlist":[],"audiences":[],"auth_methods":[],"expires_at":null,"live_tokens":null,"name":"k","permissions":"orders:read","require_scope":false,"role":null,"token_lifetime":null}
    5 [time] local:[uid] - key.block [project] [key] {"note":"\u001b[2Jgone","reason":"unspecified"}
    6 [time] local:[uid] - key.unblock [project] [key] {"reason":"unspecified"}
    "#);
    assert!(listed.contains(&format!("local:{} ", rustix::process::getuid().as_raw())));
    let page = home.json(&["audit", "list", "--after", "4", "--limit", "1"]);
    assert_eq!(page["next"], "5");
    assert_json_snapshot!(shape(&page["items"][0]), @r#"
    {
      "act": "key.block",
      "actor": "local:[uid]",
      "address": null,
      "at": "[at]",
      "at_ms": "[at]",
      "detail": {
        "note": "\u001b[2Jgone",
        "reason": "unspecified"
      },
      "hash": "[hash]",
      "previous": "[hash]",
      "project": "[project]",
      "seq": 5,
      "target": "[key]"
    }
    "#);
    assert_eq!(home.json(&["audit", "list", "--after", "6"])["items"], Value::Array(vec![]));
}

#[test]
fn an_untouched_log_is_verified() {
    let home = with_a_history();

    let verified = home.done(&["audit", "verify"]);

    assert_snapshot!(redacted(&verified), @r"
    The audit log is what was written.

    rows  6
    head  [hash]
    ");
    let last = home.json(&["audit", "list", "--after", "5"])["items"][0]["hash"].clone();
    assert_eq!(home.json(&["audit", "verify"])["head"], last);
}

#[tokio::test]
async fn the_first_row_that_is_not_what_was_written_is_named() {
    for (tampering, message) in [
        ("UPDATE audit SET actor = 'local:4711' WHERE seq = 3", "row 3 was changed"),
        ("UPDATE audit SET detail = '{}' WHERE seq = 5", "row 5 was changed"),
        ("UPDATE audit SET at = at + 1 WHERE seq >= 4", "row 4 was changed"),
        ("UPDATE audit SET address = '' WHERE seq = 6", "row 6 was changed"),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 2", "row 2 was changed"),
        ("UPDATE audit SET hash = x'00' WHERE seq = 2", "row 2 was changed (column hash)"),
        ("UPDATE audit SET previous = zeroblob(32) WHERE seq = 2", "row 2 does not follow the one before it"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
        (
            "INSERT INTO audit SELECT 0, at, actor, address, act, project, target, detail, previous, hash \
             FROM audit WHERE seq = 1",
            "row 0 was inserted",
        ),
        ("DELETE FROM audit WHERE seq = 4", "row 4 is missing"),
        (
            "DELETE FROM audit WHERE seq = 4; UPDATE audit SET seq = seq - 1 WHERE seq > 4",
            "row 4 does not follow the one before it",
        ),
        (
            "UPDATE audit SET seq = 99 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; \
             UPDATE audit SET seq = 4 WHERE seq = 99",
            "row 3 does not follow the one before it",
        ),
        (
            "CREATE TABLE other AS SELECT * FROM audit; \
             UPDATE audit SET (actor, act, target, detail) = \
               (SELECT actor, act, target, detail FROM other WHERE seq = 7 - audit.seq) WHERE seq IN (3, 4)",
            "row 3 was changed",
        ),
    ] {
        let home = with_a_history();
        home.tamper(tampering).await;

        let (status, code, said) = home.failed(&["audit", "verify"]);

        assert_eq!((status, code.as_str()), (1, "audit_broken"), "{tampering}");
        assert_eq!(
            said,
            format!("the audit log is broken: {message}; compare it with a backup"),
            "{tampering}"
        );
    }
}

#[tokio::test]
async fn a_log_cut_short_or_written_anew_is_told_by_a_head_that_was_kept() {
    let home = with_a_history();
    let head = home.done(&["audit", "head"]);
    fs::write(home.path("head"), &head).unwrap();
    fs::write(home.path("head.json"), home.done(&["audit", "verify", "--json"])).unwrap();
    assert_eq!(home.json(&["audit", "head"]), home.json(&["audit", "verify"]));
    let ways = [["--head", head.trim_end()], ["--head-file", "head"], ["--head-file", "head.json"]];
    for [flag, value] in ways {
        assert_eq!(home.json(&["audit", "verify", flag, value])["kept"], 6);
    }
    assert!(home.done(&["audit", "verify", "--head-file", "head"]).contains("row 6 is what it was\n"));

    home.tamper("DELETE FROM audit WHERE seq >= 5").await;

    assert_eq!(home.json(&["audit", "verify"])["rows"], 4, "by itself it looks whole");
    for [flag, value] in ways {
        let (status, code, said) = home.failed(&["audit", "verify", flag, value]);
        assert_eq!((status, code.as_str()), (1, "audit_broken"));
        assert!(said.contains("rows 5 to 6 are missing at its end; "), "{said}");
    }
    home.project("Another");
    home.project("And another");
    let (status, _, said) = home.failed(&["audit", "verify", "--head-file", "head"]);
    assert_eq!(status, 1);
    assert!(said.contains("row 6 is not the one whose hash was kept; "), "{said}");
}

#[test]
fn what_is_no_head_is_said_to_be_none() {
    let home = with_a_history();
    assert_eq!(home.run(&["audit", "verify", "--head", "6"]).status, 2);
    for text in ["", "6:ab", "{\"rows\":6,\"head\":\"ab\"}", "{\"rows\":6}"] {
        fs::write(home.path("head"), text).unwrap();
        let (status, code, said) = home.failed(&["audit", "verify", "--head-file", "head"]);
        assert_eq!((status, code.as_str()), (1, "input"), "{text}");
        assert!(said.starts_with("head: a head is the number of a row"), "{said}");
    }
    assert_eq!(home.failed(&["audit", "verify", "--head-file", "none"]).1, "input");
}

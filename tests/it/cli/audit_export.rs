//! `audit export`: what is written, where, and that it can be shown to `audit verify` later.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{Home, terminal};

/// An installation with five rows in its log; the last act was on a target that is a formula.
fn with_a_formula() -> Home {
    let home = Home::founded();
    let (project, _) = home.project_and_key();
    home.done(&["scope", "set", "+cmd|calc!A1", "--project", &project, "--description", "a,\"b\"\nc"]);
    home
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn files(home: &Home) -> usize {
    fs::read_dir(home.path("")).unwrap().count()
}

#[test]
fn json_lines_are_the_rows_of_the_list_and_end_with_the_head() {
    let home = with_a_formula();
    let listed = home.json(&["audit", "list"]);

    let exported = lines(&home.done(&["audit", "export"]));

    let (head, rows) = exported.split_last().unwrap();
    assert_eq!(Value::from(rows), listed["items"]);
    assert_eq!(head, &home.json(&["audit", "verify"]));
    let rest = lines(&home.done(&["audit", "export", "--after", "3"]));
    assert_eq!(rest, exported[3..]);
    assert_eq!(lines(&home.done(&["audit", "export", "--after", "5"])), [head.clone()]);
}

#[test]
fn csv_has_the_same_and_no_formulas() {
    let home = with_a_formula();
    let listed = home.json(&["audit", "list"]);

    let text = home.done(&["audit", "export", "--format", "csv"]);

    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 6);
    for (record, item) in records.iter().zip(listed["items"].as_array().unwrap()) {
        for (column, cell) in columns.iter().zip(record) {
            let plain = match &item[column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), plain, "{column}");
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
    assert_eq!(&records[4][7], "'+cmd|calc!A1");
    let head = home.json(&["audit", "head"]);
    assert_eq!(
        (&records[5][0], &records[5][5], &records[5][10]),
        ("5", "(head)", head["head"].as_str().unwrap())
    );
}

#[test]
fn a_file_is_its_owners_alone_appears_whole_and_proves_the_log_later() {
    let home = with_a_formula();
    fs::write(home.path("audit.jsonl"), "the one before").unwrap();
    home.set_mode("audit.jsonl", 0o644);
    let before = files(&home);

    let answer = home.json(&["audit", "export", "--output", "audit.jsonl"]);

    let head = home.json(&["audit", "head"])["head"].clone();
    assert_eq!(answer, json!({ "output": "audit.jsonl", "exported": 5, "rows": 5, "head": head }));
    let mode = fs::metadata(home.path("audit.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(home.read("audit.jsonl"), home.done(&["audit", "export"]));
    assert_eq!(files(&home), before, "nothing is left beside it");
    home.project("Another");
    assert_eq!(home.json(&["audit", "verify", "--head-file", "audit.jsonl"])["kept"], 5);
}

#[tokio::test]
async fn what_cannot_be_exported_leaves_the_file_as_it_was() {
    let home = with_a_formula();
    fs::write(home.path("audit.jsonl"), "the one before").unwrap();
    fs::create_dir(home.path("folder")).unwrap();
    let before = files(&home);
    for output in ["folder", "none/audit.jsonl"] {
        assert_eq!(home.failed(&["audit", "export", "--output", output]).1, "input");
    }
    home.tamper("UPDATE audit SET hash = x'00' WHERE seq = 2").await;
    let (_, code, message) = home.failed(&["audit", "export", "--output", "audit.jsonl"]);
    assert_eq!(code, "audit_broken", "{message}");
    assert_eq!(home.read("audit.jsonl"), "the one before");
    assert_eq!(files(&home), before, "nothing is left beside it");
}

#[test]
fn on_a_terminal_the_rows_stand_alone_and_a_file_has_a_bar() {
    let mut home = with_a_formula();
    home.set("TERM", "xterm");
    let (status, screen) = terminal::run(home.command(&["audit", "export"]), "");
    assert_eq!((status, lines(&screen).len()), (0, 6), "{screen:?}");
    let (status, screen) = terminal::run(home.command(&["audit", "export", "--output", "audit.jsonl"]), "");
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("5 rows"), "{screen:?}");
    assert!(screen.contains("exported  5\n"), "{screen:?}");
}

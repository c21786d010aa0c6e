//! `audit list --follow`: rows as they are written.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use super::Home;

/// The command, going on; ended with its owner.
struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn begin(home: &Home, more: &[&str]) -> Self {
        let mut command = home.command(&[&["audit", "list", "--follow"][..], more].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("it ended").unwrap()
    }

    fn row(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn rows_come_one_a_line_as_they_are_written_and_none_is_left_out() {
    let home = Home::founded();
    let (project, key) = home.project_and_key();
    let mut all = Following::begin(&home, &["--after", "0", "--json"]);
    for seq in 1..=4 {
        assert_eq!(all.row()["seq"], seq);
    }
    home.done(&["key", "block", &key]);
    home.done(&["scope", "set", "orders:write", "--project", &project]);
    let listed = home.json(&["audit", "list"]);
    for seq in 5..=6 {
        assert_eq!(all.row(), listed["items"][seq - 1]);
    }

    // For people, a row is a line as well.
    let line = Following::begin(&home, &["--after", "4"]).line();
    assert!(line.starts_with("5  20") && line.contains("  key.block  ") && line.contains(&key), "{line}");
    assert_eq!(home.failed(&["audit", "list", "--follow", "--limit", "5"]).0, 2);
}

#[test]
fn without_a_place_to_begin_it_begins_with_what_comes() {
    let home = Home::founded();
    home.project_and_key();
    let mut following = Following::begin(&home, &["--json"]);
    let first = std::thread::spawn(move || following.row());
    while !first.is_finished() {
        home.project("Another");
    }
    let first = first.join().unwrap();
    assert!(first["seq"].as_i64().unwrap() > 4 && first["act"] == "project.create", "{first}");
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let home = Home::founded();
    let mut command = home.command(&["audit", "list", "--follow", "--after", "0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    home.project("Shop");
    assert!(child.wait().unwrap().success());
}

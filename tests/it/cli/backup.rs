//! `backup` and `restore`: a copy is worth its keeping, and its past does not come back to life.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Home, redacted};
use crate::support::Serving;

const COPY: &str = "copy.db";
const MASTER_KEY: &str = "portcullis-data/master.key";

impl Home {
    /// What is in a folder, in order.
    fn list(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(super) fn key_state(&self, key: &str) -> Value {
        self.json(&["key", "show", key])["state"].clone()
    }

    /// From now on the master key is in the environment, and the data directory is another one.
    fn moves_to(&mut self, folder: &str) {
        let master_key = self.read(MASTER_KEY).trim().to_owned();
        self.set("PORTCULLIS_MASTER_KEY", master_key);
        self.set("PORTCULLIS_DATA_DIR", folder);
    }
}

#[test]
fn a_backup_is_one_file_for_its_owner_alone_and_nothing_is_written_over() {
    let home = Home::founded();
    home.project_and_key();

    let said = home.done(&["backup", COPY]);

    assert!(said.contains("It is worth nothing without ./portcullis-data/master.key"), "{said}");
    assert_eq!(home.path(COPY).metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(home.list(""), [COPY, "portcullis-data"], "no log, no draft");
    // In the file header: the copy needs no log beside it.
    assert_eq!(fs::read(home.path(COPY)).unwrap()[18..20], [1, 1]);
    let log = home.json(&["audit", "list"]);
    let last = log["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["act"], &last["target"]), (&json!("backup"), &json!(COPY)));
    home.done(&["audit", "verify"]);

    let before = fs::read(home.path(COPY)).unwrap();
    let (status, code, message) = home.failed(&["backup", COPY]);
    assert_eq!((status, code.as_str()), (1, "exists"));
    assert_eq!(message, "copy.db exists already; name a file that does not");
    assert_eq!(fs::read(home.path(COPY)).unwrap(), before);
}

#[test]
fn a_copy_is_refused_by_every_command_until_it_is_restored() {
    let home = Home::founded();
    home.done(&["backup", COPY]);
    // With the log of the old file beside it, the copy would be played back to what that file was.
    fs::rename(home.path("portcullis-data"), home.path("old")).unwrap();
    fs::create_dir(home.path("portcullis-data")).unwrap();
    fs::copy(home.path(COPY), home.path("portcullis-data/portcullis.db")).unwrap();
    fs::rename(home.path("old/master.key"), home.path(MASTER_KEY)).unwrap();

    let commands: [&[&str]; 5] = [
        &["project", "list"],
        &["init"],
        &["nodes"],
        &["backup", "two.db"],
        &["serve", "--listen-public", "127.0.0.1:0"],
    ];
    for command in commands {
        let (status, code, message) = home.failed(command);
        assert_eq!((status, code.as_str()), (1, "backup"), "{command:?}");
        assert_eq!(message, "this database is a backup's copy; run `portcullis restore` before serving it");
    }
}

#[test]
fn a_restored_installation_lists_its_keys_and_they_wait_to_be_confirmed() {
    let mut home = Home::founded();
    let (project, key) = home.project_and_key();
    let create = ["key", "create", "--project", &project, "--name", "old", "--permission", "orders:read"];
    let was_blocked = home.json(&create)["key_id"].as_str().unwrap().to_owned();
    home.done(&["key", "block", &was_blocked]);
    let mark = home.json(&["backup", COPY])["mark"].as_str().unwrap().to_owned();
    home.done(&["key", "delete", &key, "--yes"]);
    home.moves_to("elsewhere");

    let said = home.done(&["restore", COPY]);

    assert_snapshot!(redacted(&said.replace(&mark, "[mark]")), @r"
    Restored the copy [mark] into elsewhere.
    Every token that was issued before is revoked; new signing keys sign from now on.

    These keys are blocked: one of them may have been deleted, blocked or given a new secret after the
    copy was made. Confirm each that is still meant to work with `portcullis key unblock ID`.

    KEY                       PROJECT               NAME
    [key]  portcullis            first administrator
    [key]  [project]  k
    ");
    assert!(!said.contains(&was_blocked), "nobody needs to confirm what was blocked before");
    assert_eq!(home.list("elsewhere"), ["portcullis.db", "serve.lock"]);
    assert_eq!(home.path("elsewhere/portcullis.db").metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!((home.key_state(&key), home.key_state(&was_blocked)), (json!("blocked"), json!("blocked")));
    home.done(&["key", "unblock", &key]);
    assert_eq!(home.key_state(&key), "active");
    home.done(&["audit", "verify"]);
}

#[test]
fn a_database_that_is_there_is_replaced_only_if_told_to_and_kept() {
    let home = Home::founded();
    home.done(&["backup", COPY]);
    let later = home.project("made after the backup");

    let (status, code, message) = home.failed(&["restore", COPY]);
    assert_eq!((status, code.as_str()), (1, "occupied"));
    assert!(message.contains("--replace"), "{message}");
    assert_eq!(home.run(&["project", "show", &later]).status, 0, "nothing was changed");

    let said = home.json(&["restore", COPY, "--replace"]);

    assert_eq!(home.run(&["project", "show", &later]).status, 1, "that history is no more");
    let kept = said["replaced"].as_str().unwrap();
    fs::create_dir(home.path("old")).unwrap();
    fs::copy(home.path(kept), home.path("old/portcullis.db")).unwrap();
    fs::copy(home.path(MASTER_KEY), home.path("old/master.key")).unwrap();
    home.done(&["project", "show", &later, "--data-dir", "old"]);
    assert!(said["position"].as_u64().unwrap() > 1_700_000_000_000_000, "microseconds since 1970: {said}");
}

#[test]
fn another_master_key_stops_before_anything_is_written() {
    let mut home = Home::founded();
    home.done(&["backup", COPY]);
    let before = (home.list(""), home.list("portcullis-data"), fs::read(home.path(COPY)).unwrap());
    home.set("PORTCULLIS_MASTER_KEY", "0f".repeat(32));

    for arguments in [&["restore", COPY, "--replace"][..], &["restore", COPY, "--data-dir", "elsewhere"]] {
        let (status, code, message) = home.failed(arguments);
        assert_eq!((status, code.as_str()), (3, "master_key"));
        assert!(message.contains("does not open this database"), "{message}");
    }

    assert_eq!((home.list(""), home.list("portcullis-data"), fs::read(home.path(COPY)).unwrap()), before);
}

#[tokio::test]
async fn what_is_no_backup_is_not_restored() {
    let home = Home::founded();
    home.tamper("PRAGMA wal_checkpoint(TRUNCATE)").await;
    fs::copy(home.path("portcullis-data/portcullis.db"), home.path("raw.db")).unwrap();
    fs::write(home.path("text.db"), "x".repeat(8192)).unwrap();
    home.done(&["backup", COPY]);
    let mut damaged = fs::read(home.path(COPY)).unwrap();
    let pages = damaged.len() / 4096;
    damaged[4096 * (pages / 2)..4096 * (pages / 2 + 4)].fill(0xA5);
    fs::write(home.path("damaged.db"), damaged).unwrap();

    for (file, status, code) in [
        ("raw.db", 1, "no_backup"),
        ("text.db", 4, "unavailable"),
        ("missing.db", 3, "data_dir"),
        ("damaged.db", 4, "unavailable"),
    ] {
        let ran = home.failed(&["restore", file, "--replace"]);
        assert_eq!((ran.0, ran.1.as_str()), (status, code), "{}", ran.2);
        assert!(ran.2.contains(file), "{}", ran.2);
    }
    home.done(&["project", "list"]);
}

#[test]
fn a_database_that_is_served_is_not_replaced() {
    let home = Home::founded();
    home.done(&["backup", COPY]);
    let _serving = Serving::start(&home.path(""));

    let (status, code, message) = home.failed(&["restore", COPY, "--replace"]);

    assert_eq!((status, code.as_str()), (4, "unavailable"));
    assert!(message.contains("another `portcullis serve` runs on"), "{message}");
}

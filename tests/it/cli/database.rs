//! An installation that is missing, closed to us, held by somebody or damaged: said clearly, and
//! nothing is lost.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use sqlx::Connection as _;

use super::{Home, Ran};

const DATABASE: &str = "portcullis-data/portcullis.db";
const MASTER_KEY: &str = "portcullis-data/master.key";
/// Of the user `nobody`.
const STRANGER: u32 = 65_534;

#[test]
fn without_an_installation_a_command_says_how_to_come_by_one() {
    let home = Home::empty();

    let (status, code, message) = home.failed(&["project", "list"]);

    assert_eq!((status, code.as_str()), (3, "no_installation"));
    assert_eq!(
        message,
        "there is no installation in ./portcullis-data; run `portcullis init` or `portcullis serve`, \
         or name another --data-dir"
    );
    assert!(!home.path("portcullis-data").exists(), "a look leaves nothing behind");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let home = Home::empty();
    fs::write(home.path("file"), "").unwrap();

    let (status, code, message) = home.failed(&["init", "--data-dir", "file/data"]);

    assert_eq!((status, code.as_str()), (3, "data_dir"));
    assert!(message.starts_with("file/data: Not a directory"), "{message}");
    assert!(message.ends_with("or name a --data-dir that is yours"), "{message}");
}

#[test]
fn a_master_key_that_is_missing_wrong_open_or_none_stops_every_command() {
    let mut home = Home::founded();
    let key = home.read(MASTER_KEY);
    let expect = |home: &Home, expected: &str| {
        let (status, code, message) = home.failed(&["project", "create", "Shop"]);
        assert_eq!((status, code.as_str()), (3, "master_key"));
        assert!(message.contains(expected), "{message}");
    };

    home.set_mode(MASTER_KEY, 0o640);
    expect(&home, "master.key can be read by others; run `chmod 600 ./portcullis-data/master.key`");
    home.set_mode(MASTER_KEY, 0o600);
    fs::write(home.path(MASTER_KEY), "not a key\n").unwrap();
    expect(&home, "does not hold a master key of 64 hex digits; restore the file");
    fs::write(home.path(MASTER_KEY), "0f".repeat(32)).unwrap();
    expect(
        &home,
        "does not open this database; it was sealed under another one; restore the file master.key",
    );
    fs::remove_file(home.path(MASTER_KEY)).unwrap();
    expect(&home, "neither PORTCULLIS_MASTER_KEY nor ./portcullis-data/master.key exists; restore it");
    assert!(!home.path(MASTER_KEY).exists(), "no new one is made for a database that has one");

    home.set("PORTCULLIS_MASTER_KEY", key.trim());
    let projects = home.json(&["project", "list"]);
    assert_eq!(projects["items"].as_array().unwrap().len(), 1, "no refused act has left anything");
}

#[tokio::test]
async fn a_database_that_somebody_holds_is_waited_for_and_then_named() {
    let home = Home::founded();
    let mut holder = home.database().await;
    let transaction = holder.begin_with("BEGIN IMMEDIATE").await.unwrap();

    let ran = home.run(&["project", "create", "Shop"]);

    assert_eq!((ran.status, ran.stdout.as_str()), (4, ""));
    assert_eq!(
        ran.stderr,
        "error: ./portcullis-data/portcullis.db: the database cannot be used: it is locked by another \
         process; end whatever holds it, and run the command again\n"
    );
    transaction.rollback().await.unwrap();
    home.project("Shop");
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_named_with_the_fix() {
    let mut home = Home::founded();
    home.set("PORTCULLIS_MASTER_KEY", home.read(MASTER_KEY).trim());
    home.tamper("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let before = fs::read(home.path(DATABASE)).unwrap();
    home.set_mode(DATABASE, 0o444);
    home.set_mode("portcullis-data", 0o555);

    let ran = as_somebody_who_may_only_read(&home, &["project", "create", "Shop"]);

    home.set_mode("portcullis-data", 0o700);
    assert_eq!((ran.status, ran.stdout.as_str()), (4, ""));
    assert_eq!(
        ran.stderr,
        "error: ./portcullis-data/portcullis.db: the database cannot be used: it is read-only; check owner \
         and permissions of the data directory\n"
    );
    assert_eq!(fs::read(home.path(DATABASE)).unwrap(), before);
}

/// Permissions bind everybody but root: root runs a copy that a stranger can reach.
fn as_somebody_who_may_only_read(home: &Home, arguments: &[&str]) -> Ran {
    if !rustix::process::getuid().is_root() {
        return Ran::of(home.command(arguments));
    }
    home.set_mode("", 0o755);
    let copy = home.path("portcullis");
    fs::copy(Path::new(env!("CARGO_BIN_EXE_portcullis")), &copy).unwrap();
    let mut command = home.command_of(&copy, arguments);
    command.uid(STRANGER).gid(STRANGER);
    Ran::of(command)
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let home = Home::founded();
    // Otherwise SQLite would restore its pages from the log beside it.
    home.tamper("PRAGMA wal_checkpoint(TRUNCATE)").await;
    fs::write(home.path(DATABASE), "x".repeat(8192)).unwrap();

    let (status, code, message) = home.failed(&["project", "list"]);

    assert_eq!((status, code.as_str()), (4, "unavailable"));
    assert!(message.starts_with("./portcullis-data/portcullis.db: "), "{message}");
    assert!(message.ends_with("check that it is a database of Portcullis which you may read and write"));
}

#[tokio::test]
async fn a_damaged_row_is_named_by_table_column_and_row() {
    let home = Home::founded();
    let (project, _) = home.project_and_key();
    home.tamper("UPDATE api_keys SET allowlist = '10.0.0.1/8' WHERE project <> 'portcullis'").await;

    let (status, code, message) = home.failed(&["key", "list", "--project", &project]);

    assert_eq!((status, code.as_str()), (4, "damaged"));
    assert!(
        message.starts_with("the database is damaged: table api_keys, column allowlist, row pk_"),
        "{message}"
    );
}

#[test]
fn an_answer_that_nobody_can_take_is_not_lost_in_silence() {
    let home = Home::founded();
    let mut command = home.command(&["project", "list"]);
    command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());

    let output = command.output().unwrap();

    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("error: the command was carried out, but its answer could not be written:"),
        "{said}"
    );
}

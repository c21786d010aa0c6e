use std::os::unix::fs::MetadataExt as _;

use insta::assert_snapshot;
use serde_json::Value;

use super::{Home, redacted, terminal};

#[test]
fn init_makes_everything_for_its_owner_alone_and_says_where() {
    let home = Home::empty();

    let said = home.done(&["init"]);

    assert_snapshot!(said, @r"
    Founded an installation in ./portcullis-data.

    issuer      http://127.0.0.1:8080
    database    ./portcullis-data/portcullis.db
    master key  ./portcullis-data/master.key
    admin key   ./portcullis-data/admin-key.json

    Keep a copy of the master key away from the database: without it nothing opens.
    ");
    let mode = |name: &str| home.path(name).metadata().unwrap().mode() & 0o777;
    assert_eq!(mode("portcullis-data"), 0o700);
    for file in ["master.key", "admin-key.json", "portcullis.db"] {
        assert_eq!(mode(&format!("portcullis-data/{file}")), 0o600, "{file}");
    }
}

#[test]
fn off_a_terminal_the_first_secret_is_in_its_file_only() {
    let home = Home::empty();

    let said = home.json(&["init"]);

    let file: Value = serde_json::from_str(&home.read("portcullis-data/admin-key.json")).unwrap();
    assert_eq!(said["founded"], true);
    assert_eq!(said["key_id"], file["key_id"]);
    assert_eq!(said["admin_key"], "./portcullis-data/admin-key.json");
    assert_eq!(said.get("secret"), None);
    assert!(!said.to_string().contains("psk_"));
}

#[test]
fn on_a_terminal_the_first_secret_is_shown_once() {
    let home = Home::empty();

    let (status, screen) = terminal::run(home.command(&["init"]), "");

    assert_eq!(status, 0);
    assert_snapshot!(redacted(&screen), @r"
    Founded an installation in ./portcullis-data.

    issuer      http://127.0.0.1:8080
    database    ./portcullis-data/portcullis.db
    master key  ./portcullis-data/master.key
    admin key   ./portcullis-data/admin-key.json

    The first administrator's key, which ./portcullis-data/admin-key.json holds too:

    key_id  [key]
    secret  [secret]

    Keep a copy of the master key away from the database: without it nothing opens.
    ");
    let (status, screen) = terminal::run(home.command(&["init"]), "");
    assert_eq!((status, screen.contains("psk_")), (0, false), "{screen}");
}

#[test]
fn a_second_init_changes_nothing_and_says_so() {
    let home = Home::founded();
    let before = home.read("portcullis-data/admin-key.json");

    let said = home.done(&["init"]);

    assert!(said.starts_with("There is an installation in ./portcullis-data already; nothing was changed."));
    assert_eq!(home.json(&["init"])["founded"], false);
    assert_eq!(home.read("portcullis-data/admin-key.json"), before);
}

#[test]
fn the_issuer_is_the_setting_or_the_url_of_a_listener_on_this_machine() {
    for (arguments, issuer) in [
        (&["--listen-public", "[::1]:9000"][..], "http://[::1]:9000"),
        (
            &["--listen-public", "0.0.0.0:80", "--issuer", "https://tokens.example.com"],
            "https://tokens.example.com",
        ),
    ] {
        assert_eq!(Home::empty().json(&[&["init"], arguments].concat())["issuer"], issuer);
    }
    for listener in ["0.0.0.0:8080", "192.0.2.7:8080", "127.0.0.1:0"] {
        let home = Home::empty();
        let (status, code, message) = home.failed(&["init", "--listen-public", listener]);
        assert_eq!((status, code.as_str()), (3, "issuer"), "{listener}");
        assert!(
            message.contains("flag --issuer, PORTCULLIS_ISSUER, or `issuer` in portcullis.toml"),
            "{message}"
        );
        assert!(!home.path("portcullis-data").exists(), "nothing is made before the issuer is known");
    }
}

#[test]
fn another_issuer_than_the_one_on_record_is_refused_only_if_somebody_set_it() {
    let home = Home::empty();
    home.done(&["init", "--issuer", "https://tokens.example.com"]);

    assert_eq!(home.json(&["init"])["issuer"], "https://tokens.example.com");
    let (status, code, message) = home.failed(&["init", "--issuer", "https://other.example.com"]);

    assert_eq!((status, code.as_str()), (3, "issuer"));
    assert!(message.contains("as https://tokens.example.com, not as https://other.example.com"), "{message}");
}

#[test]
fn a_master_key_in_the_environment_is_written_nowhere() {
    let mut home = Home::empty();
    home.set("PORTCULLIS_MASTER_KEY", "0f".repeat(32));

    let said = home.done(&["init"]);

    assert!(said.contains("\nmaster key  in PORTCULLIS_MASTER_KEY\n"), "{said}");
    assert_eq!(home.json(&["init"])["master_key"], Value::Null);
    assert!(!home.path("portcullis-data/master.key").exists());
}

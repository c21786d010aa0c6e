//! `doctor`: a sound installation is called sound, and each fault is found and named.

use std::fs;

use serde_json::Value;
use sqlx::Connection as _;

use super::Home;

const MASTER_KEY: &str = "portcullis-data/master.key";

impl Home {
    /// Exit status and what the doctor says.
    fn examined(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = self.run(&[&["doctor", "--json"], arguments].concat());
        (ran.status, serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}")))
    }

    /// That the doctor says this of this check; what is found and what to do.
    fn diagnosed(&self, check: &str, state: &str) -> (String, String) {
        let (status, said) = self.examined(&[]);
        assert_eq!(status, i32::from(state == "wrong"), "{said}");
        assert_eq!(said["ok"], state != "wrong", "{said}");
        let finding = find(&said, check);
        assert_eq!(finding["state"], state, "{said}");
        (finding["found"].as_str().unwrap().to_owned(), finding["fix"].as_str().unwrap().to_owned())
    }
}

fn find<'a>(said: &'a Value, check: &str) -> &'a Value {
    let checks = said["checks"].as_array().unwrap();
    checks.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{check}: {said}"))
}

#[test]
fn a_sound_installation_is_called_sound_and_every_setting_says_where_it_stands() {
    let mut home = Home::founded();
    home.set("PORTCULLIS_LOG_LEVEL", "warn");
    fs::write(home.path("portcullis.toml"), "[revocation]\npoll = \"4s\"\n").unwrap();

    let (status, said) = home.examined(&["--throttle-key-failures", "9"]);

    assert_eq!((status, &said["ok"]), (0, &Value::Bool(true)), "{said}");
    let checks: Vec<_> = said["checks"].as_array().unwrap().iter().collect();
    let names: Vec<_> = checks.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "data directory",
            "files",
            "disk space",
            "database",
            "durability",
            "integrity",
            "clock",
            "installation",
            "issuer",
            "master key",
            "signing keys",
        ]
    );
    assert_eq!(find(&said, "durability")["found"], "synchronous FULL, journal wal");
    let settings = said["settings"].as_array().unwrap();
    let of = |name: &str| {
        let setting = settings.iter().find(|setting| setting["setting"] == name).unwrap();
        format!("{} from {}", setting["value"].as_str().unwrap(), setting["source"].as_str().unwrap())
    };
    assert_eq!(of("log.level"), "warn from environment PORTCULLIS_LOG_LEVEL");
    assert_eq!(of("revocation.poll"), "4s from portcullis.toml line 2");
    assert_eq!(of("throttle.key_failures"), "9 from flag --throttle-key-failures");
    assert_eq!(of("revocation.max_age"), "30s from default");
    let table = home.done(&["doctor"]);
    assert!(table.contains("SETTING") && table.contains("CHECK") && !table.contains("WRONG"), "{table}");
}

#[test]
fn no_secret_is_in_what_the_doctor_says() {
    let mut home = Home::founded();
    let key = home.read(MASTER_KEY).trim().to_owned();
    home.set("PORTCULLIS_MASTER_KEY", &key);

    let said = home.done(&["doctor"]) + &home.done(&["doctor", "--json"]);

    assert!(said.contains("(secret)") && !said.contains(&key), "{said}");
    assert!(!said.contains("psk_"), "{said}");
}

#[test]
fn a_default_project_that_is_not_there_is_named() {
    let mut home = Home::founded();
    let project = home.project("Shop");
    home.set("PORTCULLIS_VERIFY_DEFAULT_PROJECT", &project);
    let (_, said) = home.examined(&[]);
    assert_eq!(find(&said, "default project")["found"], format!("{project}, called Shop"));
    home.set("PORTCULLIS_VERIFY_DEFAULT_PROJECT", "prj_nobodys");
    let (found, fix) = home.diagnosed("default project", "wrong");
    assert!(found.contains("prj_nobodys") && fix.contains("verify.default_project"), "{found}; {fix}");
}

#[test]
fn without_an_installation_the_doctor_says_how_to_come_by_one_and_makes_none() {
    let home = Home::empty();

    let (_, fix) = home.diagnosed("database", "wrong");

    assert!(fix.contains("portcullis init"), "{fix}");
    assert!(!home.path("portcullis-data").exists());
}

#[test]
fn folders_and_files_that_others_can_reach_are_named() {
    let home = Home::founded();
    home.set_mode("portcullis-data", 0o755);
    assert!(home.diagnosed("data directory", "warning").1.contains("chmod 700"));
    home.set_mode("portcullis-data", 0o777);
    assert!(home.diagnosed("data directory", "wrong").1.contains("chmod 700"));
    home.set_mode("portcullis-data", 0o700);
    home.set_mode("portcullis-data/admin-key.json", 0o644);
    let (found, fix) = home.diagnosed("files", "wrong");
    assert!(found.contains("admin-key.json") && fix.contains("chmod 600 ./portcullis-data/admin-key.json"));
}

#[test]
fn a_master_key_that_is_wrong_or_missing_is_found() {
    let home = Home::founded();
    fs::write(home.path(MASTER_KEY), "0f".repeat(32)).unwrap();
    assert!(home.diagnosed("master key", "wrong").0.contains("does not open this database"));
    fs::remove_file(home.path(MASTER_KEY)).unwrap();
    assert!(home.diagnosed("master key", "wrong").1.starts_with("restore it"));
}

#[test]
fn a_database_that_is_none_is_found() {
    let home = Home::founded();
    for end in ["", "-wal", "-shm"] {
        // Some of them may not be there.
        fs::remove_file(home.path(&format!("portcullis-data/portcullis.db{end}"))).ok();
    }
    fs::write(home.path("portcullis-data/portcullis.db"), "x".repeat(8192)).unwrap();
    home.set_mode("portcullis-data/portcullis.db", 0o600);

    assert!(home.diagnosed("database", "wrong").0.starts_with("the database cannot be used"));
}

#[tokio::test]
async fn pages_that_are_not_what_was_written_are_found() {
    let home = Home::founded();
    home.tamper("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let path = home.path("portcullis-data/portcullis.db");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    // The last pages are of tables and indexes that opening does not read.
    bytes[end - 2 * 4096..].fill(0xA5);
    fs::write(&path, bytes).unwrap();

    assert!(home.diagnosed("integrity", "wrong").1.contains("restore a backup"));
}

#[tokio::test]
async fn a_database_that_somebody_holds_is_found() {
    let home = Home::founded();
    let mut holder = home.database().await;
    let transaction = holder.begin_with("BEGIN IMMEDIATE").await.unwrap();

    assert!(home.diagnosed("database", "wrong").0.contains("locked by another process"));
    transaction.rollback().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_inside_the_database_is_found() {
    let home = Home::founded();
    home.tamper("UPDATE installation SET backup_mark = 'a copy'").await;
    assert!(home.diagnosed("installation", "wrong").1.contains("portcullis restore"));
    home.tamper("UPDATE installation SET backup_mark = NULL").await;

    home.tamper("INSERT INTO nodes VALUES ('n', 0, 4102444800000, 0, 0, 30000)").await;
    assert!(home.diagnosed("clock", "wrong").1.contains("NTP"));
    home.tamper("DELETE FROM nodes").await;

    home.tamper("UPDATE signing_keys SET retires_at = 1").await;
    assert!(home.diagnosed("signing keys", "wrong").0.starts_with("0 signing"));
    home.tamper("UPDATE signing_keys SET retires_at = NULL, sealed = x'00'").await;
    assert!(home.diagnosed("signing keys", "wrong").0.contains("damaged"));
}

#[test]
fn an_issuer_that_contradicts_the_settings_or_the_listener_is_found() {
    let mut home = Home::founded();
    home.set("PORTCULLIS_LISTEN_PUBLIC", "127.0.0.1:9999");
    assert!(home.diagnosed("issuer", "wrong").1.contains("http://127.0.0.1:8080"));
    home.set("PORTCULLIS_ISSUER", "http://127.0.0.1:8080");
    assert!(home.diagnosed("issuer", "warning").0.contains("127.0.0.1:9999"));
    home.set("PORTCULLIS_ISSUER", "https://tokens.example.com");
    assert_eq!(home.diagnosed("issuer", "wrong").0.matches("https://tokens.example.com").count(), 1);
}

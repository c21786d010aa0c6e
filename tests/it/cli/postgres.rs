//! `database = "postgres://…"` is all that an operator changes.

use std::process::Stdio;

use serde_json::Value;

use super::Home;
use crate::support::{PostgresDatabase, Serving};

const MASTER_KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const ISSUER: &str = "https://tokens.example.com";

/// A folder whose settings name this database; each is another machine.
fn machine(database: &PostgresDatabase) -> Home {
    let mut home = Home::empty();
    home.set("PORTCULLIS_DATABASE", database.url());
    home.set("PORTCULLIS_MASTER_KEY", MASTER_KEY);
    home.set("PORTCULLIS_ISSUER", ISSUER);
    home
}

#[tokio::test]
async fn a_database_on_a_server_is_all_that_is_set() {
    let database = PostgresDatabase::bare().await;
    let mut home = machine(&database);
    home.set("PORTCULLIS_DATABASE", database.tcp_url());

    let (status, code, message) = home.failed(&["project", "list"]);
    assert_eq!((status, code.as_str()), (3, "no_installation"), "{message}");
    assert!(message.contains("portcullis:***@127.0.0.1"), "{message}");
    let steps = home.json(&["migrate", "status"]);
    assert!(steps["items"].as_array().unwrap().iter().all(|step| step["state"] == "pending"), "{steps}");

    let setup = home.json(&["init"]);
    assert_eq!((&setup["founded"], &setup["issuer"]), (&Value::Bool(true), &ISSUER.into()));
    assert!(setup["database"].as_str().unwrap().contains(":***@"), "{setup}");
    assert!(
        !home.path("portcullis-data/portcullis.db").exists()
            && !home.path("portcullis-data/master.key").exists()
    );
    assert!(home.path("portcullis-data/admin-key.json").exists());
    let steps = home.json(&["migrate", "run"]);
    assert!(steps["items"].as_array().unwrap().iter().all(|step| step["state"] == "applied"), "{steps}");

    // Another machine finds what the first one has made, and no administrator's key.
    let (project, key) = home.project_and_key();
    let other = machine(&database);
    assert_eq!(other.json(&["init"])["founded"], false);
    assert_eq!(other.json(&["key", "show", &key])["project"], project.as_str());
    assert!(!other.path("portcullis-data/admin-key.json").exists());
    other.done(&["audit", "verify"]);
}

#[tokio::test]
async fn a_master_key_is_made_for_no_database_that_other_machines_share() {
    let database = PostgresDatabase::bare().await;
    let mut home = Home::empty();
    home.set("PORTCULLIS_DATABASE", database.url());
    home.set("PORTCULLIS_ISSUER", ISSUER);

    let (status, code, message) = home.failed(&["init"]);

    assert_eq!((status, code.as_str()), (3, "master_key"));
    assert!(message.contains("openssl rand -hex 32"), "{message}");
    assert!(!home.path("portcullis-data/master.key").exists());
    assert!(!home.path("portcullis-data/admin-key.json").exists());
}

/// Both say that there is an installation; one has founded it and holds its administrator's key.
#[tokio::test]
async fn of_many_machines_that_begin_at_once_one_founds() {
    let database = PostgresDatabase::bare().await;
    let homes: Vec<Home> = (0..4).map(|_| machine(&database)).collect();
    let running: Vec<_> = homes
        .iter()
        .map(|home| {
            let mut command = home.command(&["init", "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut founded = 0;
    for (child, home) in running.into_iter().zip(&homes) {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let setup: Value = serde_json::from_slice(&output.stdout).unwrap();
        let has_key = home.path("portcullis-data/admin-key.json").exists();
        assert_eq!(setup["founded"], has_key, "{setup}");
        founded += usize::from(has_key);
    }
    assert_eq!(founded, 1);
    let log = homes[0].json(&["audit", "list"]);
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");
}

#[tokio::test]
async fn the_doctor_knows_the_server_and_never_says_the_password() {
    let database = PostgresDatabase::bare().await;
    let mut home = machine(&database);
    home.set("PORTCULLIS_DATABASE", database.tcp_url());
    home.done(&["init"]);

    let ran = home.run(&["doctor", "--json"]);
    let (plain, said): (_, Value) = (home.run(&["doctor"]), serde_json::from_str(&ran.stdout).unwrap());

    let find = |check: &str| {
        let checks = said["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|finding| finding["check"] == check)
            .unwrap_or_else(|| panic!("{check}: {said}"))
            .clone()
    };
    assert!(find("database")["found"].as_str().unwrap().contains(", PostgreSQL "), "{said}");
    // The server of the tests does not wait for its disk.
    assert_eq!((&find("durability")["state"], ran.status), (&"wrong".into(), 1));
    assert!(find("durability")["found"].as_str().unwrap().starts_with("fsync off, "));
    for check in ["integrity", "clock", "installation", "issuer", "master key", "signing keys"] {
        assert_eq!(find(check)["state"], "ok", "{said}");
    }
    let all = ran.stdout + &ran.stderr + &plain.stdout + &plain.stderr;
    assert!(!all.contains("secret%2F") && !all.contains("no%2Bsecret") && !all.contains(MASTER_KEY), "{all}");
}

#[tokio::test]
async fn a_loaded_copy_is_restored_in_its_place() {
    let database = PostgresDatabase::bare().await;
    let home = machine(&database);
    home.done(&["init"]);
    let (_, key) = home.project_and_key();

    let (status, code, message) = home.failed(&["backup", "copy.db"]);
    assert_eq!((status, code.as_str()), (1, "elsewhere"));
    assert!(message.contains("pg_dump"), "{message}");
    assert!(!home.path("copy.db").exists());
    let (status, _, message) = home.failed(&["restore", "copy.db"]);
    assert_eq!(status, 2);
    assert!(message.contains("restore --in-place"), "{message}");

    let restored = home.json(&["restore", "--in-place"]);

    let blocked: Vec<_> =
        restored["blocked"].as_array().unwrap().iter().map(|blocked| blocked["key_id"].clone()).collect();
    assert!(blocked.contains(&key.as_str().into()), "{restored}");
    assert!(restored["position"].as_u64().unwrap() > 1_000_000_000_000_000, "{restored}");
    assert_eq!(home.json(&["key", "show", &key])["state"], "blocked");
    home.done(&["key", "unblock", &key]);
    home.done(&["audit", "verify"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_fix() {
    let mut home = Home::empty();
    home.set("PORTCULLIS_DATABASE", "postgres://u:hunter2@127.0.0.1:1/none");

    let (status, code, message) = home.failed(&["project", "list"]);

    assert_eq!((status, code.as_str()), (4, "unavailable"));
    assert!(
        message.starts_with("postgres://u:***@127.0.0.1:1/none: the database cannot be used: "),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
}

/// Two servers on two machines, and the shell of a third: what is blocked there is dead on both.
#[tokio::test]
async fn servers_on_one_database_follow_the_shell_of_any_machine() {
    let database = PostgresDatabase::bare().await;
    let shell = machine(&database);
    shell.done(&["init"]);
    let (_, key) = shell.project_and_key();
    let secret = shell.json(&["key", "regenerate", &key])["secret"].as_str().unwrap().to_owned();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let variables = [
        ("PORTCULLIS_DATABASE", database.url()),
        ("PORTCULLIS_MASTER_KEY", MASTER_KEY.into()),
        ("PORTCULLIS_ISSUER", ISSUER.into()),
    ];
    let servers = folders.each_ref().map(|folder| Serving::start_with(folder.path(), &variables));
    let http = reqwest::Client::new();
    let minted = http
        .post(format!("{}/oauth/token", servers[0].url))
        .basic_auth(&key, Some(&secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let minted: Value = minted.send().await.unwrap().json().await.unwrap();
    let token = minted["access_token"].as_str().unwrap_or_else(|| panic!("{minted}")).to_owned();
    let status = async |server: &Serving| {
        let request = http.get(format!("{}/v1/auth/verify", server.url)).bearer_auth(&token);
        request.send().await.unwrap().status().as_u16()
    };
    for server in &servers {
        assert_eq!(status(server).await, 200);
    }

    shell.done(&["key", "block", &key]);

    let dead = async {
        for server in &servers {
            while status(server).await != 401 {}
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), dead).await.unwrap();
    assert_eq!(shell.json(&["nodes"])["items"].as_array().unwrap().len(), 2);
}

//! The master key is rotated: everything lives on, and nothing that happens meanwhile locks the
//! owner out.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

use portcullis::config::{Environment, Flags, Settings};
use portcullis::domain::audit::Actor;
use portcullis::entropy::SystemEntropy;
use portcullis::installation::Surroundings;
use portcullis::installation::master::{Prepared, Rotation};
use portcullis::time::SystemClock;
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::Home;
use crate::support::Serving;

const MASTER_KEY: &str = "portcullis-data/master.key";
const NEXT: &str = "portcullis-data/master.key.next";
const DATABASE: &str = "portcullis-data/portcullis.db";
const ROTATE: [&str; 2] = ["master-key", "rotate"];

fn surroundings() -> Surroundings {
    Surroundings { clock: SystemClock::shared(), entropy: SystemEntropy::shared() }
}

impl Home {
    /// A rotation up to the moment before the database knows of it.
    async fn prepared(&self) -> Prepared {
        let data = self.path("portcullis-data").display().to_string();
        let environment = Environment::from_iter([("PORTCULLIS_DATA_DIR", data)]);
        let settings = Settings::load(&Flags::default(), &environment).unwrap();
        let rotation = Rotation { key: None, actor: Actor::Local(0), detail: json!({}) };
        rotation.prepare(&settings, &surroundings()).await.unwrap()
    }

    /// All that a rotation may not touch.
    async fn untouched(&self) -> Vec<(String, Vec<u8>)> {
        let mut database = self.database().await;
        let rows = sqlx::query_as(
            "SELECT kid, sealed FROM signing_keys UNION ALL SELECT key, digest FROM api_key_secrets \
             UNION ALL SELECT 'feed', CAST(position AS BLOB) FROM feed_counter ORDER BY 1, 2",
        )
        .fetch_all(&mut database)
        .await
        .unwrap();
        database.close().await.unwrap();
        rows
    }

    async fn sealed(&self) -> Vec<Vec<u8>> {
        let mut database = self.database().await;
        let sealed = sqlx::query_scalar("SELECT sealed FROM data_keys").fetch_all(&mut database).await;
        database.close().await.unwrap();
        sealed.unwrap()
    }

    fn opens(&self) -> bool {
        self.run(&["project", "list"]).status == 0
    }
}

struct Customer {
    http: Client,
    id: String,
    secret: String,
}

impl Customer {
    fn new(home: &Home) -> Self {
        let project = home.project("Shop");
        home.done(&["scope", "set", "orders:read", "--project", &project]);
        let create = ["key", "create", "--project", &project, "--name", "k", "--permission", "orders:read"];
        let made = home.json(&create);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self { http: Client::new(), id: text("key_id"), secret: text("secret") }
    }

    async fn token(&self, serving: &Serving) -> String {
        let request = self.http.post(format!("{}/oauth/token", serving.url));
        let request = request
            .basic_auth(&self.id, Some(&self.secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    async fn passes(&self, serving: &Serving, token: &str) -> bool {
        let request = self.http.get(format!("{}/v1/auth/verify", serving.url)).bearer_auth(token);
        request.send().await.unwrap().status() == 200
    }
}

#[tokio::test]
async fn a_running_server_goes_on_and_starts_again_with_the_new_master_key_only() {
    let home = Home::founded();
    let customer = Customer::new(&home);
    let serving = Serving::start(&home.path(""));
    let token = customer.token(&serving).await;
    let (old, before, sealed) = (home.read(MASTER_KEY), home.untouched().await, home.sealed().await);

    let said = home.json(&[&ROTATE[..], &["--reason", "key_compromise"]].concat());

    assert_ne!(home.read(MASTER_KEY), old);
    assert_eq!(home.path(MASTER_KEY).metadata().unwrap().mode() & 0o777, 0o600);
    assert!(!home.path(NEXT).exists());
    let aside = said["old_master_key"].as_str().unwrap();
    assert_eq!((&said["changed"], home.read(aside)), (&json!(true), old.clone()));
    assert_eq!(home.untouched().await, before);
    let last = home.json(&["audit", "list"])["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["act"], "master_key.rotate");
    assert!(last["detail"].to_string().contains("key_compromise"), "{last}");
    home.done(&["audit", "verify"]);
    let next = customer.token(&serving).await;
    assert!(customer.passes(&serving, &next).await && customer.passes(&serving, &token).await);

    serving.kill();
    let serving = Serving::start(&home.path(""));
    assert!(customer.passes(&serving, &token).await, "minted before the rotation");
    let third = customer.token(&serving).await;
    assert!(customer.passes(&serving, &third).await);
    serving.kill();
    home.done(&ROTATE);
    let file = fs::read(home.path(DATABASE)).unwrap();
    let log = fs::read(home.path(&format!("{DATABASE}-wal"))).unwrap_or_default();
    for old in sealed {
        let is_in = |hay: &[u8]| hay.windows(old.len()).any(|part| part == old);
        assert!(!is_in(&file) && !is_in(&log), "the old master key would still open this file");
    }
    fs::write(home.path(MASTER_KEY), old).unwrap();
    for command in [&["project", "list"][..], &["serve", "--listen-public", "127.0.0.1:0"], &ROTATE] {
        let (status, code, message) = home.failed(command);
        assert_eq!((status, code.as_str()), (3, "master_key"));
        assert!(message.contains("does not open this database"), "{message}");
    }
}

/// What a crash leaves behind is what is there when the next step is not taken: each ends with what
/// it did being on the disk.
#[tokio::test]
async fn cut_off_at_any_step_the_installation_opens_and_the_work_is_finished() {
    let home = Home::founded();
    let old = home.read(MASTER_KEY);

    drop(home.prepared().await);
    assert!(home.path(NEXT).exists());
    assert!(home.opens());
    assert_eq!(home.read(MASTER_KEY), old, "the database knows nothing of the other key");

    drop(home.prepared().await.commit().await.unwrap());
    let new = home.read(NEXT);
    assert_eq!(home.read(MASTER_KEY), old);
    let (status, said) = (home.run(&["doctor"]).status, home.json(&["doctor"]));
    assert_eq!(status, 0, "{said}");
    assert!(said.to_string().contains("a rotation was cut off"), "{said}");
    assert_eq!(home.read(NEXT), new, "the doctor only looks");
    // The last step, half done.
    fs::hard_link(home.path(MASTER_KEY), home.path("portcullis-data/master.key.replaced-1")).unwrap();
    assert!(home.opens());
    assert_eq!((home.read(MASTER_KEY), home.path(NEXT).exists()), (new, false));
    assert!(home.opens());

    // A rotation that finds another one half done finishes that one first.
    drop(home.prepared().await.commit().await.unwrap());
    let second = home.read(NEXT);
    home.done(&ROTATE);
    assert_ne!(home.read(MASTER_KEY), second);
    assert!(home.opens());
    let kept = home.beginning("portcullis-data", "master.key.replaced-");
    assert!(kept.iter().any(|file| fs::read_to_string(file).unwrap() == second), "{kept:?}");
    home.done(&["audit", "verify"]);
}

#[tokio::test]
async fn killed_as_soon_as_there_is_a_new_key_the_installation_opens() {
    let home = Home::founded();
    for _ in 0..10 {
        home.killed_at(&ROTATE, || home.path(NEXT).exists());
        assert!(home.opens());
    }
    home.done(&ROTATE);
    home.done(&["audit", "verify"]);
}

#[test]
fn with_the_master_key_in_the_environment_the_new_one_is_given_too() {
    let (old, new) = ("0f".repeat(32), "1e".repeat(32));
    let with = |mut home: Home, variables: &[(&'static str, &str)]| {
        for (name, value) in variables {
            home.set(name, *value);
        }
        home
    };
    let home = with(Home::empty(), &[("PORTCULLIS_MASTER_KEY", &old)]);
    home.done(&["init"]);
    let (status, code, message) = home.failed(&ROTATE);
    assert_eq!((status, code.as_str()), (2, "usage"));
    assert!(message.contains("PORTCULLIS_NEW_MASTER_KEY") && message.contains("--new-key-file"), "{message}");
    let home = with(home, &[("PORTCULLIS_NEW_MASTER_KEY", &old)]);
    assert_eq!(home.failed(&ROTATE).1, "master_key");
    let home = with(home, &[("PORTCULLIS_NEW_MASTER_KEY", &new[1..])]);
    let (status, _, message) = home.failed(&ROTATE);
    assert_eq!(status, 3);
    assert!(
        message.contains("(environment PORTCULLIS_NEW_MASTER_KEY)") && !message.contains("1e1e"),
        "{message}"
    );
    let home = with(home, &[("PORTCULLIS_NEW_MASTER_KEY", &new)]);

    let said = home.json(&ROTATE);

    assert_eq!(said, json!({ "changed": true, "master_key": null, "old_master_key": null }));
    assert!(!home.path(MASTER_KEY).exists() && !home.path(NEXT).exists());
    assert!(!home.opens(), "the old key is the wrong one now");
    // Run once more, as after a crash: both keys are there, and one of them fits.
    assert_eq!(home.json(&ROTATE)["changed"], false);
    let home = with(home, &[("PORTCULLIS_MASTER_KEY", &new)]);
    assert!(home.opens());
    home.done(&["audit", "verify"]);
}

#[test]
fn a_key_of_ones_own_is_taken_from_a_file_that_is_private() {
    let home = Home::founded();
    let (old, new) = (home.read(MASTER_KEY), "2d".repeat(32));
    let rotate = ["master-key", "rotate", "--new-key-file", "new.key"];
    let refused = |status, code: &str| {
        let (status_said, code_said, message) = home.failed(&rotate);
        assert_eq!((status_said, code_said.as_str()), (status, code), "{message}");
        assert!(!message.contains("2d2d"), "{message}");
        assert!(home.opens());
        message
    };
    assert!(refused(1, "input").contains("new.key"));
    fs::write(home.path("new.key"), &new[1..]).unwrap();
    assert!(refused(3, "master_key").contains("chmod 600"));
    home.set_mode("new.key", 0o600);
    assert!(refused(1, "input").contains("openssl rand -hex 32"));
    fs::write(home.path("new.key"), &old).unwrap();
    assert!(refused(1, "master_key").contains("nothing was changed"));
    fs::write(home.path("new.key"), format!("{new}\n")).unwrap();

    home.done(&rotate);

    assert_eq!(home.read(MASTER_KEY).trim(), new);
    assert!(home.opens());
}

#[test]
fn two_rotations_do_not_get_into_each_others_way() {
    let home = Home::founded();
    let lock = File::create(home.path("portcullis-data/rotate.lock")).unwrap();
    lock.try_lock().unwrap();
    let (status, code, message) = home.failed(&ROTATE);
    assert_eq!((status, code.as_str()), (4, "unavailable"));
    assert!(message.contains("is being rotated by another process"), "{message}");
    assert!(!home.path(NEXT).exists() && home.opens());
}

#[test]
fn a_backup_opens_under_the_master_key_of_its_day() {
    let mut home = Home::founded();
    let old = home.read(MASTER_KEY).trim().to_owned();
    home.done(&["backup", "before.db"]);
    home.done(&ROTATE);
    home.done(&["backup", "after.db"]);

    let (status, code, _) = home.failed(&["restore", "before.db", "--replace"]);
    assert_eq!((status, code.as_str()), (3, "master_key"));
    home.done(&["restore", "after.db", "--replace"]);
    home.set("PORTCULLIS_MASTER_KEY", old);
    home.done(&["restore", "before.db", "--replace"]);
    assert!(home.opens());
}

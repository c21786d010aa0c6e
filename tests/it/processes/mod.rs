//! Promise P2 between real processes: the shell acts on the database, the server beside it follows.
//!
//! The bound of the promise is asserted; how long it really took is printed.

mod crash;
mod disk;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Serving, plain_client};

/// Within this every revoked token must be refused, whatever happens.
const PROMISED: Duration = Duration::from_mins(1);

struct Scene {
    serving: Serving,
    _folder: tempfile::TempDir,
    http: reqwest::Client,
    key: String,
    secret: String,
}

impl Scene {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let serving = Serving::start(folder.path());
        let project = serving.shell(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
        serving.shell(&["scope", "set", "api", "--project", &project, "--include", "orders:read"]);
        let made = ["key", "create", "--project", &project, "--name", "k", "--permission", "api"];
        let made = serving.shell(&made);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let (key, secret) = (text("key_id"), text("secret"));
        Self { serving, _folder: folder, http: plain_client(), key, secret }
    }

    async fn mint(&self) -> (u16, Value) {
        let request = self.http.post(format!("{}/oauth/token", self.serving.url));
        let request = request
            .basic_auth(&self.key, Some(&self.secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn token(&self) -> String {
        let (status, body) = self.mint().await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    async fn verify(&self, token: &str) -> (u16, Value) {
        let request = self.http.get(format!("{}/v1/auth/verify", self.serving.url)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Acts, and waits until the token is refused.
    #[expect(clippy::disallowed_methods, reason = "the other process lives by the machine's clock")]
    async fn kills(&self, token: &str, act: &[&str]) {
        assert_eq!(self.verify(token).await.0, 200, "before {act:?}");
        self.serving.shell(act);
        let began = Instant::now();
        loop {
            let (status, body) = self.verify(token).await;
            if status == 401 {
                assert_eq!(body["reason"], "revoked", "{body}");
                break;
            }
            assert!(began.elapsed() < PROMISED, "a minute after {act:?} the token passes: {body}");
        }
        report(&format!("{act:?}: refused {} ms after the command ended", began.elapsed().as_millis()));
    }
}

#[expect(clippy::print_stderr, reason = "a figure for people; what is promised is asserted")]
fn report(figure: &str) {
    eprintln!("{figure}");
}

#[tokio::test]
async fn whatever_the_shell_takes_away_the_running_server_refuses() {
    let scene = Scene::set();
    let key = scene.key.as_str();
    scene.kills(&scene.token().await, &["key", "revoke-tokens", key]).await;
    scene.kills(&scene.token().await, &["key", "edit", key, "--allow", "127.0.0.0/8"]).await;
    let project = scene.serving.shell(&["key", "show", key])["project"].as_str().unwrap().to_owned();
    scene.kills(&scene.token().await, &["scope", "remove", "api", "--project", &project]).await;
    let old = scene.token().await;
    scene.kills(&old, &["key", "block", key, "--reason", "key_compromise"]).await;
    assert_eq!(scene.mint().await.0, 401);
    scene.serving.shell(&["key", "unblock", key]);
    let new = scene.token().await;
    assert_eq!(scene.verify(&old).await.0, 401, "the old token stays dead");
    scene.kills(&new, &["key", "delete", key, "--yes"]).await;
    assert_eq!(scene.mint().await.0, 401);
}

#[tokio::test]
async fn a_new_secret_leaves_the_tokens_alone_and_ends_the_old_one_at_once() {
    let mut scene = Scene::set();
    let token = scene.token().await;
    let new = scene.serving.shell(&["key", "regenerate", &scene.key])["secret"].as_str().unwrap().to_owned();
    // Asked for after the act was acknowledged: whatever is remembered, nothing is minted on it.
    assert_eq!(scene.mint().await.0, 401);
    assert_eq!(scene.verify(&token).await.0, 200);
    scene.secret = new;
    assert_eq!(scene.mint().await.0, 200);
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Serving::start(folder.path());
    let second = first.try_shell(&["serve", "--listen-public", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(4), "{said}");
    assert!(said.contains("another `portcullis serve` runs on"), "{said}");
}

#[test]
fn a_lost_database_is_not_founded_anew_over_the_key_that_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let data = folder.path().join("portcullis-data");
    let admin_key = std::fs::read(data.join("admin-key.json")).unwrap();
    for file in ["portcullis.db", "portcullis.db-wal", "portcullis.db-shm"] {
        std::fs::remove_file(data.join(file)).unwrap();
    }
    let again = serving.try_shell(&["init"]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(3), "{said}");
    assert!(said.contains("restore the database"), "{said}");
    assert_eq!(std::fs::read(data.join("admin-key.json")).unwrap(), admin_key);
    assert!(!data.join("portcullis.db").exists());
}

//! Promise P5 (threat S24): the server is killed under load, twenty times. Whatever it has
//! acknowledged holds afterwards.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use reqwest::Client;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::process::Command;
use tokio::sync::watch;

use crate::support::{App, PROGRAM, Serving, part, plain_client};

const ROUNDS: usize = 20;
const CLIENTS: usize = 4;

/// What was acknowledged, and so must hold.
#[derive(Default)]
struct Ledger {
    /// Tokens that a client has in its hands.
    received: Vec<String>,
    /// Those of them that were revoked, or whose key was.
    dead: Vec<String>,
    /// Those that somebody set out to revoke, whether or not it was acknowledged.
    doomed: HashSet<String>,
    /// Acts and what they were done to.
    acts: Vec<(&'static str, String)>,
}

/// One server's life, as those who use it see it.
#[derive(Clone)]
struct Scene {
    folder: Arc<tempfile::TempDir>,
    url: String,
    project: String,
    http: Client,
    ledger: Arc<Mutex<Ledger>>,
    /// How many tokens came and how many keys were blocked since the server started.
    progress: watch::Sender<(usize, usize)>,
}

struct Holder {
    id: String,
    secret: String,
}

impl Scene {
    /// None if nobody answered to the end: the server is gone.
    async fn post(&self, key: &Holder, path: &str, form: String) -> Option<(u16, Value)> {
        let request = self.http.post(format!("{}{path}", self.url)).basic_auth(&key.id, Some(&key.secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    async fn mint(&self, key: &Holder) -> Option<String> {
        let (status, body) = self.post(key, "/oauth/token", "grant_type=client_credentials".into()).await?;
        assert_eq!(status, 200, "{body}");
        let token = body["access_token"].as_str().unwrap().to_owned();
        self.ledger.lock().unwrap().received.push(token.clone());
        self.progress.send_modify(|(tokens, _)| *tokens += 1);
        Some(token)
    }

    async fn verify(&self, token: &str) -> u16 {
        let request = self.http.get(format!("{}/v1/auth/verify", self.url)).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    }

    /// A command beside the server; killed too when this is dropped.
    async fn shell(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--json").current_dir(self.folder.path()).kill_on_drop(true);
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn act(&self, act: &'static str, arguments: &[&str], target: Option<&str>) -> Value {
        let said = self.shell(arguments).await;
        let target = target.unwrap_or_else(|| said["key_id"].as_str().unwrap()).to_owned();
        self.ledger.lock().unwrap().acts.push((act, target));
        said
    }

    async fn new_key(&self) -> Holder {
        let create =
            ["key", "create", "--project", &self.project, "--name", "k", "--permission", "orders:read"];
        let made = self.act("key.create", &create, None).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Holder { id: text("key_id"), secret: text("secret") }
    }

    /// Mints as fast as it can, and revokes every third token.
    async fn client(self, key: Arc<Holder>) {
        for turn in 1.. {
            let Some(token) = self.mint(&key).await else { return };
            if turn % 3 == 0 {
                self.ledger.lock().unwrap().doomed.insert(token.clone());
                let Some((status, _)) = self.post(&key, "/oauth/revoke", format!("token={token}")).await
                else {
                    return;
                };
                assert_eq!(status, 200);
                self.ledger.lock().unwrap().dead.push(token);
            }
        }
    }

    /// Makes keys, blocks them, unblocks them.
    async fn administrator(self) {
        loop {
            let key = self.new_key().await;
            let token = self.mint(&key).await;
            self.ledger.lock().unwrap().doomed.extend(token.clone());
            self.act("key.block", &["key", "block", &key.id], Some(&key.id)).await;
            self.ledger.lock().unwrap().dead.extend(token);
            self.progress.send_modify(|(_, blocks)| *blocks += 1);
            self.act("key.unblock", &["key", "unblock", &key.id], Some(&key.id)).await;
        }
    }

    /// Everybody at work, until in the midst of it server and administrator are killed.
    async fn until_killed(&self, serving: Serving, keys: &[Arc<Holder>], tokens: usize) {
        let clients: Vec<_> = keys.iter().map(|key| tokio::spawn(self.clone().client(key.clone()))).collect();
        let administrator = tokio::spawn(self.clone().administrator());
        let mut progress = self.progress.subscribe();
        progress.wait_for(|done| done.0 >= tokens && done.1 >= 1).await.unwrap();
        serving.kill();
        for client in clients {
            client.await.unwrap();
        }
        administrator.abort();
        let ended = administrator.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()));
    }

    /// What was acknowledged so far holds at the server that runs now.
    async fn check(&self, dead_before: usize) -> usize {
        let ledger = std::mem::take(&mut *self.ledger.lock().unwrap());
        let issued = issued(self.folder.path()).await;
        for token in &ledger.received {
            let jti = part(token, 1)["jti"].as_str().unwrap().to_owned();
            assert!(issued.contains(&jti), "a token is out that the log does not hold");
        }
        for token in &ledger.dead[dead_before..] {
            assert_eq!(self.verify(token).await, 401, "a revoked token came back to life");
        }
        let alive = ledger.received.iter().rev().find(|token| !ledger.doomed.contains(*token)).unwrap();
        assert_eq!(self.verify(alive).await, 200, "who refuses everybody is no judge");
        let so_far = ledger.dead.len();
        *self.ledger.lock().unwrap() = ledger;
        so_far
    }
}

/// The ids of all tokens in the log.
async fn issued(folder: &Path) -> HashSet<String> {
    use base64::Engine as _;
    let database = folder.join("portcullis-data/portcullis.db");
    let mut connection = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT jti FROM issued_tokens").fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|jti| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(jti)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_acknowledged_holds_after_the_server_was_killed_under_load() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut serving = Serving::start(folder.path());
    let project = serving.shell(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
    let (http, ledger) = (plain_client(), Arc::default());
    let progress = watch::Sender::new((0, 0));
    let mut scene = Scene { folder, url: serving.url.clone(), project, http, ledger, progress };
    let mut keys = Vec::new();
    for _ in 0..CLIENTS {
        keys.push(Arc::new(scene.new_key().await));
    }

    let mut dead = 0;
    for round in 0..ROUNDS {
        // Another moment each time.
        scene.until_killed(serving, &keys, 10 + 7 * round % 20).await;
        serving = Serving::start(scene.folder.path());
        scene.url.clone_from(&serving.url);
        scene.progress = watch::Sender::new((0, 0));
        dead = scene.check(dead).await;
    }

    scene.check(0).await;
    scene.shell(&["audit", "verify"]).await;
    let mut audited = HashSet::new();
    let mut after = "0".to_owned();
    loop {
        let page = scene.shell(&["audit", "list", "--limit", "1000", "--after", &after]).await;
        for row in page["items"].as_array().unwrap() {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            audited.insert((text("act"), text("target")));
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    for (act, target) in &scene.ledger.lock().unwrap().acts {
        assert!(audited.contains(&((*act).to_owned(), target.clone())), "{act} {target} is not in the log");
    }
    let ledger = scene.ledger.lock().unwrap();
    let counts = (ledger.received.len(), ledger.dead.len(), ledger.acts.len());
    super::report(&format!("{ROUNDS} kills: {counts:?} tokens received, revoked, acts acknowledged"));
}

/// Asked of the connection that writes, by the store that has it.
#[tokio::test]
async fn a_running_servers_commits_wait_for_the_disk() {
    let app = App::start().await;
    let health = app.server.store.health().await.unwrap();
    assert_eq!(health.durable, (true, "synchronous FULL, journal wal".to_owned()));
}

//! What is told of a request: an id to whoever asks, one line to whoever runs the server, and to
//! nobody what is secret.

use std::io;
use std::sync::{Arc, Mutex};

use portcullis::config::{Log, LogFormat};
use portcullis::telemetry;
use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tracing::{Level, subscriber};

use crate::support::{App, Build, Send};

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Everything that this thread logs, as the program would write it off a terminal.
    fn at(level: Level) -> (Self, subscriber::DefaultGuard) {
        let lines = Self::default();
        let log = Log { format: LogFormat::Auto, level, level_is_set: true };
        let writer = lines.clone();
        let guard = subscriber::set_default(telemetry::subscriber(&log, false, move || writer.clone()));
        (lines, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn all(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last line that was written within a request.
    fn last(&self) -> Value {
        self.all().into_iter().rfind(|line| line["span"]["name"] == "request").expect("a line of a request")
    }
}

async fn id(request: Send) -> String {
    request.send().await.header("x-request-id").to_owned()
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let mint =
        || app.post("/oauth/token", "grant_type=client_credentials").basic(key.id.as_str(), &key.secret);
    let mut ids = vec![
        id(mint()).await,
        id(mint()).await,
        id(app.post("/oauth/token", "grant_type=client_credentials")).await,
        id(app.get("/healthz")).await,
        id(app.get("/nowhere")).await,
        id(app.get("/oauth/token")).await,
        id(app.get("/healthz").without("host")).await,
    ];
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(ids.iter().all(|id| id.len() == 16 && id.bytes().all(is_safe)), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}

#[tokio::test]
async fn an_id_is_taken_from_a_trusted_proxy_and_only_if_it_is_harmless() {
    let app = Build::default().set("PORTCULLIS_CLIENT_ADDRESS_TRUSTED_PROXIES", "10.0.0.0/8").start().await;
    let from = |address: &str, id: &str| app.get("/healthz").from(address).header("x-request-id", id);
    let longest = "a".repeat(64);
    for good in ["7", "4bf92f35-77b3.4da6_A3ce", &longest] {
        assert_eq!(id(from("10.1.2.3", good)).await, good);
        assert_eq!(id(from("::ffff:10.1.2.3", good)).await, good);
        assert_ne!(id(from("192.0.2.1", good)).await, good, "a stranger's");
    }
    let too_long = "a".repeat(65);
    for bad in ["", "a b", "a\"b", "a,b", "{}", "<b>", "a;b", "a/b", &too_long] {
        assert_ne!(id(from("10.1.2.3", bad)).await, bad);
    }
    assert_eq!(id(from("10.1.2.3", "one").header("x-request-id", "two")).await.len(), 16, "two are none");
    let not_ascii = app.get("/healthz").from("10.1.2.3").header_bytes("x-request-id", b"\xff");
    assert_eq!(id(not_ascii).await.len(), 16);
    assert_eq!(id(app.get("/healthz").without_address().header("x-request-id", "x")).await.len(), 16);
}

#[tokio::test]
async fn a_request_leaves_one_line_with_what_became_of_it_and_nothing_that_it_carried() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let (lines, _guard) = Lines::at(Level::DEBUG);
    let form = "grant_type=client_credentials&scope=api&x=canary-of-the-form";
    let mint = app.post("/oauth/token", form).basic(key.id.as_str(), &key.secret);

    let answer = mint.from("203.0.113.77").header("x-canary", "canary-of-a-header").send().await;

    let line = lines.last();
    let span = &line["span"];
    assert_eq!(span["request.id"], answer.header("x-request-id"));
    assert_eq!((&span["http.method"], &span["http.route"]), (&"POST".into(), &"/oauth/token".into()));
    assert_eq!(span["client.network"], "203.0.113.0/24");
    assert_eq!((&line["http.status"], &line["level"]), (&200.into(), &"DEBUG".into()));
    assert!(line["duration_ms"].is_u64(), "{line}");
    let told = lines.text();
    for canary in ["canary-of", "203.0.113.77", &key.secret, &answer.token()] {
        assert!(!told.contains(canary), "{canary}: {told}");
    }
}

#[tokio::test]
async fn a_stranger_writes_nothing_into_the_log() {
    let app = App::start().await;
    let (lines, _guard) = Lines::at(Level::DEBUG);
    let method = axum::http::Method::from_bytes(b"CANARY").unwrap();
    let answer = app.request(method, "/canary/of/the/path?canary").from("2001:db8:1:2::3").send().await;
    assert_eq!(answer.status, 404);
    let span = &lines.last()["span"];
    assert_eq!((&span["http.method"], &span["http.route"]), (&"other".into(), &"none".into()));
    assert_eq!(span["client.network"], "2001:db8:1::/48");
    assert!(!lines.text().to_lowercase().contains("canary"), "{}", lines.text());
}

/// Refusals are everyday; what is our fault is loud, has its causes, and the id in every line.
#[tokio::test]
async fn a_fault_of_ours_is_told_loudly_with_the_id_of_the_request() {
    let app = App::on_a_file().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let (lines, _guard) = Lines::at(Level::ERROR);
    assert_eq!(app.post("/oauth/token", "").send().await.status, 401);
    assert_eq!(lines.text(), "", "a refusal is no error");

    let mut database = SqliteConnectOptions::new().filename(app.database()).connect().await.unwrap();
    sqlx::raw_sql("ALTER TABLE api_keys RENAME TO gone").execute(&mut database).await.unwrap();
    let mint = app.post("/oauth/token", "grant_type=client_credentials").basic(key.id.as_str(), &key.secret);
    let answer = mint.send().await;

    assert_eq!(answer.status, 503, "{}", answer.text());
    let line = lines.last();
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["span"]["request.id"], answer.header("x-request-id"));
    assert!(!line["error"].as_str().unwrap().is_empty(), "{line}");
}

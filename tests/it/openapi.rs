//! `/openapi.json` tells the truth: of what is mounted, and of what is answered.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use portcullis::keys::acts::Why;

use crate::support::{Answer, App, Build, Hand, Key, Send, escape, part};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/oauth.json");
/// Set, it makes the test write what it would have compared.
const WRITE: &str = "PORTCULLIS_WRITE_OPENAPI";

async fn document(app: &App) -> Value {
    let answer = app.get("/openapi.json").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    answer.json()
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it is no setting of the program")]
async fn the_file_is_what_is_served() {
    let app = App::start().await;
    let served = app.get("/openapi.json").send().await.text();
    if std::env::var_os(WRITE).is_some() {
        fs::write(FILE, &served).unwrap();
    }
    assert_eq!(
        fs::read_to_string(FILE).unwrap(),
        served,
        "run this test with {WRITE}=1 and look at the change"
    );
}

/// What the router has, by its own account.
fn mounted(app: &App) -> BTreeSet<String> {
    let told = format!("{:?}", app.router);
    let (_, paths) = told.split_once("paths: {").expect("the router tells its paths");
    let (paths, _) = paths.split_once('}').unwrap();
    paths
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|path| !path.contains("__private"))
        .map(ToOwned::to_owned)
        .collect()
}

#[tokio::test]
async fn every_mounted_route_is_described_and_every_described_route_is_mounted() {
    let app = App::start().await;
    let document = document(&app).await;
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().cloned().collect::<BTreeSet<_>>(), mounted(&app));
    assert!(paths.len() > 10, "{paths:?}");
    for (path, operations) in paths {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
        {
            let status = app.request(method.clone(), path).send().await.status;
            let described = operations.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(status != 405, described, "{method} {path}: {status}");
        }
    }
}

/// Holds answers to the document.
struct Described(Value);

impl Described {
    fn assert(&self, (method, path): (&str, &str), answer: &Answer) {
        let what = format!("{method} {path}: {} {}", answer.status, answer.text());
        let escaped = path.replace('~', "~0").replace('/', "~1");
        let at = format!("/paths/{escaped}/{}/responses/{}", method.to_lowercase(), answer.status);
        let described = self.0.pointer(&at).unwrap_or_else(|| panic!("not described: {what}"));
        let headers: Vec<_> =
            described["headers"].as_object().unwrap().keys().map(|name| name.to_lowercase()).collect();
        for name in ["x-request-id", "www-authenticate", "retry-after"] {
            let (told, sent) = (headers.iter().any(|header| header == name), !answer.header(name).is_empty());
            // These come with a challenge if they are about a token, and without if about HTTP or a key.
            let fits = if [400, 403].contains(&answer.status) { told || !sent } else { told == sent };
            assert!(fits, "{name}: {what}");
        }
        let content_type = answer.header("content-type").replace('/', "~1");
        let Some(schema) = described.pointer(&format!("/content/{content_type}/schema")) else {
            assert!(answer.bytes.is_empty(), "a body that is not described: {what}");
            return;
        };
        let body = if content_type.ends_with("json") { answer.json() } else { answer.text().into() };
        let whole = json!({ "components": self.0["components"], "allOf": [schema] });
        let validator = jsonschema::draft202012::new(&whole).unwrap();
        let faults: Vec<_> = validator.iter_errors(&body).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{what}\n{faults:?}");
    }
}

/// Sends a form and holds what comes back to the document.
struct Scene<'a> {
    app: &'a App,
    key: Key<'a>,
    described: Described,
}

impl Scene<'_> {
    fn form(&self, path: &str, form: &str) -> Send {
        self.app.post(path, form).basic(self.key.id.as_str(), &self.key.secret)
    }

    async fn post(&self, path: &str, request: Send, status: u16) -> Answer {
        let answer = request.send().await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        self.described.assert(("POST", path), &answer);
        answer
    }

    async fn get(&self, path: &str, request: Send, status: u16) {
        let answer = request.send().await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        self.described.assert(("GET", path), &answer);
    }

    async fn token(&self) -> String {
        self.form("/oauth/token", "grant_type=client_credentials").send().await.token()
    }
}

const DOCUMENTS: [&str; 6] = [
    "/.well-known/portcullis-feed-jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/healthz",
    "/readyz",
    "/openapi.json",
];

#[tokio::test]
async fn answers_are_as_described() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let described = Described(document(&app).await);
    let scene = Scene { app: &app, key, described };
    let good = "grant_type=client_credentials";
    for path in ["/oauth/token", "/v1/oauth/token"] {
        for (form, status) in [
            (good, 200),
            ("", 400),
            ("grant_type=password", 400),
            ("grant_type=client_credentials&scope=nope", 400),
            ("grant_type=client_credentials&resource=https://nope.example", 400),
            ("grant_type=client_credentials&expires_in=x", 400),
        ] {
            scene.post(path, scene.form(path, form), status).await;
        }
        scene.post(path, scene.form(path, good).without("host"), 400).await;
    }
    for (path, name, done) in [
        ("/oauth/introspect", "token", 200),
        ("/v1/oauth/introspect", "access_token", 200),
        ("/oauth/revoke", "token", 200),
        ("/v1/oauth/token/revoke", "access_token", 204),
    ] {
        let token = scene.token().await;
        for form in [format!("{name}={token}"), format!("{name}=nonsense")] {
            scene.post(path, scene.form(path, &form), done).await;
        }
        scene.post(path, scene.form(path, ""), 400).await;
        let address = app.post(path, "");
        scene.post(path, address.from("192.0.2.9"), 401).await;
    }
    let form = format!("token={}", scene.token().await);
    let jwt = scene.form("/oauth/introspect", &form).header("accept", "application/token-introspection+jwt");
    scene.post("/oauth/introspect", jwt, 200).await;
    let verify = "/v1/auth/verify";
    let token = scene.token().await;
    assert_eq!(part(&token, 0)["typ"], "at+jwt");
    scene.get(verify, app.get(verify).bearer(&token), 200).await;
    scene.get(verify, app.get(verify), 401).await;
    scene.get(verify, app.get(verify).bearer("a.b.c"), 401).await;
    scene.get(verify, app.get(verify).bearer("a b"), 400).await;
    scene.get(verify, app.get(verify).without("host"), 400).await;
    scene.get(verify, app.get(&format!("{verify}?scope=nope")).bearer(&token), 403).await;
    let (proxy, project) = ("/verify", &shop.project.id);
    let asked = |more: &str| app.get(&format!("{proxy}?project={project}{more}"));
    scene.get(proxy, asked("").bearer(&token), 200).await;
    scene.get(proxy, asked(""), 401).await;
    scene.get(proxy, asked("").bearer("a b"), 401).await;
    scene.get(proxy, asked("&scope=nope").bearer(&token), 403).await;
    scene.get(proxy, app.get(proxy).bearer(&token), 400).await;
    for path in DOCUMENTS {
        scene.get(path, app.get(path), 200).await;
    }
}

#[tokio::test]
async fn answers_about_leaks_are_as_described() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let described = Described(document(&app).await);
    let scene = Scene { app: &app, key, described };
    let post = |path: &str, body: &Value| app.request(Method::POST, path).json(body);
    let (leaks, signed, block) = ("/v1/leaks", "/v1/leaks/signed", "/v1/key/block");
    scene.post(leaks, post(leaks, &json!({ "secrets": ["x"], "source": "ci", "url": "x" })), 202).await;
    scene.post(leaks, post(leaks, &json!({})), 400).await;
    scene.post(signed, post(signed, &json!([])), 400).await;
    let unknown = post(signed, &json!([])).header("github-public-key-identifier", "x");
    scene.post(signed, unknown.header("github-public-key-signature", "x"), 403).await;
    scene.post(block, app.post(block, ""), 401).await;
    scene.post(block, scene.form(block, "reason=nope"), 400).await;
    scene.post(block, scene.form(block, "reason=superseded"), 200).await;
    let many: Vec<String> = (0..99).map(|n| n.to_string()).collect();
    scene.post(leaks, post(leaks, &json!({ "secrets": many })), 429).await;
}

#[tokio::test]
async fn answers_of_the_feed_are_as_described() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let described = Described(document(&app).await);
    let scene = Scene { app: &app, key, described };
    let leaked = part(&scene.token().await, 0)["kid"].as_str().unwrap().parse().unwrap();
    app.shell.retire_signing_key(&leaked, &Why::default()).await.unwrap();
    app.follow().await;
    let (feed, nonce) = ("/oauth/revocations", "nonce=0123456789abcdef");
    let guard = shop.key("portcullis:revocations").create().await;
    let ask = |query: &str| app.get(&format!("{feed}?{query}")).basic(guard.id.as_str(), &guard.secret);
    scene.get(feed, ask(nonce), 200).await;
    scene.get(feed, ask(nonce).header("if-none-match", "*"), 304).await;
    scene.get(feed, ask(""), 400).await;
    scene.get(feed, app.get(&format!("{feed}?{nonce}")), 401).await;
    let other = app.get(&format!("{feed}?{nonce}")).basic(scene.key.id.as_str(), &scene.key.secret);
    scene.get(feed, other, 403).await;
    let with = |token: &str| app.get(&format!("{feed}?{nonce}")).bearer(token);
    let asked = format!("resource={}%2Ffeed&scope=portcullis:revocations", escape(&app.server.issuer));
    scene.get(feed, with(&guard.ask(&asked).send().await.token()), 200).await;
    scene.get(feed, with(&scene.token().await), 401).await;
    let narrow = shop.key("api portcullis:revocations").create().await;
    let asked = asked.replace("portcullis:revocations", "api");
    scene.get(feed, with(&narrow.ask(&asked).send().await.token()), 403).await;
}

#[tokio::test]
async fn answers_are_as_described_when_there_are_too_many_or_nothing_is_known() {
    let hand = Hand::new();
    let build = Build::default().store(hand.wrap());
    let app = build.set("PORTCULLIS_THROTTLE_ADDRESS_FAILURES", "3").start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let described = Described(document(&app).await);
    let scene = Scene { app: &app, key, described };
    let guard = shop.key("portcullis:revocations").create().await;
    let (good, verify, token) = ("grant_type=client_credentials", "/v1/auth/verify", scene.token().await);
    let wrong =
        || app.post("/oauth/token", good).basic(scene.key.id.as_str(), "psk_live_wrong").from("192.0.2.8");
    for _ in 0..3 {
        scene.post("/oauth/token", wrong(), 401).await;
    }
    scene.post("/oauth/token", wrong(), 429).await;
    hand.no_feed.store(true, Ordering::SeqCst);
    app.clock.advance(Duration::from_mins(1));
    scene.post("/oauth/token", scene.form("/oauth/token", good), 503).await;
    scene.post("/oauth/introspect", scene.form("/oauth/introspect", &format!("token={token}")), 503).await;
    scene.get(verify, app.get(verify).bearer(&token), 503).await;
    let feed = "/oauth/revocations";
    scene
        .get(
            feed,
            app.get(&format!("{feed}?nonce=0123456789abcdef")).basic(guard.id.as_str(), &guard.secret),
            503,
        )
        .await;
    let proxy = format!("/verify?project={}", shop.project.id);
    scene.get("/verify", app.get(&proxy).bearer(&token), 503).await;
    scene.get("/readyz", app.get("/readyz"), 503).await;
}

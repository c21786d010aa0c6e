//! Signed reports, in the format of GitHub's secret scanning.

use std::fs;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::domain::{KeyState, ProjectKind, Secret};
use portcullis::keys::acts::KeyAct;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{App, Build, Send};

const PATH: &str = "/v1/leaks/signed";
const ID: &str = "90a421169f0a406205f1563a953312f0be898d3c7b6c06b681aa86a874555f4a";

/// Somebody who scans, and a file that knows them.
struct Scanner {
    pair: EcdsaKeyPair,
    folder: TempDir,
}

impl Scanner {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        // SubjectPublicKeyInfo of a point on P-256.
        let head = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let key = STANDARD.encode([&head, point].concat());
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----", &key[..64], &key[64..]);
        let published = json!({ "public_keys": [{ "key_identifier": ID, "key": pem, "is_current": true }] });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("keys.json"), published.to_string()).unwrap();
        Self { pair, folder }
    }

    /// A server that knows them.
    async fn server(&self) -> App {
        let file = self.folder.path().join("keys.json");
        Build::default().set("PORTCULLIS_LEAKS_SIGNERS", file.to_str().unwrap()).start().await
    }

    #[expect(clippy::disallowed_methods, reason = "a stranger's signature draws its own")]
    fn sign(&self, body: &str) -> String {
        let signature = self.pair.sign(&SystemRandom::new(), body.as_bytes()).unwrap();
        STANDARD.encode(signature.as_ref())
    }

    fn report(&self, app: &App, body: &str) -> Send {
        request(app, body)
            .header("Github-Public-Key-Identifier", ID)
            .header("Github-Public-Key-Signature", &self.sign(body))
    }
}

fn request(app: &App, body: &str) -> Send {
    app.request(Method::POST, PATH).header("content-type", "application/json").body(body.as_bytes())
}

fn matches(secrets: &[&str]) -> String {
    let each = |secret: &&str| json!({ "token": secret, "type": "portcullis_api_secret", "url": "https://git.example/x", "source": "commit" });
    Value::from(secrets.iter().map(each).collect::<Vec<_>>()).to_string()
}

fn hash(secret: &str) -> String {
    digest(&SHA256, secret.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

#[tokio::test]
async fn a_signed_report_blocks_and_is_told_which_were_right_and_a_replay_the_same() {
    let scanner = Scanner::new();
    let app = scanner.server().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let (key, other) = (shop.key("api").create().await, mill.key("api").create().await);
    let deleted = shop.key("api").create().await;
    deleted.act(KeyAct::Delete).await;
    let (_, nobodys) = Secret::generate(ProjectKind::Live, &[9; 48]);
    let secrets = [&key.secret, nobodys.expose(), &other.secret, &deleted.secret];
    let body = matches(&secrets.map(|secret| secret as &str));

    let answer = scanner.report(&app, &body).send().await;

    let label = |secret: &str, right: bool| {
        let label = if right { "true_positive" } else { "false_positive" };
        json!({ "token_hash": hash(secret), "token_type": "portcullis_api_secret", "label": label })
    };
    let expected: Vec<_> = secrets.iter().map(|secret| label(secret, *secret != nobodys.expose())).collect();
    assert_eq!((answer.status, answer.json()), (200, json!(expected)));
    for key in [&key, &other] {
        assert_eq!(app.state_of(&key.id).await, KeyState::Blocked);
    }
    let audited = app.leaks_audited().await;
    assert_eq!(audited.len(), 5);
    assert!(audited.iter().all(|row| row["detail"]["signed_by"] == ID && row["actor"] == "leak_report"));
    assert_eq!(
        (&audited[0]["detail"]["source"], &audited[0]["address"]),
        (&json!("commit"), &json!("192.0.2.1"))
    );

    let before = app.traces().await;
    let replayed = scanner.report(&app, &body).from("203.0.113.9").send().await;
    assert_eq!(replayed.whole(), answer.whole());
    assert_eq!(app.traces().await, before);
}

#[tokio::test]
async fn what_is_not_signed_by_a_known_key_is_refused_and_nothing_of_it_is_done() {
    let (scanner, other) = (Scanner::new(), Scanner::new());
    let app = scanner.server().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let (body, before) = (matches(&[&key.secret]), (app.traces().await, app.server.authenticator.digests()));
    let signature = scanner.sign(&body);
    let (id_header, signature_header) = ("github-public-key-identifier", "github-public-key-signature");
    let with = |id: &str, signature: &str| {
        request(&app, &body).header(id_header, id).header(signature_header, signature)
    };
    for (name, request, expected) in [
        ("unsigned", request(&app, &body), (400, "invalid_request")),
        ("no signature", request(&app, &body).header(id_header, ID), (400, "invalid_request")),
        ("no key", request(&app, &body).header(signature_header, &signature), (400, "invalid_request")),
        ("two keys", with(ID, &signature).header(id_header, ID), (400, "invalid_request")),
        (
            "two signatures",
            with(ID, &signature).header(signature_header, &signature),
            (400, "invalid_request"),
        ),
        ("unknown key", with("nobody", &signature), (403, "invalid_signature")),
        ("empty key", with("", &signature), (403, "invalid_signature")),
        ("another's signature", with(ID, &other.sign(&body)), (403, "invalid_signature")),
        ("of another body", with(ID, &scanner.sign("[]")), (403, "invalid_signature")),
        ("empty signature", with(ID, ""), (403, "invalid_signature")),
        ("no signature at all", with(ID, "AAAA"), (403, "invalid_signature")),
        (
            "one byte more",
            with(ID, &signature).body(format!("{body} ").as_bytes()),
            (403, "invalid_signature"),
        ),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.refusal(), (expected.0, expected.1.to_owned()), "{name}");
    }
    assert_eq!((app.traces().await, app.server.authenticator.digests()), before);
    // Signed, and no report.
    for wrong in ["[]", "{}", "[{}]", "", &json!({ "secrets": [key.secret] }).to_string()] {
        let answer = scanner.report(&app, wrong).send().await;
        assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{wrong}");
    }
    let nobody_is_known = App::start().await;
    let answer = scanner.report(&nobody_is_known, &body).send().await;
    assert_eq!(answer.refusal(), (403, "invalid_signature".into()));
    assert_eq!(scanner.report(&app, &body).send().await.status, 200);
}

#[tokio::test]
async fn guessing_signatures_is_slowed_down_and_who_signs_is_not() {
    let scanner = Scanner::new();
    let app = scanner.server().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let mut slowed = 0;
    for n in 0..110 {
        let id = if n % 2 == 0 { ID } else { "nobody" };
        let forged = request(&app, "[]").header("github-public-key-identifier", id);
        let answer = forged.header("github-public-key-signature", "AAAA").send().await;
        match answer.status {
            429 => slowed += 1,
            status => assert_eq!(status, 403),
        }
    }
    assert_eq!(slowed, 10);
    let many: Vec<String> = (0..300).map(|n| format!("no secret {n}")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    many.push(&key.secret);
    assert_eq!(scanner.report(&app, &matches(&many)).send().await.status, 200);
    assert_eq!(app.state_of(&key.id).await, KeyState::Blocked);
}

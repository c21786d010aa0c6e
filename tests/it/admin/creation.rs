//! `Idempotency-Key`: what is asked for twice is made once, and its secret is said once.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::{Administrator, key_of, no};
use crate::support::{self, Answer, App, Listed as _, is_secret};

const KEYS: &str = "/admin/v1/keys";

impl Administrator<'_> {
    async fn make(&self, path: &str, name: &str, body: &Value) -> Answer {
        let send = self.send(Method::POST, path).header("idempotency-key", name).json(body);
        let answer = send.send().await;
        if let Some(secret) = (answer.status < 300)
            .then(|| answer.json())
            .and_then(|it| it["secret"].as_str().map(ToOwned::to_owned))
        {
            is_secret("a secret of a named request", &secret);
        }
        answer
    }
}

async fn keys_of(app: &App, project: &portcullis::domain::ProjectId) -> usize {
    support::keys_of(app.shell.store.as_ref(), project).await.unwrap().len()
}

/// Without what only the first answer has.
fn without_secret(answer: &Answer) -> Value {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("secret");
    body
}

#[tokio::test]
async fn what_is_asked_for_twice_is_made_once_and_its_secret_is_said_once() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let key = shop.key("orders").create().await;
    let of_key = format!("{KEYS}/{}", key.id);
    for (path, body, status) in [
        (KEYS.to_owned(), key_of(&shop.project.id, "till", &["orders"]), 201),
        ("/admin/v1/projects".to_owned(), json!({ "name": "mill" }), 201),
        (format!("{of_key}/secrets"), json!({ "note": "for the second till" }), 201),
        (format!("{of_key}/regenerate"), json!({ "overlap_secs": 60 }), 200),
    ] {
        let name = format!("request-{}", path.len());
        let first = admin.make(&path, &name, &body).await;
        assert_eq!(first.status, status, "{path}: {}", first.text());
        let rows = app.shell.store.audit(0, 1000).await.unwrap().len();

        let again = admin.make(&path, &name, &body).await;

        assert_eq!((again.status, again.header("idempotency-replayed")), (status, "true"), "{path}");
        assert_eq!(first.header("idempotency-replayed"), "");
        assert_eq!(again.json(), without_secret(&first), "{path}");
        for header in ["location", "etag", "content-type", "cache-control"] {
            assert_eq!(again.header(header), first.header(header), "{path} {header}");
        }
        assert_eq!(app.shell.store.audit(0, 1000).await.unwrap().len(), rows, "{path} was done twice");
        // Whatever has become of it since: it is the answer of then.
        let other = admin.make(&path, &name, &json!({ "name": "another", "project": shop.project.id })).await;
        assert!(other.status == 422, "{path}: {}", other.text());
    }
    let elsewhere =
        admin.make(KEYS, "request-18", &json!({ "name": "mill", "project": shop.project.id })).await;
    assert_eq!(
        elsewhere.problem(),
        no(422, "idempotency_key_reused"),
        "another operation under the same name"
    );
}

#[tokio::test]
async fn a_name_is_its_askers_alone_and_forgotten_after_a_day() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let body = key_of(&shop.project.id, "till", &[]);
    let first = admin.make(KEYS, "mine", &body).await;
    assert_eq!(admin.make(KEYS, "mine", &body).await.json()["key_id"], first.json()["key_id"]);
    let other = admin.make_key(&key_of(&"portcullis", "other", &["portcullis:keys:write"])).await;
    app.follow().await;
    let theirs = Administrator::with(&other).await.make(KEYS, "mine", &body).await;
    assert_ne!(theirs.json()["key_id"], first.json()["key_id"]);
    // Another node, or this one after a restart.
    let node = app.second_node(support::Build::default()).await;
    let again = node.administer(Method::POST, KEYS).bearer(&admin.token).header("idempotency-key", "mine");
    assert_eq!(again.json(&body).send().await.json()["key_id"], first.json()["key_id"]);

    app.pass(Duration::from_hours(24)).await;
    let admin = app.administrator("").await;
    let later = admin.make(KEYS, "mine", &body).await;
    assert_eq!(later.status, 201);
    assert_ne!(later.json()["key_id"], first.json()["key_id"]);
}

#[tokio::test]
async fn what_was_refused_is_not_remembered_and_what_may_no_longer_be_seen_is_not_replayed() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let admin = app.administrator("").await;
    let wrong = admin.make(KEYS, "n", &key_of(&shop.project.id, "", &[])).await;
    assert_eq!(wrong.problem(), no(422, "invalid_value"));
    assert_eq!(admin.make(KEYS, "n", &key_of(&shop.project.id, "till", &[])).await.status, 201);
    let limited = app.administrator(&format!("portcullis:project:{}:keys:write", mill.project.id)).await;
    let replayed = limited.make(KEYS, "n", &key_of(&shop.project.id, "till", &[])).await;
    assert_eq!(replayed.problem(), no(403, "insufficient_scope"), "the same key, a token narrowed elsewhere");
    let secret = format!("{KEYS}/{}/secrets", shop.key("orders").create().await.id);
    assert_eq!(admin.make(&secret, "s", &json!({})).await.status, 201);
    assert_eq!(limited.make(&secret, "s", &json!({})).await.problem(), no(403, "insufficient_scope"));
    for wrong in ["", "a b", "\u{e9}", &"x".repeat(256)] {
        let refused = admin.make(KEYS, wrong, &key_of(&shop.project.id, "till", &[])).await;
        assert_eq!(refused.problem(), no(400, "invalid_request"), "{wrong}");
    }
}

#[tokio::test]
async fn many_at_once_under_one_name_make_one_of_whatever_is_made() {
    let app = App::with_webhooks().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let key = format!("{KEYS}/{}", shop.key("orders").create().await.id);
    let project = shop.project.id.to_string();
    for (name, path, body) in [
        ("a project", "/admin/v1/projects".to_owned(), json!({ "name": "mill" })),
        ("a role", format!("/admin/v1/projects/{project}/roles"), json!({ "role": "support" })),
        ("a secret", format!("{key}/secrets"), json!({})),
        ("another", format!("{key}/regenerate"), json!({})),
        (
            "a webhook",
            "/admin/v1/webhooks".to_owned(),
            json!({ "project": project, "url": "https://desk.example/" }),
        ),
    ] {
        let name = name.replace(' ', "-");
        let rows = app.shell.store.audit(0, 1000).await.unwrap().len();

        let answers = futures_util::future::join_all((0..8).map(|_| admin.make(&path, &name, &body))).await;

        let made: Vec<_> = answers.iter().filter(|answer| answer.status < 300).collect();
        assert_eq!(
            made.len(),
            8,
            "{path}: {}",
            answers.iter().map(Answer::text).collect::<Vec<_>>().join(" ")
        );
        let first = made.iter().filter(|answer| answer.header("idempotency-replayed").is_empty()).count();
        assert_eq!((first, app.shell.store.audit(0, 1000).await.unwrap().len()), (1, rows + 1), "{path}");
    }
}

#[tokio::test]
async fn many_at_once_under_one_name_make_one() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let body = key_of(&shop.project.id, "till", &["orders"]);

    let answers = futures_util::future::join_all((0..8).map(|_| admin.make(KEYS, "once", &body))).await;

    let ids: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.json()["key_id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert_eq!(answers.iter().filter(|answer| answer.json()["secret"].is_string()).count(), 1);
    assert_eq!(keys_of(&app, &shop.project.id).await, 1);
}

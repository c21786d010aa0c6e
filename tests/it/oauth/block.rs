//! Whoever presents a full secret blocks its key.

use std::time::Duration;

use portcullis::domain::{AuthMethod, KeyState};
use portcullis::keys::acts::{KeyAct, Why};
use serde_json::{Value, json};

use crate::support::{App, Build, Key, Listed as _, Send, escape};

const PATH: &str = "/v1/key/block";

/// The key's secret in each way.
fn each_way(key: &Key<'_>) -> [(AuthMethod, Send); 4] {
    let (app, id, secret) = (key.app, key.id.as_str(), key.secret.as_str());
    let form = format!("client_id={}&client_secret={}", escape(id), escape(secret));
    [
        (AuthMethod::ClientSecretBasic, app.post(PATH, "").basic(id, secret)),
        (AuthMethod::ClientSecretPost, app.post(PATH, &form)),
        (AuthMethod::AppHeaders, app.post(PATH, "").app_headers(id, secret)),
        (AuthMethod::Bearer, app.post(PATH, "").bearer(secret)),
    ]
}

async fn state(key: &Key<'_>) -> KeyState {
    key.app.shell.record(&key.id).await.unwrap().key.state
}

#[tokio::test]
async fn a_full_secret_blocks_its_key_in_each_way_and_from_anywhere() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    for way in 0..4 {
        let key = shop.key("api").allow("10.0.0.0/8").create().await;
        let token = key.ask("").from("10.0.0.1").send().await.token();
        let (method, request) = each_way(&key).into_iter().nth(way).unwrap();
        let answer = request.clone().from("203.0.113.9").send().await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({ "key_id": key.id, "state": "blocked" })),
            "{method:?}"
        );
        assert_eq!(state(&key).await, KeyState::Blocked);
        let introspected =
            key.post("/oauth/introspect", &format!("token={token}")).from("10.0.0.1").send().await;
        assert_eq!(introspected.status, 401, "nor may it ask any more");
        let judged = app.get("/v1/auth/verify").bearer(&token).from("10.0.0.1").send().await;
        assert_eq!(judged.json()["reason"], "revoked", "its tokens are dead, here at once");
        // Once more: as it should be, in the same words, and nothing is added.
        let rows = app.shell.store.audit(0, u32::MAX).await.unwrap();
        assert_eq!(request.without_address().send().await.whole(), answer.whole());
        assert_eq!(app.shell.store.audit(0, u32::MAX).await.unwrap().len(), rows.len());
        let row = &rows.last().unwrap().row;
        let detail: Value = serde_json::from_str(&row.detail).unwrap();
        assert_eq!((row.act.as_str(), row.actor.clone()), ("key.block", format!("key:{}", key.id)));
        assert_eq!(
            (row.address.as_deref(), &detail["reason"]),
            (Some("203.0.113.9"), &json!("key_compromise"))
        );
    }
}

#[tokio::test]
async fn the_secret_alone_blocks_every_key_and_other_ways_those_that_allow_them() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let only = |method: AuthMethod| {
        shop.key("api").with(move |details| details.auth_methods = [method].into_iter().collect())
    };
    for allowed in [AuthMethod::ClientSecretBasic, AuthMethod::AppHeaders] {
        for way in 0..4 {
            let key = only(allowed).create().await;
            let (method, request) = each_way(&key).into_iter().nth(way).unwrap();
            let passes = method == allowed || method == AuthMethod::Bearer;
            let answer = request.send().await;
            assert_eq!(
                answer.status,
                if passes { 200 } else { 401 },
                "{method:?} where {allowed:?} is allowed"
            );
            assert_eq!(state(&key).await == KeyState::Blocked, passes);
        }
    }
    let imported = shop.import("till-7", "correct horse battery staple", "api").await;
    assert_eq!(app.post(PATH, "").bearer(&imported.secret).send().await.status, 200);
    assert_eq!(state(&imported).await, KeyState::Blocked);
}

#[tokio::test]
async fn it_takes_no_form_and_a_reason() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("api").create().await, shop.key("api").create().await);
    let bare = app.request(axum::http::Method::POST, PATH).bearer(&key.secret);
    assert_eq!(bare.send().await.status, 200);
    for wrong in ["reason=because", "reason=superseded&reason=superseded"] {
        assert_eq!(other.post(PATH, wrong).send().await.refusal(), (400, "invalid_request".into()));
    }
    let json = other.post(PATH, "").without("content-type").json(&json!({}));
    assert_eq!(json.send().await.refusal(), (400, "invalid_request".into()));
    assert_eq!(state(&other).await, KeyState::Active);
    assert_eq!(other.post(PATH, "reason=superseded").send().await.status, 200);
    let row = app.shell.store.audit(0, u32::MAX).await.unwrap().pop().unwrap().row;
    assert!(row.detail.contains("\"reason\":\"superseded\""), "{}", row.detail);
}

#[tokio::test]
async fn who_has_no_full_secret_blocks_nothing_and_learns_nothing() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("api").create().await, shop.key("api").create().await);
    let blocked = shop.key("api").create().await;
    blocked.act(KeyAct::Block).await;
    let deleted = shop.key("api").create().await;
    deleted.act(KeyAct::Delete).await;
    let rotated = shop.key("api").create().await;
    app.shell.regenerate(&rotated.id, Duration::ZERO, &Why::default()).await.unwrap();
    let before = app.shell.store.audit(0, u32::MAX).await.unwrap().len();
    let mut seen = std::collections::BTreeSet::new();
    for (id, secret) in [
        (key.id.as_str(), "wrong"),
        (key.id.as_str(), other.secret.as_str()),
        (blocked.id.as_str(), "wrong"),
        ("nobody", key.secret.as_str()),
        (deleted.id.as_str(), deleted.secret.as_str()),
        (rotated.id.as_str(), rotated.secret.as_str()),
    ] {
        let digests = app.server.authenticator.digests();
        let answer = app.post(PATH, "").basic(id, secret).send().await;
        seen.insert(format!("{} {}", app.server.authenticator.digests() - digests, answer.whole()));
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert!(seen.first().unwrap().starts_with("1 401 "));
    let foreign = key.post(PATH, &format!("client_id={}", other.id)).send().await;
    assert_eq!(foreign.refusal(), (400, "invalid_request".into()));
    assert_eq!(app.shell.store.audit(0, u32::MAX).await.unwrap().len(), before);
    assert_eq!((state(&key).await, state(&other).await), (KeyState::Active, KeyState::Active));
}

#[tokio::test]
async fn guessing_is_slowed_down_as_at_every_endpoint_and_a_right_secret_passes() {
    let app = Build::default().set("PORTCULLIS_THROTTLE_KEY_FAILURES", "3").start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = app.post(PATH, "").basic(key.id.as_str(), "wrong").send().await;
        assert_eq!(answer.status == 429, !answer.header("retry-after").is_empty());
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert_eq!(key.post(PATH, "").send().await.status, 200);
}

#[tokio::test]
async fn an_expired_key_can_be_blocked_by_its_holder_too() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let soon = app.server.clock.now().after(Duration::from_secs(5));
    let key = shop.key("api").with(|details| details.expires_at = Some(soon)).create().await;
    app.pass(Duration::from_secs(6)).await;
    assert_eq!(key.post(PATH, "").send().await.status, 200);
    assert_eq!(state(&key).await, KeyState::Blocked);
}

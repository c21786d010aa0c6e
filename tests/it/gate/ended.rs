//! Whatever has ended is ended everywhere: at each endpoint, in each way to present a key, on each
//! node, after a restart (threats S10, S11, S24).

use std::time::Duration;

use portcullis::domain::Secret;
use portcullis::keys::acts::{KeyAct, Why};

use super::{House, furnish};
use crate::support::{Answer, App, Build, Hand, Key, escape};

/// A server that is patient with failures, and as patient a second one.
fn patient() -> Build {
    let many = "1000000";
    let build = Build::default().set("PORTCULLIS_THROTTLE_KEY_FAILURES", many);
    build.set("PORTCULLIS_THROTTLE_ADDRESS_FAILURES", many)
}

/// What a node answers to a key at every endpoint that takes one, in every way.
async fn everywhere(node: &App, key: &Key<'_>, token: &str) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for (path, form) in [
        ("/oauth/token", "grant_type=client_credentials".to_owned()),
        ("/oauth/introspect", format!("token={token}")),
        ("/oauth/revoke", format!("token={token}")),
        ("/v1/oauth/token", "grant_type=client_credentials".to_owned()),
        ("/v1/oauth/introspect", format!("access_token={token}")),
        ("/v1/oauth/token/revoke", format!("access_token={token}")),
    ] {
        let (id, secret) = (key.id.as_str(), key.secret.as_str());
        let in_body = format!("{form}&client_id={id}&client_secret={}", escape(secret));
        for (way, request) in [
            ("basic", node.post(path, &form).basic(id, secret)),
            ("body", node.post(path, &in_body)),
            ("headers", node.post(path, &form).app_headers(id, secret)),
            ("bearer", node.post(path, &form).bearer(secret)),
        ] {
            answers.push((format!("{way} at {path}"), request.send().await));
        }
    }
    answers
}

async fn verify(node: &App, token: &str) -> u16 {
    node.get("/v1/auth/verify").bearer(token).send().await.status
}

/// Threat S10.
#[tokio::test]
async fn a_key_or_secret_that_has_ended_opens_nothing_on_any_node() {
    let app = patient().start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let other = app.second_node(patient()).await;
    for how in ["blocked", "deleted", "expired", "its secret has ended", "its secret was replaced"] {
        let soon = app.server.clock.now().after(Duration::from_secs(20));
        let key = shop.key("api portcullis:introspect").with(|key| {
            key.expires_at = (how == "expired").then_some(soon);
        });
        let key = key.create().await;
        let token = key.token("").await;
        // Both nodes remember the key and have judged the token.
        for node in [&app, &other] {
            node.follow().await;
            for (place, answer) in everywhere(node, &key, "unknown").await {
                assert!(matches!(answer.status, 200 | 204), "{place}: {}", answer.text());
            }
            assert_eq!(verify(node, &token).await, 200);
        }
        match how {
            "blocked" => key.act(KeyAct::Block).await,
            "deleted" => key.act(KeyAct::Delete).await,
            "expired" => app.clock.advance(Duration::from_secs(20)),
            "its secret has ended" => {
                let first = app.shell.pepper.digest(&Secret::presented(key.secret.clone().into())).id();
                app.shell.add_secret(&key.id, None, &Why::default()).await.unwrap();
                app.shell.expire_secret(&key.id, &first, Duration::ZERO, &Why::default()).await.unwrap();
            }
            _ => {
                app.shell.regenerate(&key.id, Duration::ZERO, &Why::default()).await.unwrap();
            }
        }
        // Nothing new is minted from the moment that the act was acknowledged, on any node.
        let early = other.post("/oauth/token", "grant_type=client_credentials");
        assert_eq!(early.basic(key.id.as_str(), &key.secret).send().await.status, 401, "{how}");
        for node in [&app, &other] {
            node.follow().await;
            for (place, answer) in everywhere(node, &key, &token).await {
                assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{how}: {place}");
            }
            // Only the end of a secret leaves tokens alone (promise P3).
            let expected = if how.starts_with("its secret") { 200 } else { 401 };
            assert_eq!(verify(node, &token).await, expected, "{how}");
        }
        if how != "expired" {
            assert_eq!(house.admits(&token).await, how.starts_with("its secret"), "{how}");
        }
    }
}

/// Threat S11: a server that starts before or after the deadline judges as one that ran all along.
#[tokio::test]
async fn an_old_secret_ends_at_its_deadline_for_whoever_starts_late_as_well() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let old = shop.key("api").create().await;
    let overlap = Duration::from_secs(40);
    let (_, new) = app.shell.regenerate(&old.id, overlap, &Why::default()).await.unwrap();
    let statuses = async |node: &App| {
        let ask = |secret: &str| {
            node.post("/oauth/token", "grant_type=client_credentials").basic(old.id.as_str(), secret)
        };
        (ask(&old.secret).send().await.status, ask(new.expose()).send().await.status)
    };

    app.pass(Duration::from_millis(39_999)).await;
    let before = app.second_node(Build::default()).await;
    assert_eq!(statuses(&before).await, (200, 200));
    app.pass(Duration::from_millis(1)).await;
    before.follow().await;
    let after = app.second_node(Build::default()).await;
    for node in [&app, &before, &after] {
        assert_eq!(statuses(node).await, (401, 200));
    }
}

/// Threat S24: the revocation is committed, and the server is gone before its memory or the caller
/// has heard of it.
#[tokio::test]
async fn a_revocation_that_was_committed_holds_though_its_server_died_before_it_knew() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    let (token, alive) = (key.token("").await, key.token("").await);
    hand.revocations.close();
    let request = key.post("/oauth/revoke", &format!("token={token}"));
    let asked = tokio::spawn(request.send());
    hand.revocations.until_came(1).await;
    assert_eq!(verify(&app, &token).await, 200, "its memory has not heard of it");
    asked.abort();
    assert!(asked.await.is_err_and(|error| error.is_cancelled()));

    let restarted = app.second_node(Build::default()).await;

    assert_eq!((verify(&restarted, &token).await, verify(&restarted, &alive).await), (401, 200));
    let late = restarted.post("/oauth/introspect", &format!("token={token}"));
    assert!(!late.basic(key.id.as_str(), &key.secret).send().await.is_active());
}

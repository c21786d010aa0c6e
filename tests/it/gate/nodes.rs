//! Two servers on one database; and a server that comes after another.

use portcullis::keys::acts::KeyAct;

use super::{House, furnish};
use crate::support::{App, Build};

#[tokio::test]
async fn a_node_follows_what_happens_on_another() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let (key, other) = (shop.key("api").create().await, shop.key("api").create().await);
    let (token, mine) = (key.token("").await, other.token("").await);
    let node = app.second_node(Build::default()).await;
    let there = async |token: &str| node.get("/v1/auth/verify").bearer(token).send().await.status;
    let mint =
        || node.post("/oauth/token", "grant_type=client_credentials").basic(key.id.as_str(), &key.secret);
    assert_eq!((there(&token).await, there(&mine).await), (200, 200));
    let theirs = mint().send().await.token();
    assert!(house.admits(&theirs).await);

    // A holder revokes at one: dead there at once, here with the next look.
    assert_eq!(other.post("/oauth/revoke", &format!("token={mine}")).send().await.status, 200);
    assert!(!house.admits(&mine).await, "at once, before the feed is read");
    assert_eq!(there(&mine).await, 200, "not yet known there");
    node.follow().await;
    assert_eq!(there(&mine).await, 401);

    key.act(KeyAct::Block).await;
    assert_eq!(mint().send().await.status, 401, "a mint is never decided on the old state");
    node.follow().await;
    app.follow().await;
    assert_eq!((there(&token).await, there(&theirs).await), (401, 401));
    assert!(!house.admits(&theirs).await);
    let seen: Vec<_> = app.server.store.nodes().await.unwrap().into_iter().map(|node| node.node).collect();
    assert_eq!(seen.len(), 2);
}

/// Threat S24: what was revoked stays so for whoever starts later.
#[tokio::test]
async fn a_node_that_starts_later_knows_all_that_was_revoked() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let (blocked, unblocked, single) =
        (shop.key("api").create().await, shop.key("api").create().await, shop.key("api").create().await);
    let tokens = [blocked.token("").await, unblocked.token("").await, single.token("").await];
    let alive = single.token("").await;
    blocked.act(KeyAct::Block).await;
    unblocked.act(KeyAct::RevokeTokens).await;
    single.post("/oauth/revoke", &format!("token={}", tokens[2])).send().await;

    let node = app.second_node(Build::default()).await;

    for token in &tokens {
        assert_eq!(node.get("/v1/auth/verify").bearer(token).send().await.status, 401);
    }
    assert_eq!(node.get("/v1/auth/verify").bearer(&alive).send().await.status, 200);
    let again = node.post("/oauth/token", "grant_type=client_credentials");
    assert_eq!(again.basic(blocked.id.as_str(), &blocked.secret).send().await.status, 401);
}

/// Nothing may be forgotten while a token that it kills can live, and everything is in the end.
#[tokio::test]
async fn a_revocation_is_forgotten_after_the_last_token_that_it_could_kill() {
    use std::time::Duration;

    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let (key, single) = (shop.key("api").create().await, shop.key("api").create().await);
    let (token, other) = (key.token("").await, single.token("").await);
    key.act(KeyAct::RevokeTokens).await;
    single.post("/oauth/revoke", &format!("token={other}")).send().await;
    app.follow().await;
    for _ in 0..9 {
        app.pass(Duration::from_secs(99)).await;
        let late = app.second_node(Build::default()).await;
        for token in [&token, &other] {
            assert!(!house.admits(token).await);
            assert_eq!(late.get("/v1/auth/verify").bearer(token).send().await.status, 401);
        }
    }
    // Once their end has come, and the node has known them for long.
    for _ in 0..3 {
        app.pass(Duration::from_hours(1)).await;
    }
    let kept = app.server.store.feed_since(portcullis::domain::Position::START, u32::MAX).await.unwrap();
    assert_eq!(kept.entries.len(), 1, "the newest is never deleted");
    assert_eq!(kept.entries[0].position, kept.position);
    app.follow().await;
    assert_eq!(app.get("/readyz").send().await.status, 200);
}

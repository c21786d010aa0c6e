//! Limits of live tokens, as whoever mints meets them.

use std::num::NonZeroU32;
use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use portcullis::time::Clock as _;
use tokio::task::JoinSet;

use crate::support::{Answer, App, Key, Listed as _, Tenant, limited_to};

fn some(limit: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(limit)
}

async fn limit(tenant: &Tenant<'_>, limit: u32) {
    tenant.app.shell.edit_project(&tenant.project.id, limited_to(some(limit))).await.unwrap();
    tenant.app.follow().await;
}

/// A key with this limit.
async fn limited<'a>(tenant: &'a Tenant<'a>, limit: u32) -> Key<'a> {
    tenant.key("api").with(|details| details.live_tokens = some(limit)).create().await
}

/// How many tokens the key gets until it is told to wait.
async fn room(key: &Key<'_>) -> usize {
    for room in 0..100 {
        let answer = key.ask("").send().await;
        if answer.status != 200 {
            assert_full(&answer);
            return room;
        }
    }
    panic!("there is no limit");
}

fn assert_full(answer: &Answer) {
    assert_eq!(answer.refusal(), (429, "temporarily_unavailable".into()));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!answer.text().contains("access_token"));
}

/// The clock of the tests begins with a full minute, and a quarter of a second.
#[tokio::test]
async fn who_has_as_many_tokens_as_may_live_is_told_whose_limit_it_is_and_when_to_come_back() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (limited(&shop, 2).await, limited(&shop, 9).await);
    key.ask("expires_in=90").send().await.token();
    key.token("").await;
    let answer = key.ask("").send().await;
    assert_full(&answer);
    assert_eq!(answer.header("retry-after"), "120", "the end of the minute in which the first one ends");
    assert_eq!(
        answer.json()["error_description"],
        "the API key has as many live tokens as it may have; wait until some end, or revoke some"
    );
    limit(&shop, 3).await;
    other.ask("expires_in=150").send().await.token();
    let answer = app
        .post("/v1/oauth/token", "grant_type=client_credentials")
        .app_headers(other.id.as_str(), &other.secret)
        .send()
        .await;
    assert_full(&answer);
    assert_eq!(answer.header("retry-after"), "120");
    assert_eq!(
        answer.json()["error_description"],
        "the API key's project has as many live tokens as it may have; wait until some end, or revoke some"
    );
    // Whoever waits as long as told finds a place, and not before.
    app.pass(Duration::from_millis(119_749)).await;
    let answer = key.ask("").send().await;
    assert_full(&answer);
    assert_eq!(answer.header("retry-after"), "1", "rounded up");
    app.pass(Duration::from_millis(1)).await;
    assert_eq!(room(&key).await, 1);
}

#[tokio::test]
async fn a_revoked_token_makes_room_at_once_and_only_once() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    limit(&shop, 2).await;
    let key = shop.key("api").create().await;
    let (first, second) = (key.token("").await, key.token("").await);
    for _ in 0..3 {
        assert_eq!(key.post("/oauth/revoke", &format!("token={first}")).send().await.status, 200);
    }
    assert_eq!(room(&key).await, 1);
    key.post("/v1/oauth/token/revoke", &format!("access_token={second}")).send().await;
    assert_eq!(room(&key).await, 1);
}

#[tokio::test]
async fn a_key_that_was_blocked_and_unblocked_begins_with_all_its_places() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    limit(&shop, 5).await;
    let (key, other) = (limited(&shop, 3).await, shop.key("api").create().await);
    assert_eq!((room(&key).await, room(&other).await), (3, 2));
    key.act(KeyAct::Block).await;
    app.follow().await;
    assert_eq!(room(&other).await, 3);
    key.act(KeyAct::Unblock).await;
    app.follow().await;
    assert_eq!(room(&key).await, 0, "the project is full");
    other.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    assert_eq!((room(&key).await, room(&other).await), (3, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_ask_at_once_as_many_get_a_token_as_may_live() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = limited(&shop, 10).await;
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let request = key.ask("");
        asking.spawn(async move { request.send().await });
    }
    let answers = asking.join_all().await;
    let (minted, full): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((minted.len(), full.len()), (10, 40));
    for answer in &full {
        assert_full(answer);
    }
    assert_eq!(app.server.store.issued(&key.id, 100).await.unwrap().len(), 10);
}

/// Threat S22, and every other refusal; and a token whose record was old.
#[tokio::test]
async fn what_is_refused_takes_no_place() {
    let app = App::patient().await;
    let (shop, other) = (app.tenant("shop").await, app.tenant("other").await);
    limit(&shop, 3).await;
    let key = shop.key("api").allow("10.0.0.0/8").create().await;
    let inside = || key.ask("").from("10.0.0.1");
    for _ in 0..5 {
        for refused in [
            key.ask(""),
            key.ask("").without_address(),
            key.ask("scope=other").from("10.0.0.1"),
            key.ask("audience=urn:x").from("10.0.0.1"),
            key.ask("expires_in=0").from("10.0.0.1"),
            inside().without("authorization").basic(key.id.as_str(), "wrong"),
        ] {
            let answer = refused.send().await;
            assert!([400, 401].contains(&answer.status), "{}", answer.text());
        }
    }
    // The node has not heard of the edit: the first try is refused by the log, the second passes.
    assert!(!key.edit(|details| details.name = "another".into()).await);
    for _ in 0..3 {
        inside().send().await.token();
    }
    assert_full(&inside().send().await);
    // Beyond the limit, a refusal is the same as before, and no other project is concerned.
    assert_eq!(key.ask("").send().await.refusal(), (400, "unauthorized_client".into()));
    let free = other.key("api").create().await;
    for _ in 0..5 {
        free.token("").await;
    }
}

#[tokio::test]
async fn a_limit_that_comes_counts_what_lives_and_kills_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(key.token("").await);
    }
    key.post("/oauth/revoke", &format!("token={}", tokens.pop().unwrap())).send().await;
    assert!(!key.edit(|details| details.live_tokens = some(5)).await, "it narrows nothing");
    // Without a look at the feed: the log itself knows.
    assert_eq!(room(&key).await, 2);
    key.edit(|details| details.live_tokens = some(2)).await;
    assert_eq!(room(&key).await, 0);
    for token in &tokens {
        assert!(key.introspect(token).await.is_active());
    }
    app.pass(Duration::from_mins(15)).await;
    assert_eq!(room(&key).await, 2);
    key.edit(|details| details.live_tokens = None).await;
    for _ in 0..5 {
        key.token("").await;
    }
}

#[tokio::test]
async fn counts_that_are_long_over_are_cleared_away() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = limited(&shop, 1).await;
    key.token("").await;
    app.pass(Duration::from_mins(15)).await;
    app.server.retention.step().await.unwrap();
    assert_eq!(app.server.store.forget_counts(app.clock.now()).await.unwrap(), 1, "kept for an hour more");
    key.token("").await;
    app.pass(Duration::from_hours(2)).await;
    app.server.retention.step().await.unwrap();
    assert_eq!(app.server.store.forget_counts(app.clock.now()).await.unwrap(), 0);
    assert_eq!(room(&key).await, 1);
}

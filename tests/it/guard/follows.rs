//! A guard follows its server, and judges by itself.

use std::sync::Arc;
use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use portcullis_guard::{BuildError, Freshness, Guard, Position, Refusal};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::timeout;

use super::{House, fresh, judge, refusal, soon};
use crate::support::{App, DEADLINE, Key, Tenant};

async fn key_of<'a>(tenant: &'a Tenant<'a>) -> Key<'a> {
    tenant.key("portcullis:revocations").create().await
}

async fn caught_up(app: &App, guard: &Guard) {
    let position = app.server.copy.applied();
    timeout(DEADLINE, guard.until_position(position)).await.expect("the guard does not follow");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_refuses_what_was_revoked_whichever_way_it_follows() {
    for streams in [true, false] {
        let house = House::start().await;
        let app = &house.app;
        let shop = app.tenant("shop").await;
        let (watcher, key) = (key_of(&shop).await, shop.key("orders:read orders:write").create().await);
        let (token, other) = (key.token("orders:read").await, key.token("").await);
        let builder = house.guard(&shop, &watcher);
        let guard = if streams { builder } else { builder.without_stream() }.build().unwrap();
        assert_eq!(refusal(&guard, &token), Some(Refusal::Stale), "it knows nothing yet");
        fresh(&guard).await;
        assert!(judge(&guard, &token, "orders:read").is_ok());
        assert_eq!(judge(&guard, &token, "orders:write").err(), Some(Refusal::Scope));
        assert_eq!(judge(&guard, "a.b.c", "").err(), Some(Refusal::Malformed));

        key.post("/oauth/revoke", &format!("token={token}")).send().await;
        app.follow().await;
        caught_up(app, &guard).await;
        assert_eq!(refusal(&guard, &token), Some(Refusal::Revoked), "{streams}");
        assert_eq!(refusal(&guard, &other), None);

        key.act(KeyAct::Block).await;
        app.follow().await;
        caught_up(app, &guard).await;
        assert_eq!(refusal(&guard, &other), Some(Refusal::Revoked), "{streams}");
        key.act(KeyAct::Unblock).await;
        app.follow().await;
        assert_eq!(refusal(&guard, &key.token("").await), None, "what is new lives");
    }
}

/// Threat S49.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_refuses_the_tokens_of_another_project() {
    let house = House::start().await;
    let (shop, rival) = (house.app.tenant("shop").await, house.app.tenant("rival").await);
    let watcher = key_of(&shop).await;
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    let token = rival.key("orders:read").create().await.token("").await;
    assert_eq!(refusal(&guard, &token), Some(Refusal::Project));
    // Nor does it follow another project's feed, whatever it is told to.
    let stranger = house.guard(&rival, &watcher).build().unwrap();
    soon("the feed is asked for", || house.between.asked("/oauth/revocations") > 10).await;
    assert_eq!(stranger.freshness(), Freshness::Stale);
    assert_eq!(refusal(&stranger, &token), Some(Refusal::Stale));
}

/// Threat S10: the guard's own key is blocked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_whose_key_is_blocked_hears_nothing_any_more_and_fails_closed() {
    let house = House::start().await;
    let shop = house.app.tenant("shop").await;
    let (watcher, key) = (key_of(&shop).await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    let guard = house.guard(&shop, &watcher).without_stream().build().unwrap();
    fresh(&guard).await;
    watcher.act(KeyAct::Block).await;
    house.app.follow().await;
    let asked = house.between.asked("/oauth/revocations");
    soon("it asks in vain", || house.between.asked("/oauth/revocations") > asked + 2).await;
    assert_eq!(refusal(&guard, &token), None, "young enough");
    house.app.pass(Duration::from_millis(45_001)).await;
    assert_eq!(refusal(&guard, &token), Some(Refusal::Stale));
    watcher.act(KeyAct::Unblock).await;
    house.app.follow().await;
    fresh(&guard).await;
    assert_eq!(refusal(&guard, &token), None);
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_when_the_guard_is_built() {
    let guard = |issuer: &str, project: &str| Guard::builder(issuer, project).key("id", "secret");
    let issuer = "https://auth.example.com";
    assert!(matches!(guard("http://auth.example.com", "p").build(), Err(BuildError::Issuer(_))));
    assert!(matches!(guard(issuer, "a b").build(), Err(BuildError::Name(_))));
    assert!(matches!(guard(issuer, "p").audience("a b").build(), Err(BuildError::Name(_))));
    assert!(matches!(guard(issuer, "p").feed_keys("{}").build(), Err(BuildError::FeedKeys(_))));
    let old = guard(issuer, "p").max_age(Duration::from_secs(46)).build();
    assert!(matches!(old, Err(BuildError::MaxAge)));
    assert!(matches!(Guard::builder(issuer, "p").build(), Err(BuildError::NoKey)));
    let shown = format!("{:?}", guard(issuer, "p").key("id", "a secret nobody sees"));
    assert!(!shown.contains("nobody"), "{shown}");
    let elsewhere = std::thread::spawn(move || Guard::builder(issuer, "p").key("id", "secret").build());
    assert!(matches!(elsewhere.join().unwrap(), Err(BuildError::NoRuntime)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_guard_that_is_dropped_ends_what_follows() {
    let house = House::start().await;
    let shop = house.app.tenant("shop").await;
    let watcher = key_of(&shop).await;
    let held = Arc::strong_count(&house.app.clock);
    let guard = house.guard(&shop, &watcher).without_stream().build().unwrap();
    let second = guard.clone();
    fresh(&guard).await;
    assert!(Arc::strong_count(&house.app.clock) > held);
    assert!(guard.position() > Position::START);
    drop(guard);
    let asked = house.between.asked("/oauth/revocations");
    soon("the second one follows", || house.between.asked("/oauth/revocations") > asked + 2).await;
    drop(second);
    soon("nothing of it is left", || Arc::strong_count(&house.app.clock) == held).await;
}

/// Threat S21 at the guard: what is tightened after minting kills, what is loosened gives nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_takes_something_away_kills_at_the_guard_and_one_that_gives_does_not() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let (watcher, key) = (key_of(&shop).await, shop.key("orders:read").create().await);
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    let token = key.token("").await;
    key.edit(|details| details.permissions = "orders:read orders:write".parse().unwrap()).await;
    app.follow().await;
    assert_eq!(refusal(&guard, &token), None);
    assert_eq!(judge(&guard, &token, "orders:write").err(), Some(Refusal::Scope), "it gains nothing");
    key.edit(|details| details.allowlist = "10.0.0.0/8".parse().unwrap()).await;
    app.follow().await;
    caught_up(app, &guard).await;
    assert_eq!(refusal(&guard, &token), Some(Refusal::Revoked));
}

/// Nobody knows any more where it stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_that_missed_too_much_begins_anew() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let (watcher, key) = (key_of(&shop).await, shop.key("orders:read").create().await);
    let guard = house.guard(&shop, &watcher).without_stream().build().unwrap();
    fresh(&guard).await;
    let (token, stood) = (key.token("").await, guard.position());
    house.between.goes(super::between::Way::Cut);
    key.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    for _ in 0..200 {
        app.pass(Duration::from_secs(25)).await;
    }
    assert_eq!(refusal(&guard, &token), Some(Refusal::Expired));
    assert_eq!((guard.freshness(), guard.position()), (Freshness::Stale, stood));
    key.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    house.between.goes(super::between::Way::Honest);
    fresh(&guard).await;
    assert_eq!(refusal(&guard, &key.token("").await), None);
    assert_eq!(guard.position(), app.server.copy.applied());
}

/// The database was put back, and has gone on differently: same position, another mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_that_meets_another_history_begins_anew() {
    let house = House::on_a_file().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let (watcher, key) = (key_of(&shop).await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    key.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    let guard = house.guard(&shop, &watcher).without_stream().build().unwrap();
    fresh(&guard).await;
    assert_eq!(refusal(&guard, &token), Some(Refusal::Revoked));

    let mut database = SqliteConnectOptions::new().filename(app.database()).connect().await.unwrap();
    let undo = "UPDATE feed SET tag = x'0102030405060708', entry = '{\"changed\":\"signing_keys\"}', \
                kind = 'signing_keys_changed' WHERE position = (SELECT max(position) FROM feed)";
    sqlx::query(undo).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    app.pass(Duration::from_secs(5)).await;

    soon("the old list is gone", || refusal(&guard, &token).is_none()).await;
    assert_ne!(guard.freshness(), Freshness::Stale);
}

//! Threat S30: whatever somebody in between does to the feed, a guard believes nothing that is not so,
//! and admits nobody once it has heard nothing for its maximum age.

use std::time::Duration;

use portcullis::domain::signing_key::Line;
use portcullis::keys::acts::{KeyAct, Why};
use portcullis_guard::{Freshness, Refusal};
use tokio::time::timeout;

use super::between::Way;
use super::{House, fresh, refusal, soon};
use crate::support::DEADLINE;

const JWKS: &str = "/.well-known/portcullis-feed-jwks.json";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_done_to_the_feed_a_guard_fails_closed_and_recovers() {
    for way in [Way::Cut, Way::Replays, Way::Truncates, Way::Unsigned, Way::Altered, Way::Gap, Way::Swaps] {
        let house = House::start().await;
        let app = &house.app;
        let shop = app.tenant("shop").await;
        let watcher = shop.key("portcullis:revocations").create().await;
        let (key, earlier) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
        let (token, lives) = (key.token("").await, earlier.token("").await);
        earlier.act(KeyAct::RevokeTokens).await;
        app.follow().await;
        let lives = {
            drop(lives);
            earlier.token("").await
        };
        let guard = house.guard(&shop, &watcher).without_stream().build().unwrap();
        fresh(&guard).await;
        assert_eq!((refusal(&guard, &token), refusal(&guard, &lives)), (None, None), "{way:?}");

        house.between.goes(way);
        key.act(KeyAct::Block).await;
        app.follow().await;
        let asked = house.between.asked("/oauth/revocations");
        soon("some answers", || house.between.asked("/oauth/revocations") > asked + 3).await;
        // It was told before the lie began, or it does not know yet; it never becomes younger by a lie.
        app.pass(Duration::from_millis(45_001)).await;
        let asked = house.between.asked("/oauth/revocations");
        soon("some more", || house.between.asked("/oauth/revocations") > asked + 3).await;
        assert_eq!(guard.freshness(), Freshness::Stale, "{way:?}");
        for token in [&token, &lives] {
            assert_eq!(refusal(&guard, token), Some(Refusal::Stale), "{way:?}");
        }

        house.between.goes(Way::Honest);
        fresh(&guard).await;
        let position = app.server.copy.applied();
        timeout(DEADLINE, guard.until_position(position)).await.unwrap();
        assert_eq!(refusal(&guard, &token), Some(Refusal::Revoked), "{way:?}");
        assert_eq!(refusal(&guard, &lives), None, "{way:?}");
    }
}

/// The server's feed key changes, with and without notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_takes_up_a_new_feed_key_and_one_that_has_pinned_does_not() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let watcher = shop.key("portcullis:revocations").create().await;
    let pin = app.get(JWKS).send().await.text();
    let guard = house.guard(&shop, &watcher).without_stream().build().unwrap();
    let pinned = house.guard(&shop, &watcher).without_stream().feed_keys(&pin).build().unwrap();
    fresh(&guard).await;
    fresh(&pinned).await;

    app.shell.rotate_signing_key(Line::FEED).await.unwrap();
    app.follow().await;
    // In steps, so that the copies stay fresh.
    for _ in 0..34 {
        app.pass(Duration::from_secs(20)).await;
        fresh(&guard).await;
        soon("it is heard at this time", || guard.age().is_some_and(|age| age < Duration::from_secs(5)))
            .await;
    }
    assert_eq!(guard.freshness(), Freshness::Fresh);
    assert_eq!(pinned.freshness(), Freshness::Stale, "it knows another key only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_key_that_was_revoked_is_believed_no_longer() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let (watcher, key) =
        (shop.key("portcullis:revocations").create().await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    let guard = house.guard(&shop, &watcher).without_stream().build().unwrap();
    fresh(&guard).await;
    let keys = portcullis_guard::KeySet::from_json(&app.get(JWKS).send().await.text()).unwrap();
    let leaked = keys.ids().next().unwrap().clone();
    app.shell.retire_signing_key(&leaked, &Why::default()).await.unwrap();
    // By the test's clock the keys may be fetched again.
    app.pass(Duration::from_secs(31)).await;
    let position = app.server.copy.applied();
    timeout(DEADLINE, guard.until_position(position)).await.expect("the new key is not taken up");
    assert_eq!(refusal(&guard, &token), None);
}

/// Whose clock runs behind would admit expired tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_whose_clock_is_behind_admits_nobody_until_it_is_right() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let (watcher, key) =
        (shop.key("portcullis:revocations").create().await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    let clock = crate::support::TestClock::shared();
    let builder = house.guard(&shop, &watcher).without_stream().clock(clock.clone());
    clock.step_wall_back(Duration::from_millis(5_001));
    let guard = builder.build().unwrap();
    let position = app.server.copy.applied();
    timeout(DEADLINE, guard.until_position(position)).await.expect("it learns all the same");
    assert_eq!(refusal(&guard, &token), Some(Refusal::Stale));
    clock.step_wall_forward(Duration::from_millis(1));
    fresh(&guard).await;
    assert_eq!(refusal(&guard, &token), None);
}

//! Keys and tokens that ended pass no proxy, on no node (threats S10, S23 to S26, S30); the gate's own
//! tests ask here as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis::domain::Timestamp;
use portcullis::keys::acts::{KeyAct, Why};
use portcullis::time::Clock as _;
use tokio::task::JoinSet;

use super::{admitted, of, refused, verify};
use crate::support::{App, Build, Hand, part};

#[tokio::test]
async fn a_key_that_ended_ends_its_tokens_on_every_node() {
    // S10.
    let app = App::start().await;
    let other = app.second_node(Build::default()).await;
    let shop = app.tenant("shop").await;
    let asks = async |token: &str| {
        let there = other.get(&format!("/verify?project={}", shop.project.id)).bearer(token);
        (of(verify(&shop, "").bearer(token)).await, of(there).await)
    };
    for act in [KeyAct::Block, KeyAct::Delete, KeyAct::RevokeTokens] {
        let key = shop.key("orders:read").create().await;
        let token = key.token("").await;
        assert_eq!(asks(&token).await, (admitted(), admitted()), "{act:?}");
        key.act(act).await;
        app.follow().await;
        other.follow().await;
        assert_eq!(asks(&token).await, (refused(401, "revoked"), refused(401, "revoked")));
    }
    let ends = Timestamp::from_secs(app.now() + 60);
    let key = shop.key("orders:read").with(|details| details.expires_at = Some(ends)).create().await;
    let token = key.token("").await;
    app.pass(Duration::from_millis(59_749)).await;
    other.follow().await;
    assert_eq!(asks(&token).await, (admitted(), admitted()));
    assert!(app.clock.now() < ends);
    app.pass(Duration::from_millis(1)).await;
    other.follow().await;
    assert_eq!(asks(&token).await, (refused(401, "expired"), refused(401, "expired")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_passes_once_a_revocation_was_followed() {
    // S23: proxies ask on and on while the order is given.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let (followed, passed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut proxies = JoinSet::new();
    for _ in 0..12 {
        let question = verify(&shop, "").bearer(&token);
        let (followed, passed) = (followed.clone(), passed.clone());
        proxies.spawn(async move {
            let mut refused_after = 0;
            while refused_after < 5 {
                let after = followed.load(Ordering::SeqCst);
                let passes = of(question.clone()).await == admitted();
                assert!(!(after && passes), "admitted after the node had followed");
                passed.fetch_add(usize::from(passes), Ordering::SeqCst);
                refused_after += usize::from(after);
                tokio::task::yield_now().await;
            }
        });
    }
    while passed.load(Ordering::SeqCst) < 32 {
        tokio::task::yield_now().await;
    }
    key.act(KeyAct::Block).await;
    app.follow().await;
    followed.store(true, Ordering::SeqCst);
    while let Some(proxy) = proxies.join_next().await {
        proxy.unwrap();
    }
}

#[tokio::test]
async fn a_revocation_outlives_a_restart_and_a_clock_that_is_set_back() {
    // S24.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    assert_eq!(key.post("/oauth/revoke", &format!("token={token}")).send().await.status, 200);
    let dead = refused(401, "revoked");
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, dead);
    app.clock.step_wall_back(Duration::from_mins(10));
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, dead);
    let restarted = app.second_node(Build::default()).await;
    assert_eq!(of(restarted.get(&format!("/verify?project={}", shop.project.id)).bearer(&token)).await, dead);
}

#[tokio::test]
async fn rules_that_overlap_kill_what_any_of_them_kills() {
    // S25: the project's, the key's, the token's, the signing key's.
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    shop.audience("urn:a").await;
    let key = shop.key("orders:read").create().await;
    let theirs = rival.key("orders:read").create().await.token("").await;
    let tokens = [key.token("").await, key.token("").await];
    let (passes, dead) = (admitted(), refused(401, "revoked"));
    let asks = async |token: &str| of(verify(&shop, "").bearer(token)).await;

    key.post("/oauth/revoke", &format!("token={}", tokens[0])).send().await;
    assert_eq!((asks(&tokens[0]).await, asks(&tokens[1]).await), (dead.clone(), passes.clone()));
    key.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    assert_eq!((asks(&tokens[0]).await, asks(&tokens[1]).await), (dead.clone(), dead.clone()));
    let after = key.token("").await;
    assert_eq!(asks(&after).await, passes, "a token decided after the revocation");
    app.shell.remove_audience(&shop.project.id, "urn:a".parse().unwrap()).await.unwrap();
    app.follow().await;
    assert_eq!(asks(&after).await, dead);
    assert_eq!(of(verify(&rival, "").bearer(&theirs)).await, passes);

    let kid = part(&theirs, 0)["kid"].as_str().unwrap().parse().unwrap();
    app.shell.retire_signing_key(&kid, &Why::default()).await.unwrap().unwrap();
    app.follow().await;
    assert_eq!(of(verify(&rival, "").bearer(&theirs)).await.0, 401);
}

#[tokio::test]
async fn another_keys_revocation_is_refused_and_the_token_passes_on() {
    // S26.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    let form = format!("token={token}");
    assert_eq!(other.post("/oauth/revoke", &form).send().await.status, 400);
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, admitted());
    assert_eq!(key.post("/oauth/revoke", &form).send().await.status, 200);
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, refused(401, "revoked"));
}

#[tokio::test]
async fn a_feed_that_cannot_be_read_closes_the_gate_and_what_was_missed_is_dead_when_it_is_back() {
    // S30, as far as a server follows its own database.
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    hand.no_feed.store(true, Ordering::SeqCst);
    key.act(KeyAct::Block).await;
    app.clock.advance(Duration::from_secs(29));
    assert!(app.server.sync.step().await.is_err());
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, admitted(), "it cannot know yet");
    app.clock.advance(Duration::from_secs(2));
    assert!(app.server.sync.step().await.is_err());
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, refused(503, "temporarily_unavailable"));
    hand.no_feed.store(false, Ordering::SeqCst);
    app.follow().await;
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, refused(401, "revoked"));
}

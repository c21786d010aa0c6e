//! Revocations against caches, from many sides at once (threat S23).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use tokio::task::JoinSet;

use super::{House, furnish};
use crate::support::{App, Build, Hand, Key, Listed as _};

/// A load that began before an edit and ends after it must not be remembered as what is now.
#[tokio::test]
async fn a_record_that_was_on_its_way_during_an_edit_is_not_used() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = furnish(&app).await;
    for how in ["by id", "by digest"] {
        let key = shop.key("api").create().await;
        let request = || match how {
            "by id" => key.ask(""),
            _ => app.post("/oauth/token", "grant_type=client_credentials").bearer(&key.secret),
        };
        hand.records.close();
        let came = hand.records.came();
        let (first, ()) = tokio::join!(request().send(), async {
            hand.records.until_came(came + 1).await;
            key.act(KeyAct::Block).await;
            app.follow().await;
            hand.records.release();
        });
        assert_eq!(first.refusal(), (401, "invalid_client".into()), "{how}");
        assert_eq!(request().send().await.refusal(), (401, "invalid_client".into()), "{how}");

        // The same with an authentication that commits nothing: no condition would catch it.
        let caller = shop.key("api").create().await;
        let token = caller.token("").await;
        app.clock.advance(Duration::from_secs(31));
        app.follow().await;
        hand.records.close();
        let came = hand.records.came();
        let (seen, ()) = tokio::join!(caller.introspect(&token), async {
            hand.records.until_came(came + 1).await;
            caller.act(KeyAct::Block).await;
            app.follow().await;
            hand.records.release();
        });
        assert_eq!(seen.refusal(), (401, "invalid_client".into()), "{how}");
    }
}

/// N judges ask on and on while the order is given; whoever asks after the node has followed it
/// is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_passes_once_a_revocation_was_followed() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    for act in [KeyAct::Block, KeyAct::RevokeTokens] {
        let key = shop.key("api").create().await;
        let token = key.token("").await;
        let followed = Arc::new(AtomicBool::new(false));
        let passed = Arc::new(AtomicUsize::new(0));
        let mut judges = JoinSet::new();
        for judge in 0..16 {
            let request = match judge % 3 {
                0 => house.witness.post("/oauth/introspect", &format!("token={token}")),
                1 => app.get(&format!("/verify?project={}", shop.project.id)).bearer(&token),
                _ => app.get("/v1/auth/verify").bearer(&token),
            };
            let (followed, passed) = (followed.clone(), passed.clone());
            judges.spawn(async move {
                let mut refused_after = 0;
                while refused_after < 5 {
                    let after = followed.load(Ordering::SeqCst);
                    let answer = request.clone().send().await;
                    let said = || answer.bytes.is_empty() || answer.json()["active"] == true;
                    let admitted = answer.status == 200 && said();
                    assert!(!(after && admitted), "admitted after the node had followed");
                    passed.fetch_add(usize::from(admitted), Ordering::SeqCst);
                    refused_after += usize::from(after);
                    // Nothing in a check waits: without this, judges that came first would hold the
                    // workers, and what the order needs of them would never be done.
                    tokio::task::yield_now().await;
                }
            });
        }
        while passed.load(Ordering::SeqCst) < 32 {
            tokio::task::yield_now().await;
        }
        key.act(act).await;
        app.follow().await;
        followed.store(true, Ordering::SeqCst);
        while let Some(judge) = judges.join_next().await {
            judge.unwrap();
        }
    }
}

/// Mints race a block: each that succeeded was committed before it, and is dead after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mints_that_race_a_block_are_dead_or_refused() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key: Key<'_> = shop.key("api").create().await;
    let acknowledged = Arc::new(AtomicBool::new(false));
    let minted = Arc::new(AtomicUsize::new(0));
    let mut minters = JoinSet::new();
    for _ in 0..12 {
        let (request, acknowledged, minted) = (key.ask(""), acknowledged.clone(), minted.clone());
        minters.spawn(async move {
            let mut tokens = Vec::new();
            loop {
                let after = acknowledged.load(Ordering::SeqCst);
                let answer = request.clone().send().await;
                if after {
                    // Although the node has not followed the feed: the commit itself tells it.
                    assert_eq!(answer.refusal(), (401, "invalid_client".into()));
                    return tokens;
                }
                if answer.status == 200 {
                    tokens.push(answer.token());
                    minted.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    while minted.load(Ordering::SeqCst) < 24 {
        tokio::task::yield_now().await;
    }
    key.act(KeyAct::Block).await;
    acknowledged.store(true, Ordering::SeqCst);
    let tokens: Vec<String> = minters.join_all().await.into_iter().flatten().collect();
    let logged = app.server.store.issued(&key.id, 10_000).await.unwrap().len();
    assert_eq!(logged, tokens.len(), "every token that was handed out is in the log");
    app.follow().await;
    for token in &tokens {
        assert!(!house.admits(token).await);
    }
}

//! What a node remembers of keys, and once for all of them of their project.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use portcullis::keys::{Records, Use};
use tokio::task::JoinSet;

use crate::support::{App, Build, Hand, Key, Tenant, part};

/// What was read so far: keys, parts of projects, whole records.
fn reads(hand: &Hand) -> (usize, usize, usize) {
    let (whole, parts) = (hand.whole_read.load(Ordering::SeqCst), hand.parts_read.load(Ordering::SeqCst));
    (hand.records.came() - whole, parts, whole)
}

/// What an act makes the node read.
async fn read_by<T>(hand: &Hand, act: impl Future<Output = T>) -> (usize, usize, usize) {
    let before = reads(hand);
    act.await;
    let after = reads(hand);
    (after.0 - before.0, after.1 - before.1, after.2 - before.2)
}

/// A project with a large catalogue, and some keys that hold all of it.
async fn large(app: &App) -> Tenant<'_> {
    let shop = app.tenant("shop").await;
    for part in 0..4 {
        let many: Vec<String> = (0..250).map(|n| format!("part{part}:n{n}")).collect();
        shop.scope(&format!("part{part}"), &many.join(" ")).await;
    }
    shop.scope("api", "part0 part1 part2 part3").await;
    shop
}

async fn keys<'a>(shop: &'a Tenant<'a>, so_many: usize) -> Vec<Key<'a>> {
    let mut keys = Vec::new();
    for _ in 0..so_many {
        keys.push(shop.key("api").create().await);
    }
    keys
}

async fn mint_all(keys: &[Key<'_>]) {
    for key in keys {
        key.token("part3:n249").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_keys_of_a_project_share_one_catalogue_that_is_read_once() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = large(&app).await;
    let keys = keys(&shop, 40).await;

    let read = read_by(&hand, async {
        let mut asking = JoinSet::new();
        for request in keys.iter().flat_map(|key| [key.ask("scope=part0:n0"), key.ask("scope=part1:n1")]) {
            asking.spawn(async move { request.send().await.status });
        }
        assert!(asking.join_all().await.into_iter().all(|status| status == 200));
    })
    .await;

    assert_eq!(read, (40, 1, 0), "and none is told by the log that it has moved");
    let records = Records::new(app.server.store.clone(), app.clock.clone());
    let mut shared = None;
    for key in &keys {
        let record = records.by_id(&key.id, Use::Remembered).await.unwrap().unwrap();
        let catalogue = shared.get_or_insert_with(|| record.catalogue.clone());
        assert!(Arc::ptr_eq(catalogue, &record.catalogue));
        assert_eq!(record.catalogue.size(), 1009);
    }
    assert_eq!(Arc::strong_count(&shared.unwrap()), 1 + 40 + 1, "ours, each key's, and the project's");
}

#[tokio::test]
async fn an_edit_of_a_key_makes_the_node_read_that_key_and_nothing_else() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = large(&app).await;
    let keys = keys(&shop, 3).await;
    mint_all(&keys).await;
    for act in [KeyAct::RevokeTokens, KeyAct::Block, KeyAct::Unblock] {
        keys[0].act(act).await;
        app.follow().await;
        let read = read_by(&hand, async {
            for key in &keys {
                key.ask("").send().await;
            }
        });
        // Blocked, it is read once more by itself before it is refused.
        let again = usize::from(act == KeyAct::Block);
        assert_eq!(read.await, (1, 0, again), "{act:?}");
    }
    // A key that comes, and so has an entry beyond what was read of its project.
    let new = shop.key("api").create().await;
    assert_eq!(read_by(&hand, new.token("part0:n0")).await, (1, 0, 0));
}

#[tokio::test]
async fn an_edit_of_a_project_reaches_all_its_keys_and_is_read_once() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let (shop, other) = (large(&app).await, app.tenant("other").await);
    let (keys, foreign) = (keys(&shop, 5).await, other.key("api").create().await);
    mint_all(&keys).await;
    foreign.token("").await;

    shop.scope("part0:n0", "more").await;

    let read = read_by(&hand, async {
        for key in &keys {
            let token = key.token("part0:n0").await;
            assert_eq!(part(&token, 1)["scope"], "more part0:n0");
        }
        foreign.token("").await;
    });
    assert_eq!(read.await, (5, 1, 0));
    // What is taken away is gone for each of them, although none was read by itself.
    shop.scope("api", "part1").await;
    for key in &keys {
        assert_eq!(key.ask("scope=part0:n0").send().await.refusal(), (400, "invalid_scope".into()));
        key.token("part1:n0").await;
    }
}

/// The key was read before the edit, the project's part after it: they make up no record.
#[tokio::test]
async fn a_project_that_is_edited_between_the_two_reads_is_read_with_the_key() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = large(&app).await;
    let key = shop.key("api").create().await;
    hand.records.close();
    let came = hand.records.came();
    let before = reads(&hand);

    let (answer, ()) = tokio::join!(key.ask("scope=part0:n0").send(), async {
        hand.records.until_came(came + 1).await;
        let scope = "part0:n0".parse().unwrap();
        let entry =
            portcullis::domain::CatalogueScope { includes: "more".parse().unwrap(), ..Default::default() };
        app.shell.set_scope(&shop.project.id, scope, entry).await.unwrap();
        hand.records.release();
    });

    assert_eq!(part(&answer.token(), 1)["scope"], "more part0:n0");
    let after = reads(&hand);
    assert_eq!((after.0 - before.0, after.1 - before.1, after.2 - before.2), (1, 1, 1));
    // The whole read has left the part to the next key.
    let next = shop.key("api").create().await;
    assert_eq!(read_by(&hand, next.token("part0:n0")).await, (1, 0, 0));
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = large(&app).await;
    let key = shop.key("api").create().await;
    hand.no_parts.store(true, Ordering::SeqCst);
    let answer = key.ask("scope=part0:n0").send().await;
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".into()));
    hand.no_parts.store(false, Ordering::SeqCst);
    key.token("part0:n0").await;
}

/// Whatever was remembered of a key: after half a minute it is read anew.
#[tokio::test]
async fn a_key_is_read_anew_after_half_a_minute() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = large(&app).await;
    let key = shop.key("api").create().await;
    key.token("part0:n0").await;
    app.pass(Duration::from_secs(30)).await;
    assert_eq!(read_by(&hand, key.token("part0:n0")).await, (0, 0, 0));
    app.pass(Duration::from_secs(1)).await;
    assert_eq!(read_by(&hand, key.token("part0:n0")).await.0, 1);
}

//! A mint held between its decision and its commit while somebody edits (threat S23): no token
//! that was decided on the old state ever leaves the house.

use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::{CatalogueScope, KeyDetails};
use portcullis::keys::acts::{KeyAct, Why};

use super::{AUDIENCE, House, default_audience, furnish};
use crate::support::{Answer, App, Build, Key, Latch, Listed as _};

type Edit = fn(&mut KeyDetails);

async fn start() -> (App, Arc<Latch>) {
    let latch = Latch::open();
    (Build::default().issued(latch.before_commit()).start().await, latch)
}

/// Asks for a token, and edits while its commit is held.
async fn ask_while(latch: &Latch, key: &Key<'_>, more: &str, edit: impl Future<Output = ()>) -> Answer {
    latch.close();
    let held = latch.came() + 1;
    let (answer, ()) = tokio::join!(key.ask(more).send(), async {
        latch.until_came(held).await;
        edit.await;
        latch.release();
    });
    answer
}

async fn issued(key: &Key<'_>) -> usize {
    key.app.server.store.issued(&key.id, 100).await.unwrap().len()
}

#[tokio::test]
async fn a_token_decided_before_the_key_was_edited_is_decided_again() {
    let (app, latch) = start().await;
    let shop = furnish(&app).await;
    let default = default_audience(&shop);
    let edits: [(&str, Edit, (u16, &str)); 8] = [
        ("renamed", |key| key.name = "another".into(), (200, "")),
        ("permission added", |key| key.permissions = "api reports:read".parse().unwrap(), (200, "")),
        (
            "permission removed",
            |key| key.permissions = "orders:write".parse().unwrap(),
            (400, "invalid_scope"),
        ),
        ("moved", |key| key.allowlist = "10.0.0.0/8".parse().unwrap(), (400, "unauthorized_client")),
        ("other audience", |key| key.audiences.truncate(1), (400, "invalid_target")),
        ("expired", |key| key.expires_at = Some(key_end()), (401, "invalid_client")),
        ("shortened", |key| key.token_lifetime = portcullis::domain::Lifetime::from_secs(30), (200, "")),
        ("scope required", |key| key.require_scope = true, (200, "")),
    ];
    for (what, edit, expected) in edits {
        // Whether the node has heard of the edit makes no difference.
        for follows in [false, true] {
            let key = shop.key("api").audiences(&[&default, AUDIENCE]).create().await;
            let more = format!("scope=orders:read&audience={AUDIENCE}");
            let answer = ask_while(&latch, &key, &more, async {
                key.edit(edit).await;
                if follows {
                    app.follow().await;
                }
            })
            .await;
            assert_eq!(answer.refusal(), (expected.0, expected.1.to_owned()), "{what}: {}", answer.text());
            assert_eq!(issued(&key).await, usize::from(expected.0 == 200), "{what}");
            if what == "shortened" {
                assert_eq!(answer.json()["expires_in"], 30);
            }
            app.follow().await;
            if expected.0 == 200 {
                assert!(key.introspect(&answer.token()).await.is_active(), "{what}");
            }
        }
    }
}

fn key_end() -> portcullis::domain::Timestamp {
    portcullis::domain::Timestamp::from_secs(1_000)
}

#[tokio::test]
async fn a_token_decided_before_a_block_is_refused() {
    let (app, latch) = start().await;
    let shop = furnish(&app).await;
    for (act, status) in [(KeyAct::Block, 401), (KeyAct::Delete, 401), (KeyAct::RevokeTokens, 200)] {
        let key = shop.key("api").create().await;
        let answer = ask_while(&latch, &key, "", key.act(act)).await;
        assert_eq!(answer.status, status, "{act:?}: {}", answer.text());
        assert_eq!(issued(&key).await, usize::from(status == 200), "{act:?}");
        app.follow().await;
        if status == 200 {
            // It was decided anew after the order, so the order does not concern it.
            assert!(key.introspect(&answer.token()).await.is_active());
        }
    }
    // Blocked and unblocked while it was held: decided anew all the same.
    let key = shop.key("api").create().await;
    let answer = ask_while(&latch, &key, "", async {
        key.act(KeyAct::Block).await;
        key.act(KeyAct::Unblock).await;
    })
    .await;
    app.follow().await;
    assert!(key.introspect(&answer.token()).await.is_active());
}

#[tokio::test]
async fn a_token_asked_for_with_a_secret_that_was_replaced_meanwhile_is_refused() {
    let (app, latch) = start().await;
    let shop = furnish(&app).await;
    for (overlap, status) in [(0, 401), (60, 200)] {
        let key = shop.key("api").create().await;
        let answer = ask_while(&latch, &key, "", async {
            let overlap = Duration::from_secs(overlap);
            app.shell.regenerate(&key.id, overlap, &Why::default()).await.unwrap();
        })
        .await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(issued(&key).await, usize::from(status == 200));
    }
}

#[tokio::test]
async fn a_token_decided_before_an_include_was_narrowed_holds_what_is_left() {
    let (app, latch) = start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let narrow = async || {
        let entry = CatalogueScope { includes: "orders:read".parse().unwrap(), ..Default::default() };
        app.shell.set_scope(&shop.project.id, "api".parse().unwrap(), entry).await.unwrap();
    };

    let answer = ask_while(&latch, &key, "", narrow()).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    app.follow().await;
    let token = answer.token();
    assert!(house.admits(&token).await);
    assert_eq!(house.witness.introspect(&token).await.json()["scope"], "api orders:read");
    assert_eq!(issued(&key).await, 1);
    // Asked for by name it is refused.
    shop.scope("api", "orders:read orders:write").await;
    let answer = ask_while(&latch, &key, "scope=orders:write", narrow()).await;
    assert_eq!(answer.refusal(), (400, "invalid_scope".into()));
}

#[tokio::test]
async fn a_token_decided_before_its_project_was_edited_is_decided_again() {
    let (app, latch) = start().await;
    let shop = furnish(&app).await;
    let default = default_audience(&shop);
    let key = shop.key("api").audiences(&[AUDIENCE, &default]).create().await;
    let answer = ask_while(&latch, &key, "", async {
        app.shell.remove_audience(&shop.project.id, AUDIENCE.parse().unwrap()).await.unwrap();
    })
    .await;
    assert_eq!(answer.refusal(), (400, "invalid_target".into()));
    let named = format!("audience={default}");
    let answer = ask_while(&latch, &key, &named, async {
        app.shell.add_audience(&shop.project.id, AUDIENCE.parse().unwrap()).await.unwrap();
    })
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(issued(&key).await, 1);
}

/// Once more, and no more than once: who is always overtaken is told to come back.
#[tokio::test]
async fn a_token_overtaken_twice_is_not_minted() {
    let (app, latch) = start().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    latch.close();
    let came = latch.came();
    let (answer, ()) = tokio::join!(key.ask("").send(), async {
        for turn in 1..=2 {
            latch.until_came(came + turn).await;
            key.edit(|key| key.name = format!("name {turn}")).await;
            latch.let_pass(1);
        }
    });
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".into()));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!((latch.came() - came, issued(&key).await), (2, 0));
    latch.release();
    assert_eq!(key.ask("").send().await.status, 200);
}

/// The feed spares the detour: what it outdates is not used at all.
#[tokio::test]
async fn a_remembered_record_that_the_feed_outdates_is_a_miss() {
    let (app, latch) = start().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    key.token("").await;
    let commits = async |follows: bool| {
        key.edit(|key| key.name.push('x')).await;
        if follows {
            app.follow().await;
        }
        let came = latch.came();
        key.token("").await;
        latch.came() - came
    };
    assert_eq!(commits(false).await, 2, "decided on the old record, then on the new one");
    assert_eq!(commits(true).await, 1);
    // An edit of its project outdates it as well.
    let came = latch.came();
    shop.scope("more", "").await;
    key.token("").await;
    assert_eq!(latch.came() - came, 1);
}

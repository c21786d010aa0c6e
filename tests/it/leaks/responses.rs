//! What a report does: as the project wants, and once.

use std::time::Duration;

use portcullis::domain::{KeyState, OnLeak};
use portcullis::keys::acts::{KeyAct, Why};
use serde_json::json;

use super::URL;
use crate::support::{App, Build, Hand};

#[tokio::test]
async fn a_live_secret_blocks_its_key_at_once_and_says_so_with_source_and_url() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;

    assert_eq!(app.leak(&[&key.secret]).from("203.0.113.9").send().await.status, 202);

    let judged = app.get("/v1/auth/verify").bearer(&token).send().await;
    assert_eq!(judged.json()["reason"], "revoked", "at once, on the node that took the report");
    assert_eq!(app.state_of(&key.id).await, KeyState::Blocked);
    assert_eq!(key.ask("").send().await.json()["error_description"], "the API key is blocked");
    let secret = app.shell.record(&key.id).await.unwrap().secrets[0].digest.id();
    let row = |act: &str, detail: serde_json::Value| {
        let mut told = json!({
            "secret_id": secret, "source": "content", "url": URL, "signed_by": null, "reason": "key_compromise",
        });
        told.as_object_mut().unwrap().extend(detail.as_object().unwrap().clone());
        json!({ "actor": "leak_report", "address": "203.0.113.9", "act": act, "target": key.id, "detail": told })
    };
    let expected = [row("leak.report", json!({ "secret_live": true })), row("key.block", json!({}))];
    assert_eq!(app.leaks_audited().await, expected);
    let flags = app.shell.flags(&key.id).await.unwrap();
    assert_eq!((flags.len(), flags[0].place.url.as_deref()), (1, Some(URL)));
    assert_eq!(app.metric(r#"portcullis_reported_secrets_total{outcome="blocked"}"#).await, Some(1.0));
}

#[tokio::test]
async fn secrets_of_several_keys_and_texts_that_hold_some_are_found_in_one_report() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let (one, two) = (shop.key("api").create().await, mill.key("api").create().await);
    let imported = mill.import("till-7", "correct horse battery staple", "api").await;
    let other = shop.key("api").create().await;
    let file = format!("PORT=1\nA=\"{}\"\nB={}x\n", one.secret, two.secret);
    app.leak(&[&file, "nothing", &imported.secret, &file]).send().await;
    for (key, state) in [
        (&one, KeyState::Blocked),
        (&two, KeyState::Blocked),
        (&imported, KeyState::Blocked),
        (&other, KeyState::Active),
    ] {
        assert_eq!(app.state_of(&key.id).await, state, "{}", key.id);
    }
    let outcome = async |name: &str| {
        app.metric(&format!("portcullis_reported_secrets_total{{outcome=\"{name}\"}}")).await
    };
    assert_eq!((outcome("blocked").await, outcome("unknown").await), (Some(3.0), Some(2.0)));
}

#[tokio::test]
async fn replays_add_nothing_however_they_vary() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let flagging = app.tenant("mill").await;
    flagging.on_leak(OnLeak::Flag).await;
    let (key, flagged) = (shop.key("api").create().await, flagging.key("api").create().await);
    let deleted = shop.key("api").create().await;
    deleted.act(KeyAct::Delete).await;
    let rotated = shop.key("api").create().await;
    app.shell.regenerate(&rotated.id, Duration::ZERO, &Why::default()).await.unwrap();
    let blocked = shop.key("api").create().await;
    blocked.act(KeyAct::Block).await;
    let keys = [&key, &flagged, &deleted, &rotated, &blocked];
    let all: Vec<&str> = keys.iter().map(|key| key.secret.as_str()).collect();
    let before = app.traces().await;
    app.leak(&all).send().await;
    // A report of each, and a block, which is the only one in the feed.
    let after = (before.0 + keys.len() + 1, before.1 + 1);
    assert_eq!(app.traces().await, after);
    for n in 0..20 {
        let replay =
            app.leak_at(&all, &format!("https://elsewhere.example/{n}")).from(&format!("10.0.0.{n}"));
        assert_eq!(replay.send().await.status, 202);
    }
    assert_eq!(app.traces().await, after);
    for (key, state, flags) in [
        (&key, KeyState::Blocked, 1),
        (&flagged, KeyState::Active, 1),
        (&deleted, KeyState::Deleted, 0),
        (&rotated, KeyState::Active, 0),
        (&blocked, KeyState::Blocked, 1),
    ] {
        assert_eq!((app.state_of(&key.id).await, app.flags_of(key).await), (state, flags), "{}", key.id);
    }
    let mut noted = app.leaks_audited().await;
    noted.retain(|row| row["act"] == "leak.report");
    let live =
        |key: &str| noted.iter().find(|row| row["target"] == key).unwrap()["detail"]["secret_live"].clone();
    assert_eq!((live(deleted.id.as_str()), live(blocked.id.as_str())), (json!(false), json!(true)));
}

#[tokio::test]
async fn a_flagged_key_works_on_until_its_project_or_an_administrator_decides_otherwise() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    shop.on_leak(OnLeak::Flag).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    let report = async || app.leak(&[&key.secret]).send().await;
    report().await;
    assert!(key.introspect(&token).await.is_active());
    assert_eq!((app.state_of(&key.id).await, app.flags_of(&key).await), (KeyState::Active, 1));

    // Cleared, and reported once more: it is news again.
    assert_eq!(app.shell.clear_flags(&key.id, &Why::default()).await.unwrap().flags, 1);
    assert_eq!(app.flags_of(&key).await, 0);
    report().await;
    assert_eq!(app.flags_of(&key).await, 1);

    shop.on_leak(OnLeak::Block).await;
    report().await;
    assert_eq!(app.state_of(&key.id).await, KeyState::Blocked);
    let before = app.leaks_audited().await.len();
    key.act(KeyAct::Unblock).await;
    app.follow().await;
    report().await;
    assert_eq!(app.state_of(&key.id).await, KeyState::Blocked, "the secret is as public as before");
    assert_eq!(app.leaks_audited().await.len(), before + 1);
}

#[tokio::test]
async fn two_reports_of_one_secret_at_the_same_time_are_one() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    hand.reports.close();
    let together = async {
        hand.reports.until_came(2).await;
        hand.reports.release();
    };
    let report = || app.leak(&[&key.secret]).send();
    let (one, two, ()) = tokio::join!(report(), report(), together);
    assert_eq!((one.status, two.status), (202, 202));
    let acts: Vec<_> = app.leaks_audited().await.iter().map(|row| row["act"].clone()).collect();
    assert_eq!(acts, ["leak.report", "key.block"]);
}

#[tokio::test]
async fn a_key_that_is_edited_again_and_again_meanwhile_is_blocked_all_the_same() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    hand.reports.close();
    let meanwhile = async {
        for edit in 1..10 {
            hand.reports.until_came(edit).await;
            key.edit(|details| details.name = format!("renamed {edit} times")).await;
            hand.reports.let_pass(1);
        }
        hand.reports.release();
    };
    let (answer, ()) = tokio::join!(app.leak(&[&key.secret]).send(), meanwhile);
    assert_eq!(answer.status, 202);
    assert_eq!(app.state_of(&key.id).await, KeyState::Blocked);
    assert_eq!(app.leaks_audited().await.len(), 2);
}

#[tokio::test]
async fn a_key_that_is_unblocked_while_it_is_reported_is_blocked_for_that() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    key.act(KeyAct::Block).await;
    hand.reports.close();
    let meanwhile = async {
        hand.reports.until_came(1).await;
        key.act(KeyAct::Unblock).await;
        hand.reports.release();
    };
    let (answer, ()) = tokio::join!(app.leak(&[&key.secret]).send(), meanwhile);
    assert_eq!(answer.status, 202);
    assert_eq!(app.state_of(&key.id).await, KeyState::Blocked, "its secret was reported when it worked");
}

#[tokio::test]
async fn a_secret_that_is_no_more_is_known_for_a_year() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let (early, late) = (shop.key("api").create().await, shop.key("api").create().await);
    for key in [&early, &late] {
        key.act(KeyAct::Delete).await;
    }
    app.pass(Duration::from_hours(364 * 24)).await;
    app.leak(&[&early.secret]).send().await;
    app.pass(Duration::from_hours(2 * 24)).await;
    // The next end of a secret clears what is older.
    shop.key("api").create().await.act(KeyAct::Delete).await;
    app.leak(&[&late.secret]).send().await;
    let known: Vec<_> = app.leaks_audited().await.iter().map(|row| row["target"].clone()).collect();
    assert_eq!(known, [early.id.as_str()]);
}

//! Single tokens, whole keys, and both (threats S10, S25, S26, S28).

use std::time::Duration;

use portcullis::keys::acts::KeyAct;

use super::{House, furnish};
use crate::support::{App, Build, Key};

async fn revoke(key: &Key<'_>, token: &str) -> (u16, String) {
    let answer = key.post("/oauth/revoke", &format!("token={token}")).send().await;
    if answer.status == 200 { (200, String::new()) } else { answer.refusal() }
}

#[tokio::test]
async fn orders_that_overlap_kill_each_for_itself() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let (first, second) = (key.token("").await, key.token("").await);

    assert_eq!(revoke(&key, &first).await, (200, String::new()));
    assert!(!house.admits(&first).await && house.admits(&second).await);

    key.act(KeyAct::Block).await;
    app.follow().await;
    assert!(!house.admits(&first).await && !house.admits(&second).await);
    // A blocked key is told so: it may not even revoke.
    assert_eq!(revoke(&key, &second).await, (401, "invalid_client".into()));

    key.act(KeyAct::Unblock).await;
    app.follow().await;
    let third = key.token("").await;
    assert!(!house.admits(&first).await && !house.admits(&second).await && house.admits(&third).await);
    // Dead already, revoked again: nothing to do, and nothing undone.
    assert_eq!(revoke(&key, &first).await, (200, String::new()));
    assert_eq!(revoke(&key, &third).await, (200, String::new()));
    assert!(!house.admits(&third).await);

    key.act(KeyAct::RevokeTokens).await;
    key.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    let fourth = key.token("").await;
    assert!(house.admits(&fourth).await && !house.admits(&third).await);
}

/// The border: an order at position N leaves the token that was decided at N.
#[tokio::test]
async fn a_token_decided_right_after_an_order_is_not_meant_by_it() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    for _ in 0..5 {
        let before = key.token("").await;
        key.act(KeyAct::RevokeTokens).await;
        // The node has not followed: the commit tells that something moved.
        let after = key.token("").await;
        app.follow().await;
        assert!(!house.admits(&before).await && house.admits(&after).await);
        let pos = house.witness.introspect(&after).await.json()["pos"].as_u64().unwrap();
        assert_eq!(pos, app.server.copy.applied().value());
    }
}

#[tokio::test]
async fn a_stranger_revokes_nothing() {
    let app = App::start().await;
    let (shop, other) = (furnish(&app).await, app.tenant("other").await);
    let house = House::of(&shop).await;
    let (key, neighbour) = (shop.key("api").create().await, shop.key("api").create().await);
    let abroad = other.key("api").create().await;
    let token = key.token("").await;
    for stranger in [&neighbour, &abroad, &house.witness] {
        assert_eq!(revoke(stranger, &token).await, (400, "invalid_request".into()));
        assert!(house.admits(&token).await);
    }
    assert_eq!(revoke(&abroad, "unknown").await, (200, String::new()));
    assert!(!abroad.introspect(&token).await.is_active());
}

/// Threat S10: whatever ends a key ends it at every endpoint and for every way to present it.
#[tokio::test]
async fn a_key_that_does_not_work_works_nowhere() {
    // A deleted key has no secret any more: each try of its is a failed one.
    let app = Build::default().set("PORTCULLIS_THROTTLE_KEY_FAILURES", "1000").start().await;
    let shop = furnish(&app).await;
    let alive = shop.key("api").create().await.token("").await;
    for how in ["blocked", "deleted", "expired"] {
        let end = portcullis::domain::Timestamp::from_secs(app.now() + 60);
        let key = shop.key("api portcullis:introspect").with(|key| {
            key.expires_at = (how == "expired").then_some(end);
        });
        let key = key.create().await;
        assert_eq!(key.ask("").send().await.status, 200);
        match how {
            "blocked" => key.act(KeyAct::Block).await,
            "deleted" => key.act(KeyAct::Delete).await,
            _ => app.clock.advance(Duration::from_mins(1)),
        }
        app.follow().await;
        for (path, form) in [
            ("/oauth/token", "grant_type=client_credentials".to_owned()),
            ("/oauth/introspect", format!("token={alive}")),
            ("/oauth/revoke", format!("token={alive}")),
        ] {
            let in_body = format!("{form}&client_id={}&client_secret={}", key.id, key.secret);
            let answers = [
                key.post(path, &form).send().await,
                app.post(path, &in_body).send().await,
                app.post(path, &form).bearer(&key.secret).send().await,
                app.post(path, &form)
                    .header("x-app-id", key.id.as_str())
                    .header("x-app-token", &key.secret)
                    .send()
                    .await,
            ];
            for answer in answers {
                assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{how} {path}");
            }
        }
    }
}

/// Threat S28: one key found in two ways is one key, and another's secret does not find it.
#[tokio::test]
async fn records_by_id_and_by_secret_are_not_mixed_up() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let (a, b) = (shop.key("api").create().await, shop.key("reports:read").create().await);
    let by_secret = |secret: &str| app.post("/oauth/token", "grant_type=client_credentials").bearer(secret);
    for _ in 0..2 {
        assert_eq!(by_secret(&a.secret).send().await.json()["client_id"], a.id.as_str());
        assert_eq!(by_secret(&b.secret).send().await.json()["client_id"], b.id.as_str());
        assert_eq!(a.ask("").send().await.json()["client_id"], a.id.as_str());
        let crossed = app.post("/oauth/token", "grant_type=client_credentials");
        assert_eq!(crossed.basic(a.id.as_str(), &b.secret).send().await.status, 401);
    }
    a.act(KeyAct::Block).await;
    app.follow().await;
    assert_eq!((by_secret(&a.secret).send().await.status, a.ask("").send().await.status), (401, 401));
    assert_eq!(by_secret(&b.secret).send().await.status, 200);
}

//! `POST /oauth/revoke` (RFC 7009): threat S26.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;

use crate::support::{Answer, App, Key, Listed as _};

async fn revoke(key: &Key<'_>, form: &str) -> Answer {
    key.post("/oauth/revoke", form).send().await
}

#[tokio::test]
async fn a_key_takes_back_its_own_token_and_no_other_one_dies() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let (token, sibling) = (key.token("").await, key.token("").await);

    let answer = revoke(&key, &format!("token={token}")).await;

    assert_eq!((answer.status, answer.text()), (200, String::new()));
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert!(!key.introspect(&token).await.is_active());
    assert_eq!(app.get("/v1/auth/verify").bearer(&token).send().await.status, 401);
    assert!(key.introspect(&sibling).await.is_active());
    let node = app.second_node(crate::support::Build::default()).await;
    assert_eq!(
        node.get("/v1/auth/verify").bearer(&token).send().await.status,
        401,
        "another node, or a restart"
    );
    assert_eq!(node.get("/v1/auth/verify").bearer(&sibling).send().await.status, 200);
}

#[tokio::test]
async fn nobody_takes_back_a_token_of_somebody_else_or_is_told_that_they_did() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let key = shop.key("orders:read").create().await;
    let sibling = shop.key("orders:read portcullis:introspect").create().await;
    let stranger = rival.key("orders:read").create().await;
    let token = key.token("").await;
    for other in [&sibling, &stranger, &app.admin()] {
        let answer = revoke(other, &format!("token={token}")).await;
        assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{}", other.id);
    }
    assert!(key.introspect(&token).await.is_active());
    // Dead, it is nobody's any more.
    revoke(&key, &format!("token={token}")).await;
    for other in [&sibling, &stranger] {
        assert_eq!(revoke(other, &format!("token={token}")).await.status, 200);
    }
}

#[tokio::test]
async fn what_is_unknown_or_dead_is_revoked_already() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let expired = key.ask("expires_in=1").send().await.token();
    let killed = key.token("").await;
    key.act(KeyAct::RevokeTokens).await;
    app.pass(Duration::from_secs(1)).await;
    let live = key.token("").await;
    let before =
        app.server.store.feed_since(portcullis::domain::Position::START, u32::MAX).await.unwrap().position;
    for (name, token) in [
        ("unknown", "unknown"),
        ("expired", &*expired),
        ("killed with all of its key", &killed),
        ("a part of a token", &live[..live.len() - 2]),
        ("too long to be one", &"x".repeat(10_000)),
    ] {
        let answer = revoke(&key, &format!("token={token}")).await;
        assert_eq!((answer.status, answer.text()), (200, String::new()), "{name}");
    }
    let after =
        app.server.store.feed_since(portcullis::domain::Position::START, u32::MAX).await.unwrap().position;
    assert_eq!(before, after, "nothing was published for them");
}

#[tokio::test]
async fn a_hint_however_wrong_changes_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    for hint in ["access_token", "refresh_token", "colour", "", "%00", "%C3%A9"] {
        let token = key.token("").await;
        assert_eq!(
            revoke(&key, &format!("token_type_hint={hint}&token={token}")).await.status,
            200,
            "{hint}"
        );
        assert!(!key.introspect(&token).await.is_active(), "{hint}");
    }
}

#[tokio::test]
async fn a_key_revokes_a_hundred_tokens_a_second_and_is_then_told_to_wait() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
    for _ in 0..100 {
        let token = key.token("").await;
        assert_eq!(revoke(&key, &format!("token={token}")).await.status, 200);
    }
    let token = key.token("").await;

    let refused = revoke(&key, &format!("token={token}")).await;

    assert_eq!(refused.refusal(), (429, "temporarily_unavailable".into()));
    assert_eq!((refused.header("retry-after"), refused.header("cache-control")), ("1", "no-store"));
    assert!(key.introspect(&token).await.is_active(), "never a false 200 while the token lives");
    let others = other.token("").await;
    assert_eq!(revoke(&other, &format!("token={others}")).await.status, 200, "each key has its own hundred");
    app.pass(Duration::from_secs(1)).await;
    assert_eq!(revoke(&key, &format!("token={token}")).await.status, 200);
    assert!(!key.introspect(&token).await.is_active());
}

#[tokio::test]
async fn each_revocation_is_in_the_audit_log_and_its_refusals_are_not() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    revoke(&other, &format!("token={token}")).await;
    revoke(&key, &format!("token={token}")).await;
    revoke(&key, &format!("token={token}")).await;
    let rows = app.server.store.audit(0, 100).await.unwrap();
    let acts: Vec<_> = rows.iter().filter(|sealed| sealed.row.target == jti(&token)).collect();
    assert_eq!(acts.len(), 1);
}

fn jti(token: &str) -> String {
    crate::support::part(token, 1)["jti"].as_str().unwrap().to_owned()
}

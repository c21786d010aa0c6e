//! Voucherify's shapes, as its users call them.

use portcullis::keys::acts::KeyAct;
use serde_json::json;

use crate::support::{App, Key, Send};

fn post(key: &Key<'_>, path: &str, form: &str) -> Send {
    key.app.post(path, form).header("x-app-id", key.id.as_str()).header("x-app-token", &key.secret)
}

#[tokio::test]
async fn a_client_of_voucherify_gets_checks_and_revokes_a_token_in_its_own_words() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "vouchers campaigns").await;
    let key = shop.key("api").create().await;

    let granted = post(&key, "/v1/oauth/token", "grant_type=client_credentials&scope=vouchers").send().await;
    let body = granted.json();
    assert_eq!((granted.status, &body["scope"]), (200, &json!("vouchers")), "{body}");
    assert_eq!((&body["client_id"], &body["expires_at"]), (&json!(key.id.as_str()), &json!(app.now() + 900)));
    let form = format!("access_token={}", granted.token());

    let seen = post(&key, "/v1/oauth/introspect", &form).send().await;
    assert!(seen.is_active());
    let revoked = post(&key, "/v1/oauth/token/revoke", &form).send().await;
    assert_eq!((revoked.status, revoked.text().as_str()), (204, ""));
    assert!(!post(&key, "/v1/oauth/introspect", &form).send().await.is_active());
    let unknown = post(&key, "/v1/oauth/token/revoke", "access_token=unknown").send().await;
    assert_eq!(unknown.status, 204);
}

/// Threat S26 in this shape.
#[tokio::test]
async fn the_token_of_another_key_is_not_revoked_and_the_answer_says_so() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("api").create().await, shop.key("api").create().await);
    let token = key.token("").await;
    let refused = post(&other, "/v1/oauth/token/revoke", &format!("access_token={token}")).send().await;
    assert_eq!(refused.refusal(), (400, "invalid_request".into()));
    assert!(key.introspect(&token).await.is_active());
}

#[tokio::test]
async fn the_shapes_are_no_way_around_the_rules() {
    let app = App::start().await;
    let key_of = app.tenant("shop").await;
    let key = key_of.key("api").allow("192.0.2.0/24").create().await;
    let token = key.token("").await;
    for (path, form) in [
        ("/v1/oauth/introspect", String::new()),
        ("/v1/oauth/introspect", format!("access_token={token}&token={token}")),
        ("/v1/oauth/introspect", format!("access_token={token}&access_token={token}")),
        ("/v1/oauth/token/revoke", "access_token=".to_owned()),
    ] {
        let answer = post(&key, path, &form).send().await;
        assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{path} {form}");
    }
    for path in ["/v1/oauth/token", "/v1/oauth/introspect", "/v1/oauth/token/revoke"] {
        let form = format!("grant_type=client_credentials&access_token={token}");
        let elsewhere = post(&key, path, &form).from("198.51.100.1").send().await;
        assert_eq!(elsewhere.refusal(), (400, "unauthorized_client".into()), "{path}");
        assert_eq!(app.get(path).send().await.status, 405, "{path}");
    }
    key.act(KeyAct::Block).await;
    for path in ["/v1/oauth/token", "/v1/oauth/introspect", "/v1/oauth/token/revoke"] {
        let form = format!("grant_type=client_credentials&access_token={token}");
        assert_eq!(post(&key, path, &form).send().await.refusal(), (401, "invalid_client".into()), "{path}");
    }
}

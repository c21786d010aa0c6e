//! `POST /oauth/token`.

use portcullis::keys::acts::KeyAct;
use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn a_key_becomes_a_narrowed_token_that_lives_until_the_key_is_blocked() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read orders:write").await;
    let key = shop.key("api").create().await;

    let granted = key.ask("scope=orders:read").send().await;

    let body = granted.json();
    assert_eq!(granted.status, 200, "{body}");
    assert_eq!(body["scope"], "orders:read");
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(body["expires_at"], app.now() + 900);
    assert_eq!(granted.header("cache-control"), "no-store");
    let token = granted.token();
    let seen = key.introspect(&token).await;
    assert!(seen.is_active());
    assert_eq!(seen.json()["prj"], shop.project.id.as_str());

    key.act(KeyAct::Block).await;
    app.follow().await;
    let other = shop.key("orders:read portcullis:introspect").create().await;
    assert!(!other.introspect(&token).await.is_active());
    assert_eq!(key.ask("").send().await.refusal(), (401, "invalid_client".into()));
}

//! Signing keys by the API.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use super::no;
use crate::support::{App, Listed as _, part};

const LIST: &str = "/admin/v1/signing-keys";

#[tokio::test]
async fn a_signing_key_is_rotated_and_the_successor_signs_ten_minutes_later() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let admin = app.administrator("portcullis:signing:write").await;
    let made = admin.post(&format!("{LIST}/rotate"), &json!({ "algorithm": "ES256" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let kid = made.json()["new"]["kid"].clone();
    assert_eq!(made.json()["new"]["state"], "announced");
    assert_ne!(part(&key.token("").await, 0)["kid"], kid);
    assert!(
        app.get("/.well-known/jwks.json").send().await.text().contains(kid.as_str().unwrap()),
        "published"
    );
    app.pass(Duration::from_mins(10)).await;
    assert_eq!(part(&key.token("").await, 0)["kid"], kid);
    let reader = app.administrator("portcullis:signing:read").await;
    let listed = reader.get(LIST).await;
    assert!(listed.text().contains(kid.as_str().unwrap()) && !listed.text().contains("sealed"));
    assert_eq!(
        reader.post(&format!("{LIST}/rotate"), &json!({})).await.problem(),
        no(403, "insufficient_scope")
    );
    let admin = app.administrator("portcullis:signing:write").await;
    let feed = admin.post(&format!("{LIST}/rotate"), &json!({ "purpose": "feed" })).await;
    assert_eq!(feed.json()["new"]["purpose"], "feed");
    for wrong in [
        json!({ "algorithm": "HS256" }),
        json!({ "purpose": "x" }),
        json!({ "purpose": "feed", "algorithm": "ES256" }),
        json!({ "kid": "x" }),
    ] {
        assert_eq!(
            admin.post(&format!("{LIST}/rotate"), &wrong).await.problem(),
            no(422, "invalid_value"),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_signing_key_that_leaked_is_dead_at_once_and_another_signs() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let token = key.token("").await;
    let kid = part(&token, 0)["kid"].as_str().unwrap().to_owned();
    let admin = app.administrator("portcullis:signing:write").await;
    let retired = admin.send(Method::POST, &format!("{LIST}/{kid}/retire")).send().await;
    assert_eq!((retired.status, retired.json()["retired"].clone()), (200, json!(kid)), "{}", retired.text());
    assert!(!key.introspect(&token).await.is_active());
    let new = retired.json()["new"]["kid"].clone();
    assert_eq!(part(&key.token("").await, 0)["kid"], new, "this node signs with the new one already");
    // The administrator's own token was signed by it, too.
    assert_eq!(admin.get(LIST).await.problem(), no(401, "invalid_token"));
    let admin = app.administrator("portcullis:signing:write").await;
    assert_eq!(admin.post(&format!("{LIST}/{kid}/retire"), &json!({})).await.problem(), no(404, "not_found"));
    let rows = app.shell.store.audit(0, 1000).await.unwrap();
    assert!(rows.last().unwrap().row.detail.contains("key_compromise"));
}

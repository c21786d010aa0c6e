//! What administrators see of reported secrets, and what they do about it.

use axum::http::Method;
use serde_json::{Value, json};

use super::no;
use crate::support::{App, Listed as _, is_secret};

async fn leak(app: &App, secret: &str) {
    let body = json!({ "secrets": [secret], "source": "commit", "url": "https://git.example/x" });
    assert_eq!(app.request(Method::POST, "/v1/leaks").json(&body).send().await.status, 202);
}

#[tokio::test]
async fn a_reported_key_is_seen_in_lists_and_by_itself_until_somebody_clears_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("api").create().await, shop.key("api").create().await);
    let admin = app.administrator("").await;
    let (path, keys) =
        (format!("/admin/v1/keys/{}", key.id), format!("/admin/v1/keys?project={}", shop.project.id));
    assert_eq!(admin.get(&path).await.json()["flags"], json!([]));
    leak(&app, &key.secret).await;

    let secret = app.shell.record(&key.id).await.unwrap().secrets[0].digest.id();
    let flags = json!([{
        "secret_id": secret, "reported_at": app.now(), "source": "commit", "url": "https://git.example/x",
    }]);
    let shown = admin.get(&path).await.json();
    assert_eq!((&shown["flags"], &shown["state"]), (&flags, &json!("blocked")));
    let ids = async |filter: &str| {
        let page = admin.get(&format!("{keys}{filter}")).await.json();
        page["items"].as_array().unwrap().iter().map(|row| row["key_id"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(ids("&flagged=true").await, [json!(key.id)]);
    assert_eq!(ids("&flagged=false").await, [json!(other.id)]);
    assert_eq!(ids("").await.len(), 2);
    assert_eq!(admin.get(&format!("{keys}&flagged=perhaps")).await.problem(), no(400, "invalid_request"));
    let listed = admin.get(&format!("{keys}&flagged=true")).await.json();
    assert_eq!(listed["items"][0]["flags"], flags);

    let clear = format!("{path}/clear-flags");
    let cleared = admin.post(&clear, &json!({ "note": "a test key" })).await;
    let expected = json!({ "key_id": key.id, "project": shop.project.id, "cleared": 1 });
    assert_eq!((cleared.status, cleared.json()), (200, expected));
    let shown = admin.get(&path).await.json();
    assert_eq!((&shown["flags"], &shown["state"]), (&json!([]), &json!("blocked")), "the key is as it was");
    let row = app.shell.store.audit(0, u32::MAX).await.unwrap().pop().unwrap().row;
    assert_eq!((row.act.as_str(), row.target.as_str()), ("leak.clear", key.id.as_str()));
    let detail: Value = serde_json::from_str(&row.detail).unwrap();
    assert_eq!(detail, json!({ "secret_ids": [secret], "reason": "unspecified", "note": "a test key" }));
    let rows = app.shell.store.audit(0, u32::MAX).await.unwrap().len();
    assert_eq!(admin.post(&clear, &json!({})).await.json()["cleared"], 0);
    assert_eq!(app.shell.store.audit(0, u32::MAX).await.unwrap().len(), rows);
}

#[tokio::test]
async fn what_becomes_of_leaked_keys_is_the_projects_to_say_and_kills_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    let admin = app.administrator("").await;
    let path = format!("/admin/v1/projects/{}", shop.project.id);
    assert_eq!(admin.get(&path).await.json()["on_leak"], "block");
    let edited = admin.patch(&path, &json!({ "on_leak": "flag" })).await;
    assert_eq!(
        (edited.status, &edited.json()["on_leak"], &edited.json()["tokens_revoked"]),
        (200, &json!("flag"), &json!(false))
    );
    assert!(key.introspect(&token).await.is_active());
    leak(&app, &key.secret).await;
    assert!(key.introspect(&token).await.is_active());
    assert_eq!(
        admin.get(&format!("/admin/v1/keys/{}", key.id)).await.json()["flags"].as_array().unwrap().len(),
        1
    );
    for wrong in [
        json!({ "on_leak": "nothing" }),
        json!({ "on_leak": 1 }),
        json!({ "on_leak": "flag", "raw_keys": "true" }),
    ] {
        assert_eq!(admin.patch(&path, &wrong).await.problem(), no(422, "invalid_value"), "{wrong}");
    }
    assert_eq!(admin.patch(&path, &json!({ "on_leak": null })).await.json()["on_leak"], "block");
    is_secret("a reported secret", &key.secret);
}

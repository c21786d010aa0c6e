//! Bodies are read strictly, and no refusal repeats what was sent.

use axum::http::Method;
use serde_json::json;

use super::{key_of, no};
use crate::support::App;
use crate::support::Listed as _;

#[tokio::test]
async fn a_body_that_is_not_understood_is_refused_and_changes_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let before = app.shell.store.audit(0, 1000).await.unwrap().len();
    let send = |content_type: &str, body: &[u8]| {
        admin.send(Method::POST, "/admin/v1/keys").header("content-type", content_type).body(body).send()
    };
    let good = key_of(&shop.project.id, "k", &[]).to_string();
    for media_type in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        assert_eq!(send(media_type, good.as_bytes()).await.problem(), no(415, "media_type"), "{media_type}");
    }
    let twice = good.replacen('{', "{\"name\":\"psk_canary\",", 1);
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    for wrong in ["", "null", "[]", "\"psk_canary\"", "{", "{}psk_canary", "\u{feff}{}", &twice, &deep] {
        let refused = send("application/json", wrong.as_bytes()).await;
        assert_eq!(refused.problem(), no(400, "invalid_request"), "{wrong}");
        assert!(!refused.text().contains("psk_canary"));
    }
    assert_eq!(send("application/json", b"{\"name\":\"\xff\"}").await.status, 400);
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
    assert_eq!(send("application/json", long.as_bytes()).await.problem(), no(413, "too_long"));
    let zipped =
        admin.send(Method::POST, "/admin/v1/keys").header("content-encoding", "gzip").json(&json!({}));
    assert_eq!(zipped.send().await.problem(), no(415, "media_type"));
    assert_eq!(app.shell.store.audit(0, 1000).await.unwrap().len(), before);
}

#[tokio::test]
async fn a_member_that_cannot_be_is_named_and_not_repeated() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let before = app.shell.store.audit(0, 1000).await.unwrap().len();
    let canary = "psk_canary";
    for (field, value) in [
        ("project", json!(null)),
        ("project", json!(7)),
        ("project", json!("psk canary")),
        ("name", json!("")),
        ("name", json!(null)),
        ("name", json!("a\u{0}b")),
        ("name", json!("x".repeat(201))),
        ("name", json!([canary])),
        ("permissions", json!("psk_canary")),
        ("permissions", json!(["psk_canary "])),
        ("permissions", json!(["a:"])),
        ("permissions", json!(["portcullis:keys:write"])),
        ("permissions", json!(["portcullis:*"])),
        ("permissions", json!((0..257).map(|n| format!("s{n}")).collect::<Vec<_>>())),
        ("allowlist", json!(["010.0.0.1"])),
        ("allowlist", json!([canary])),
        ("allowlist", json!([""])),
        ("auth_methods", json!([canary])),
        ("audiences", json!(["https://psk_canary.example"])),
        ("audiences", json!([app.server.issuer])),
        ("token_lifetime", json!(0)),
        ("token_lifetime", json!(901)),
        ("token_lifetime", json!("60")),
        ("token_lifetime", json!(60.5)),
        ("require_scope", json!("true")),
        ("live_tokens", json!(0)),
        ("live_tokens", json!(-1)),
        ("expires_at", json!(app.now())),
        ("expires_at", json!(app.now() * 1000)),
        ("expires_at", json!(1e300)),
    ] {
        let mut body = key_of(&shop.project.id, "k", &[]);
        body[field] = value.clone();
        let refused = admin.post("/admin/v1/keys", &body).await;
        assert_eq!(refused.problem(), no(422, "invalid_value"), "{field} {value}: {}", refused.text());
        assert_eq!(refused.json()["field"], field, "{value}");
        assert!(!refused.text().contains(canary), "{}", refused.text());
    }
    let unknown = admin.post("/admin/v1/keys", &json!({ canary: canary, "project": "p", "name": "k" })).await;
    assert_eq!(unknown.problem(), no(422, "invalid_value"));
    assert!(!unknown.text().contains(canary) && unknown.text().contains("permissions"), "{}", unknown.text());
    assert_eq!(app.shell.store.audit(0, 1000).await.unwrap().len(), before);
}

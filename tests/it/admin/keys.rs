//! An API key's life by the API: what is done is what the shell does, and is told to the audit log.

use axum::http::Method;
use portcullis::domain::KeyId;
use serde_json::{Value, json};

use super::{key_of, no};
use crate::support::{App, Listed as _, escape, is_secret};

async fn last_audit(app: &App) -> Value {
    let rows = app.shell.store.audit(0, 1000).await.unwrap();
    let row = &rows.last().unwrap().row;
    let detail: Value = serde_json::from_str(&row.detail).unwrap();
    json!({
        "actor": row.actor, "address": row.address, "act": row.act, "project": row.project,
        "target": row.target, "reason": detail["reason"], "note": detail["note"],
    })
}

#[tokio::test]
async fn a_key_is_made_shown_and_works_and_its_secret_is_said_once() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.audience("https://api.example").await;
    let admin = app.administrator("").await;
    let body = json!({
        "project": shop.project.id, "name": "till", "permissions": ["orders:read", "orders:write"],
        "allowlist": ["192.0.2.0/24"], "auth_methods": ["client_secret_basic"],
        "audiences": ["https://api.example"], "token_lifetime": 300, "require_scope": true,
        "live_tokens": 7, "expires_at": app.now() + 3600,
    });
    let made = admin.post("/admin/v1/keys", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.header("cache-control"), "no-store");
    let key = made.json();
    is_secret("a secret that the API made", key["secret"].as_str().unwrap());
    let path = format!("/admin/v1/keys/{}", key["key_id"].as_str().unwrap());
    assert_eq!(made.header("location"), path);
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&key[name], value, "{name}");
    }
    assert_eq!((&key["state"], &key["created_at"]), (&json!("active"), &json!(app.now())));

    let shown = admin.get(&path).await;
    assert_eq!(shown.header("etag"), format!("\"{}\"", key["position"]));
    assert_eq!(shown.header("etag"), made.header("etag"));
    assert!(!shown.text().contains(key["secret"].as_str().unwrap()));
    let mut without = key.clone();
    without.as_object_mut().unwrap().remove("secret");
    let mut shown = shown.json();
    let secrets = shown.as_object_mut().unwrap().remove("secrets").unwrap();
    assert_eq!(shown.as_object_mut().unwrap().remove("role_permissions"), Some(json!([])));
    assert_eq!((shown, secrets.as_array().unwrap().len()), (without, 1));

    let (id, secret) = (key["key_id"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let form = "grant_type=client_credentials&scope=orders:read";
    assert_eq!(app.post("/oauth/token", form).basic(id, secret).send().await.status, 200);
    let row = last_audit(&app).await;
    assert_eq!(row["actor"], format!("key:{}", app.admin().id));
    assert_eq!((&row["address"], &row["act"]), (&json!("192.0.2.1"), &json!("key.create")));
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_resets_nothing_else() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let mut body = key_of(&shop.project.id, "till", &["orders"]);
    body["allowlist"] = json!(["192.0.2.0/24"]);
    body["live_tokens"] = json!(7);
    body["token_lifetime"] = json!(60);
    body["expires_at"] = json!(app.now() + 3600);
    let key = admin.make_key(&body).await;
    let path = format!("/admin/v1/keys/{}", key.id);
    let before = admin.get(&path).await.json();
    let token = key.token("orders").await;

    let edited = admin.patch(&path, &json!({ "name": "new till", "note": "renamed" })).await;
    assert_eq!((edited.status, edited.json()["tokens_revoked"].clone()), (200, json!(false)));
    let after = admin.get(&path).await;
    assert_eq!(after.header("etag"), edited.header("etag"));
    let mut expected = before.clone();
    expected["name"] = json!("new till");
    expected["position"] = edited.json()["position"].clone();
    assert_eq!(after.json(), expected);
    assert!(key.introspect(&token).await.is_active());

    let edited = admin.patch(&path, &json!({ "allowlist": ["192.0.2.1"], "live_tokens": null })).await;
    assert_eq!(edited.json()["tokens_revoked"], true);
    assert!(!key.introspect(&token).await.is_active(), "at once, on the node that took the order");
    let edited = admin.patch(&path, &json!({ "expires_at": null, "token_lifetime": null })).await;
    assert_eq!(edited.status, 200);
    let shown = admin.get(&path).await.json();
    let seen = ["live_tokens", "expires_at", "token_lifetime", "allowlist"].map(|name| shown[name].clone());
    assert_eq!(seen, [Value::Null, Value::Null, json!(900), json!(["192.0.2.1/32"])]);

    let (at, unchanged) = (admin.get(&path).await.header("etag").to_owned(), admin.get(&path).await.text());
    for read_only in ["state", "project", "key_id", "created_at", "position", "secrets", "secret", "nonsense"]
    {
        let refused = admin.patch(&path, &json!({ read_only: "active", "name": "x" })).await;
        assert_eq!(refused.problem(), no(422, "invalid_value"), "{read_only}");
    }
    assert_eq!(
        (admin.get(&path).await.header("etag"), admin.get(&path).await.text()),
        (at.as_str(), unchanged)
    );
}

#[tokio::test]
async fn an_edit_says_what_it_has_seen_and_loses_against_one_that_it_has_not() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let admin = app.administrator("").await;
    let path = format!("/admin/v1/keys/{}", key.id);
    let seen = admin.get(&path).await.header("etag").to_owned();
    let patch = |tag: Option<&str>| {
        let send = admin.send(Method::PATCH, &path).json(&json!({ "name": "other" }));
        tag.map_or_else(|| send.clone(), |tag| send.clone().header("if-match", tag)).send()
    };
    assert_eq!(patch(None).await.problem(), no(428, "precondition_required"));
    key.edit(|details| details.name = "meanwhile".into()).await;
    for wrong in [seen.as_str(), "\"1\"", &format!("W/{seen}"), "x", ""] {
        assert_eq!(patch(Some(wrong)).await.problem(), no(412, "precondition_failed"), "{wrong}");
    }
    assert_eq!(admin.get(&path).await.json()["name"], "meanwhile");
    assert_eq!(patch(Some(admin.get(&path).await.header("etag"))).await.status, 200);
    assert_eq!(patch(Some("*")).await.status, 200);
}

#[tokio::test]
async fn a_key_is_blocked_unblocked_and_deleted_with_a_reason() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let admin = app.administrator("").await;
    let path = format!("/admin/v1/keys/{}", key.id);
    let token = key.token("").await;
    let why = json!({ "reason": "key_compromise", "note": "seen in a public repository" });
    let blocked = admin.post(&format!("{path}/block"), &why).await;
    assert_eq!(blocked.status, 200, "{}", blocked.text());
    let expected = json!({
        "actor": format!("key:{}", app.admin().id), "address": "192.0.2.1", "act": "key.block",
        "project": shop.project.id, "target": key.id,
        "reason": "key_compromise", "note": "seen in a public repository",
    });
    assert_eq!(last_audit(&app).await, expected);
    assert_eq!(key.introspect(&token).await.status, 401, "a blocked key asks nothing");
    assert_eq!(key.ask("").send().await.status, 401);
    assert_eq!(admin.get(&path).await.json()["state"], "blocked");
    // Without a body nothing is said about it.
    let unblocked = admin.send(Method::POST, &format!("{path}/unblock")).send().await;
    assert_eq!((unblocked.status, last_audit(&app).await["reason"].clone()), (200, json!("unspecified")));
    assert_eq!(key.ask("").send().await.status, 200);
    let twice = admin.post(&format!("{path}/unblock"), &json!({})).await;
    assert_eq!(twice.problem(), no(409, "refused"));
    assert_eq!(admin.post(&format!("{path}/delete"), &why).await.status, 200);
    assert_eq!(key.ask("").send().await.status, 401);
    for act in ["unblock", "delete", "regenerate", "secrets"] {
        assert_eq!(
            admin.post(&format!("{path}/{act}"), &json!({})).await.problem(),
            no(409, "refused"),
            "{act}"
        );
    }
}

#[tokio::test]
async fn secrets_come_overlap_and_end() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let first = admin.make_key(&key_of(&shop.project.id, "till", &["orders"])).await;
    let path = format!("/admin/v1/keys/{}", first.id);
    let ask = |secret: &str| {
        app.post("/oauth/token", "grant_type=client_credentials").basic(first.id.as_str(), secret)
    };

    let added = admin.post(&format!("{path}/secrets"), &json!({ "expires_at": app.now() + 60 })).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let added = added.json();
    let second = added["secret"].as_str().unwrap().to_owned();
    is_secret("a further secret", &second);
    assert_eq!((ask(&first.secret).send().await.status, ask(&second).send().await.status), (200, 200));
    let expire = format!("{path}/secrets/{}/expire", added["secret_id"].as_str().unwrap());
    let ended = admin.post(&expire, &json!({})).await;
    assert_eq!((ended.status, ended.json()["expires_at"].clone()), (200, Value::Null));
    assert_eq!((ask(&first.secret).send().await.status, ask(&second).send().await.status), (200, 401));

    let made = admin.post(&format!("{path}/regenerate"), &json!({ "overlap_secs": 60 })).await.json();
    let third = made["secret"].as_str().unwrap().to_owned();
    is_secret("a secret in place of others", &third);
    assert_eq!((ask(&first.secret).send().await.status, ask(&third).send().await.status), (200, 200));
    let listed = admin.get(&format!("{path}/secrets")).await.json();
    let ends: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|row| row["expires_at"].clone()).collect();
    assert_eq!(ends, [json!(app.now() + 60), Value::Null]);
    assert!(!listed.to_string().contains("psk_"));
    app.pass(std::time::Duration::from_secs(61)).await;
    assert_eq!((ask(&first.secret).send().await.status, ask(&third).send().await.status), (401, 200));
    let admin = app.administrator("").await;
    assert_eq!(
        admin.post(&format!("{path}/secrets/{}/expire", "sec_0000000000000000"), &json!({})).await.problem(),
        no(404, "not_found")
    );
}

#[tokio::test]
async fn a_key_with_an_odd_name_is_found_by_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    for id in ["3f1a-125l@shop:primary", "a/b", "100%", "a?b", "%2F", "+"] {
        shop.import(id, &format!("a-secret-from-elsewhere-{id}"), "orders").await;
        let escaped = escape(id);
        let shown = admin.get(&format!("/admin/v1/keys/{escaped}")).await;
        assert_eq!((shown.status, shown.json()["key_id"].clone()), (200, json!(id)));
    }
    assert!("a b".parse::<KeyId>().is_err());
    assert_eq!(admin.get("/admin/v1/keys/a%20b").await.problem(), no(404, "not_found"));
    assert_eq!(admin.get("/admin/v1/keys/%FF").await.problem(), no(400, "invalid_request"));
}

#[tokio::test]
async fn a_note_that_holds_a_secret_is_kept_without_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let admin = app.administrator("").await;
    let note = json!({ "note": format!("found on a forum: {}, by the desk", key.secret) });
    let path = format!("/admin/v1/keys/{}", key.id);
    for act in ["block", "unblock", "regenerate", "clear-flags", "revoke-tokens", "delete"] {
        assert!(admin.post(&format!("{path}/{act}"), &note).await.status < 300, "{act}");
    }
    let rows = app.shell.store.audit(0, 1000).await.unwrap();
    let kept: Vec<_> = rows.iter().filter(|sealed| sealed.row.detail.contains("by the desk")).collect();
    assert_eq!(kept.len(), 5, "there was no flag to clear");
    for sealed in kept {
        assert!(sealed.row.detail.contains("found on a forum: …, by the desk"), "{}", sealed.row.detail);
    }
}

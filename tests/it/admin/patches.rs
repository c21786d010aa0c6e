//! Edits (threat S16): a body that names what is not known, or what can only be read, changes nothing; one that
//! leaves something out leaves it as it is. What there is to name comes from the document.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use super::{Administrator, no};
use crate::support::{App, Listed as _, Receiver, Tenant};

async fn document(app: &App) -> Value {
    app.administer(Method::GET, "/openapi.json").send().await.json()
}

/// The names of an object's members.
fn members(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

/// What an operation takes in its body, and what it tells of the thing itself.
fn taken_and_told(document: &Value, path: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let item = &document["paths"][path];
    let taken = &item["patch"]["requestBody"]["content"]["application/json"]["schema"];
    let told = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].as_str();
    let told = told.unwrap().strip_prefix('#').unwrap();
    (members(taken), members(document.pointer(told).unwrap()))
}

/// Roles that a key may have, of which one is edited.
async fn roles(shop: &Tenant<'_>, admin: &Administrator<'_>) -> String {
    let roles = format!("/admin/v1/projects/{}/roles", shop.project.id);
    for role in ["cashier", "manager"] {
        let body = json!({ "role": role, "description": "for the till", "permissions": ["orders:read"] });
        assert_eq!(admin.post(&roles, &body).await.status, 201);
    }
    format!("{roles}/cashier")
}

/// A key of which nothing is as it would be if nobody said anything.
async fn full(app: &App, shop: &Tenant<'_>, admin: &Administrator<'_>) -> (String, Value) {
    let body = json!({
        "project": shop.project.id, "name": "till", "permissions": ["orders:read", "orders:write"],
        "allowlist": ["192.0.2.0/24", "2001:db8::/32"], "auth_methods": ["client_secret_post"],
        "audiences": ["https://api.example"], "token_lifetime": 300, "require_scope": true,
        "live_tokens": 7, "expires_at": app.now() + 3600, "role": "cashier",
    });
    let path = format!("/admin/v1/keys/{}", admin.make_key(&body).await.id);
    (path.clone(), admin.get(&path).await.json())
}

fn without(mut whole: Value, names: &[&str]) -> Value {
    for name in names {
        whole.as_object_mut().unwrap().remove(*name);
    }
    whole
}

#[tokio::test]
async fn an_edit_of_one_member_resets_no_other_whichever_it_is() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.audience("https://api.example").await;
    let admin = app.administrator("").await;
    let (taken, _) = taken_and_told(&document(&app).await, "/admin/v1/keys/{key}");
    roles(&shop, &admin).await;
    let mut edited = BTreeSet::new();
    for (name, other) in [
        ("name", json!("door")),
        ("permissions", json!(["orders:read"])),
        ("allowlist", json!(["198.51.100.7/32"])),
        ("auth_methods", json!(["client_secret_basic"])),
        ("audiences", json!([])),
        ("token_lifetime", json!(60)),
        ("require_scope", json!(false)),
        ("live_tokens", json!(9)),
        ("expires_at", json!(app.now() + 60)),
        ("role", json!("manager")),
        ("reason", json!("superseded")),
        ("note", json!("said, not kept in the key")),
    ] {
        let (path, before) = full(&app, &shop, &admin).await;
        for value in [other, Value::Null] {
            if name == "name" && value.is_null() {
                continue; // A key has a name.
            }
            let now = admin.get(&path).await.json();
            // What a role permits is told with it.
            let but: &[&str] = if name == "role" { &["role_permissions"] } else { &[] };
            let but = [&[name, "position"], but].concat();
            let done = admin.patch(&path, &json!({ name: value })).await;
            assert_eq!(done.status, 200, "{name} {value}: {}", done.text());
            let after = admin.get(&path).await.json();
            assert_eq!(without(after.clone(), &but), without(now, &but), "{name}");
            if !value.is_null() && before.get(name).is_some() {
                assert_eq!(after[name], value);
                assert_ne!(after[name], before[name]);
            }
        }
        edited.insert(name.to_owned());
    }
    assert_eq!(edited, taken, "a member that nobody tried");
    let (path, before) = full(&app, &shop, &admin).await;
    assert_eq!(admin.patch(&path, &json!({})).await.status, 200);
    assert_eq!(without(admin.get(&path).await.json(), &["position"]), without(before, &["position"]));
}

#[tokio::test]
async fn what_can_only_be_read_or_is_not_known_is_refused_by_every_edit() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.audience("https://api.example").await;
    let admin = app.administrator("").await;
    let document = document(&app).await;
    let role = roles(&shop, &admin).await;
    let (key, _) = full(&app, &shop, &admin).await;
    let webhook = Receiver::webhook_of(&app, Some(&shop.project.id), "https://hooks.example/").await;
    let mut edits = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("patch").is_none() {
            continue;
        }
        let (taken, told) = taken_and_told(&document, path);
        let thing = match path.as_str() {
            "/admin/v1/keys/{key}" => key.clone(),
            "/admin/v1/projects/{project}" => format!("/admin/v1/projects/{}", shop.project.id),
            "/admin/v1/projects/{project}/roles/{role}" => role.clone(),
            "/admin/v1/webhooks/{webhook}" => format!("/admin/v1/webhooks/{webhook}"),
            other => panic!("a new edit: {other}"),
        };
        let before = admin.get(&thing).await;
        let read_only: Vec<_> = told.difference(&taken).cloned().collect();
        assert!(read_only.len() > 3, "{read_only:?}");
        let unknown = [
            "admin",
            "id",
            "created",
            "blocked",
            "secret_sha256",
            "Permissions",
            "permissions ",
            "",
            "$set",
            "__proto__",
        ];
        let valid =
            ["name", "description", "raw_keys"].into_iter().find(|name| taken.contains(*name)).unwrap();
        let valid = (valid, if valid == "raw_keys" { json!(true) } else { json!("x") });
        for name in read_only.iter().map(String::as_str).chain(unknown) {
            for value in [before.json()[name].clone(), json!("active"), Value::Null, json!({})] {
                for body in [json!({ name: value }), json!({ name: value, valid.0: valid.1 })] {
                    let refused = admin.patch(&thing, &body).await;
                    assert_eq!(refused.problem(), no(422, "invalid_value"), "{path} {body}");
                }
            }
        }
        let after = admin.get(&thing).await;
        assert_eq!((after.text(), after.header("etag")), (before.text(), before.header("etag")), "{path}");
        edits += 1;
    }
    assert!(edits >= 3, "{edits}");
}

/// The same for whatever takes a body at all.
#[tokio::test]
async fn a_member_that_is_not_known_is_refused_by_every_operation_that_takes_a_body() {
    let app = App::start().await;
    let admin = app.administrator("").await;
    let before = app.shell.store.audit(0, 1000).await.unwrap().len();
    let mut taking = 0;
    for (path, item) in document(&app).await["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("requestBody").is_none() {
                continue;
            }
            // What the path names needs not be there, only to be of its kind: the body is read before.
            let named = [("{secret}", "sec_000000000000"), ("{token}", "AAAAAAAAAAAAAAAAAAAAAA")];
            let named = named.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
            let named = named.replace("{webhook}", "whk_0000000000000000");
            let named = named.replace("{audience}", "urn:example:1").replace(['{', '}'], "");
            let send = admin.send(method.to_uppercase().parse().unwrap(), &named).header("if-match", "*");
            let refused = send.json(&json!({ "nonsense": 1, "project": "prj_x", "name": "x" })).send().await;
            assert_eq!(refused.problem(), no(422, "invalid_value"), "{method} {path}: {}", refused.text());
            taking += 1;
        }
    }
    assert!(taking > 10, "{taking}");
    assert_eq!(app.shell.store.audit(0, 1000).await.unwrap().len(), before);
}

//! Threat S50: a tenant holds no right of an administrator, by no way that the API offers to give one; and if they
//! held one all the same, it would open nothing, because the surface looks at the project and the audience first.

use axum::http::Method;
use portcullis::domain::{ProjectId, SigningAlgorithm, TokenId};
use portcullis_guard::Claims;
use serde_json::{Value, json};

use super::{key_of, no};
use crate::support::{App, Key, Listed as _, escape, is_secret};

/// Whatever begins with what is Portcullis's own, but for the two that a tenant's key may be given by name.
fn administrative(project: &ProjectId) -> Vec<String> {
    let rights = portcullis::domain::authority::Right::ALL;
    let odd = [
        "portcullis",
        "portcullis:*",
        "portcullis:keys:*",
        "portcullis:project:*",
        "portcullis:introspect:*",
    ];
    let mut all: Vec<String> = odd.map(ToOwned::to_owned).to_vec();
    all.extend(rights.map(|right| right.everywhere().to_string()));
    all.extend(rights.map(|right| right.within(project).to_string()));
    all
}

#[tokio::test]
async fn no_key_of_a_tenant_is_given_a_right_and_no_catalogue_defines_or_includes_one() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders").await;
    let key = shop.key("api").create().await;
    // Nobody can: neither who holds everything, nor who holds everything there.
    let whole = app.administrator("").await;
    let of_shop = |right: &str| format!("portcullis:project:{}:{right}", shop.project.id);
    let limited =
        app.administrator(&format!("{} {}", of_shop("keys:write"), of_shop("projects:write"))).await;
    let scopes = format!("/admin/v1/projects/{}/scopes", shop.project.id);
    let traces = async || {
        let list = whole.get(&scopes).await.text();
        (list, app.shell.store.audit(0, 1000).await.unwrap().len())
    };
    let before = traces().await;
    let in_catalogue = ["portcullis:introspect", "portcullis:revocations"].map(ToOwned::to_owned);
    for scope in administrative(&shop.project.id) {
        for who in [&whole, &limited] {
            for permissions in
                [vec![scope.as_str()], vec!["api", &scope], vec![&scope, "portcullis:introspect"]]
            {
                let made = who.post("/admin/v1/keys", &key_of(&shop.project.id, "k", &permissions)).await;
                assert_eq!(made.problem(), no(422, "invalid_value"), "{scope}");
                let edit = json!({ "permissions": permissions });
                let edited = who.patch(&format!("/admin/v1/keys/{}", key.id), &edit).await;
                assert_eq!(edited.problem(), no(422, "invalid_value"), "{scope}");
                assert_eq!(edited.json()["field"], "permissions");
            }
        }
    }
    for scope in administrative(&shop.project.id).into_iter().chain(in_catalogue) {
        for who in [&whole, &limited] {
            let put = async |name: &str, body: &Value| {
                let path = format!("{scopes}/{}", escape(name));
                who.send(Method::PUT, &path).header("if-match", "*").json(body).send().await
            };
            assert_eq!(put(&scope, &json!({})).await.problem(), no(422, "invalid_value"), "{scope}");
            let included = put("api", &json!({ "includes": ["orders", scope] })).await;
            assert_eq!(included.problem(), no(422, "invalid_value"), "{scope}");
        }
    }
    assert_eq!(traces().await, before);
    assert_eq!(key.ask("").send().await.json()["scope"], "api");
    // And an administrator's key holds nothing of a tenant's.
    for scope in ["api", "*", "orders:*", "portcullisx:keys:write", "Portcullis:keys:write"] {
        let made = whole.post("/admin/v1/keys", &key_of(&"portcullis", "k", &[scope])).await;
        assert_eq!(made.problem(), no(422, "invalid_value"), "{scope}");
    }
}

/// Whatever the document has a list of scope values for, a role as well as a key: none of it takes one.
#[tokio::test]
async fn no_operation_that_takes_scope_values_takes_a_right_for_a_tenant() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders").await;
    let key = shop.key("api").create().await;
    let admin = app.administrator("").await;
    let roles = format!("/admin/v1/projects/{}/roles", shop.project.id);
    let cashier = json!({ "role": "cashier", "permissions": ["orders"] });
    assert_eq!(admin.post(&roles, &cashier).await.status, 201);
    let document = app.administer(Method::GET, "/openapi.json").send().await.json();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(members) = body["properties"].as_object() else { continue };
            let holds =
                ["permissions", "includes", "scopes"].into_iter().find(|name| members.contains_key(*name));
            let Some(list) = holds else { continue };
            let named = path.replace("{project}", shop.project.id.as_str()).replace("{key}", key.id.as_str());
            let named = named.replace("{scope}", "api").replace("{role}", "cashier");
            assert!(!named.contains('{'), "say what it is about: {path}");
            for scope in administrative(&shop.project.id) {
                let mut sent = json!({ list: ["orders", scope] });
                for (name, value) in
                    [("project", shop.project.id.as_str()), ("name", "n"), ("role", "cashier")]
                {
                    if members.contains_key(name) {
                        sent[name] = json!(value);
                    }
                }
                let send = admin.send(method.to_uppercase().parse().unwrap(), &named).header("if-match", "*");
                let refused = send.json(&sent).send().await;
                assert_eq!(refused.problem(), no(422, "invalid_value"), "{method} {path} {scope}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried}");
    assert_eq!(admin.get(&format!("{roles}/cashier")).await.json()["permissions"], json!(["orders"]));
}

/// A token that says what is wanted of it, signed by the server's own key: as if somebody had found a way.
fn signed(app: &App, key: &Key<'_>, (project, audience, scope): (&str, &str, &str)) -> String {
    let now = app.server.clock.now();
    let jti = TokenId::from_bytes(app.server.mark("test", &[project.as_bytes(), audience.as_bytes()]));
    let claims: Claims = serde_json::from_value(json!({
        "iss": app.server.issuer, "sub": key.id, "client_id": key.id, "aud": audience, "prj": project,
        "iat": now.secs(), "exp": now.secs() + 900, "jti": jti, "scope": scope, "pos": 1_000_000,
    }))
    .unwrap();
    let token = app.server.keyring.sign(&claims, SigningAlgorithm::default(), now).unwrap().token;
    is_secret("a token that nobody minted", &token);
    token
}

#[tokio::test]
async fn the_surface_looks_at_project_and_audience_before_any_scope() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let all = portcullis::domain::authority::Right::ALL.map(|right| right.everywhere().to_string()).join(" ");
    let of_shop = format!("portcullis:project:{}:keys:write", shop.project.id);
    let admin = format!("{}/admin", app.server.issuer);
    let others = [
        format!("{}/projects/{}", app.server.issuer, shop.project.id),
        format!("{}/feed", app.server.issuer),
    ];
    let (ours, issuer, slash) =
        (shop.project.id.as_str(), app.server.issuer.to_string(), format!("{admin}/"));
    for (project, audience, reason) in [
        (ours, admin.as_str(), "project"),
        (ours, &others[0], "project"),
        ("prj_none", &admin, "project"),
        ("portcullisx", &admin, "project"),
        ("portcullis", &others[0], "audience"),
        ("portcullis", &others[1], "audience"),
        ("portcullis", &issuer, "audience"),
        ("portcullis", &slash, "audience"),
        ("portcullis", "https://other.example/admin", "audience"),
    ] {
        for scope in [all.as_str(), &of_shop, "portcullis:*", "*"] {
            let token = signed(&app, &key, (project, audience, scope));
            for path in ["/admin/v1/keys", "/admin/v1/nodes", "/admin/v1/signing-keys", "/admin/v1/audit"] {
                let refused = app.administer(Method::GET, path).bearer(&token).send().await;
                assert_eq!(refused.problem(), no(401, "invalid_token"), "{project} {audience} {path}");
                assert_eq!(refused.json()["reason"], reason, "{project} {audience} {path}");
            }
        }
    }
    // What only looks like a right is none, even there.
    for scope in ["portcullis:*", "portcullis:keys:*", "*", "keys:write", "portcullis:project:*:keys:write"] {
        let token = signed(&app, &key, ("portcullis", &admin, scope));
        let refused = app.administer(Method::GET, "/admin/v1/keys").bearer(&token).send().await;
        assert_eq!(refused.problem(), no(403, "insufficient_scope"), "{scope}");
    }
    // And the very same way of signing does open it to whom it is meant for.
    let token = signed(&app, &key, ("portcullis", &admin, "portcullis:keys:read"));
    assert_eq!(app.administer(Method::GET, "/admin/v1/keys").bearer(&token).send().await.status, 200);
}

//! Roles by the API.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Administrator, key_of, no};
use crate::support::{App, Tenant, raw_keys};

fn roles_of(project: &impl ToString) -> String {
    format!("/admin/v1/projects/{}/roles", project.to_string())
}

async fn make(admin: &Administrator<'_>, shop: &Tenant<'_>, role: &str, permissions: &[&str]) -> String {
    let body = json!({ "role": role, "permissions": permissions });
    let made = admin.post(&roles_of(&shop.project.id), &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.header("location").to_owned()
}

#[tokio::test]
async fn a_role_is_made_seen_edited_and_deleted() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let list = roles_of(&shop.project.id);
    let body = json!({ "role": "support", "description": "people", "permissions": ["orders:read"] });
    let made = admin.post(&list, &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = made.header("location").to_owned();
    assert_eq!(path, format!("{list}/support"));
    let position = made.json()["position"].clone();
    let expected = json!({
        "role": "support", "project": shop.project.id, "description": "people",
        "permissions": ["orders:read"], "created_at": app.now(), "position": position,
    });
    assert_eq!(made.json(), expected);
    assert_eq!(admin.get(&list).await.json(), json!({ "items": [expected], "next": null }));
    let shown = admin.get(&path).await;
    assert_eq!((shown.header("etag"), &shown.json()["keys"]), (made.header("etag"), &json!(0)));
    assert_eq!(admin.post(&list, &body).await.problem(), no(409, "refused"));

    let edited = admin.patch(&path, &json!({ "permissions": ["orders:read", "refunds"] })).await;
    assert_eq!((edited.status, edited.json()["tokens_revoked"].clone()), (200, json!(false)));
    let edited = admin.patch(&path, &json!({ "permissions": null, "description": null })).await;
    assert_eq!((edited.status, edited.json()["tokens_revoked"].clone()), (200, json!(true)));
    let shown = admin.get(&path).await;
    assert_eq!(shown.header("etag"), edited.header("etag"));
    assert_eq!(shown.json()["permissions"], json!([]));
    // Of another edit of its project a role knows nothing.
    shop.scope("api", "orders:read").await;
    let patch = |tag: &str| admin.send(Method::PATCH, &path).header("if-match", tag);
    let note = json!({ "description": "x", "note": "for the record", "reason": "superseded" });
    assert_eq!(patch(edited.header("etag")).json(&note).send().await.status, 200);
    assert_eq!(
        patch(edited.header("etag")).json(&note).send().await.problem(),
        no(412, "precondition_failed")
    );
    let unconditional = admin.send(Method::PATCH, &path).json(&note).send().await;
    assert_eq!(unconditional.problem(), no(428, "precondition_required"));

    assert_eq!(admin.post(&format!("{path}/delete"), &json!({})).await.status, 200);
    for gone in [admin.get(&path).await, admin.post(&format!("{path}/delete"), &json!({})).await] {
        assert_eq!(gone.problem(), no(404, "not_found"));
    }
    let acts = admin.get(&format!("/admin/v1/audit?project={}&target=support", shop.project.id)).await.json();
    let acts: Vec<_> = acts["items"].as_array().unwrap().iter().map(|row| row["act"].clone()).collect();
    assert_eq!(acts, ["role.create", "role.edit", "role.edit", "role.edit", "role.delete"]);
}

#[tokio::test]
async fn what_cannot_be_a_role_is_refused() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let list = roles_of(&shop.project.id);
    for wrong in [
        json!({}),
        json!({ "role": "" }),
        json!({ "role": "a b" }),
        json!({ "role": "../x" }),
        json!({ "role": "x", "permissions": ["a:"] }),
        json!({ "role": "x", "permissions": ["portcullis:keys:write"] }),
        json!({ "role": "x", "permissions": ["portcullis:*"] }),
        json!({ "role": "x", "description": "x".repeat(1001) }),
        json!({ "role": "x", "keys": 3 }),
    ] {
        assert_eq!(admin.post(&list, &wrong).await.problem(), no(422, "invalid_value"), "{wrong}");
    }
    let fine = json!({ "role": "x", "permissions": ["portcullis:introspect", "a:*"] });
    assert_eq!(admin.post(&list, &fine).await.status, 201);
    let raised = json!({ "permissions": ["portcullis:audit:read"] });
    assert_eq!(admin.patch(&format!("{list}/x"), &raised).await.problem(), no(422, "invalid_value"));
    let of_administrators = json!({ "role": "x", "permissions": ["orders:read"] });
    assert_eq!(
        admin.post(&roles_of(&"portcullis"), &of_administrators).await.problem(),
        no(422, "invalid_value")
    );
    assert_eq!(admin.get(&roles_of(&"prj_none")).await.problem(), no(404, "not_found"));
}

#[tokio::test]
async fn a_key_may_do_what_its_role_permits_as_long_as_it_has_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let role = make(&admin, &shop, "support", &["orders:read", "refunds"]).await;
    let mut body = key_of(&shop.project.id, "desk", &["vouchers"]);
    body["role"] = json!("support");
    let key = admin.make_key(&body).await;
    let path = format!("/admin/v1/keys/{}", key.id);
    app.follow().await;
    let shown = admin.get(&path).await.json();
    assert_eq!((&shown["role"], &shown["permissions"]), (&json!("support"), &json!(["vouchers"])));
    assert_eq!(shown["role_permissions"], json!(["orders:read", "refunds"]));
    let granted = key.ask("").send().await.json();
    assert_eq!(granted["scope"], "orders:read refunds vouchers");
    let token = key.token("refunds").await;

    let in_use = admin.post(&format!("{role}/delete"), &json!({})).await;
    assert_eq!(in_use.problem(), no(409, "refused"));
    assert!(in_use.text().contains("1 API key"), "{}", in_use.text());
    assert_eq!(admin.get(&role).await.json()["keys"], 1);

    // More for the role is more for the key, at once, and costs no token.
    let more = json!({ "permissions": ["orders:read", "refunds", "reports"] });
    assert_eq!(admin.patch(&role, &more).await.json()["tokens_revoked"], false);
    assert!(key.introspect(&token).await.is_active());
    assert_eq!(key.ask("scope=reports").send().await.status, 200);
    // Less is less, and kills.
    let less = admin.patch(&role, &json!({ "permissions": ["orders:read", "reports"] })).await;
    assert_eq!(less.json()["tokens_revoked"], true);
    assert!(!key.introspect(&token).await.is_active());
    assert_eq!(key.ask("scope=refunds").send().await.refusal(), no(400, "invalid_scope"));

    // Another role is an edit of the key, judged by what it means.
    make(&admin, &shop, "wider", &["orders:read", "reports", "returns"]).await;
    let token = key.token("reports").await;
    let (wider, gone) = (json!({ "role": "wider" }), json!({ "role": null }));
    assert_eq!(admin.patch(&path, &wider).await.json()["tokens_revoked"], false);
    assert!(key.introspect(&token).await.is_active());
    assert_eq!(key.ask("scope=returns").send().await.status, 200);
    assert_eq!(admin.patch(&path, &gone).await.json()["tokens_revoked"], true);
    assert!(!key.introspect(&token).await.is_active());
    assert_eq!(key.ask("").send().await.json()["scope"], "vouchers");
    assert_eq!(admin.patch(&path, &json!({ "role": "none" })).await.problem(), no(404, "not_found"));
    assert_eq!(admin.patch(&path, &json!({ "role": 7 })).await.problem(), no(422, "invalid_value"));
    assert_eq!(admin.post(&format!("{role}/delete"), &json!({})).await.status, 200);
    // What comes and goes without a difference to the key costs no token.
    let token = key.token("vouchers").await;
    make(&admin, &shop, "same", &["vouchers"]).await;
    assert_eq!(admin.patch(&path, &json!({ "role": "same" })).await.json()["tokens_revoked"], false);
    assert_eq!(admin.patch(&path, &json!({ "permissions": [] })).await.json()["tokens_revoked"], false);
    assert!(key.introspect(&token).await.is_active());
}

#[tokio::test]
async fn a_role_counts_wherever_it_is_asked_what_a_key_may_do() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    make(&admin, &shop, "edge", &["orders", "portcullis:introspect", "portcullis:revocations"]).await;
    let mut body = key_of(&shop.project.id, "edge", &[]);
    body["role"] = json!("edge");
    let key = admin.make_key(&body).await;
    let minter = shop.key("orders").create().await;
    app.shell.edit_project(&shop.project.id, raw_keys(true)).await.unwrap();
    app.follow().await;
    assert!(key.introspect(&minter.token("").await).await.is_active(), "introspects for others");
    let feed = app.get("/oauth/revocations?since=0&nonce=0123456789abcdef");
    let feed = feed.basic(key.id.as_str(), &key.secret).send().await;
    assert_eq!(feed.status, 200, "{}", feed.text());
    let path = format!("/verify?project={}&scope=orders", shop.project.id);
    let raw = app.get(&path).bearer(&key.secret).send().await;
    assert_eq!(raw.status, 200, "{}", raw.text());
    let raw = app.get(&path.replace("orders", "refunds")).bearer(&key.secret).send().await;
    assert_eq!(raw.status, 403);
}

#[tokio::test]
async fn nobody_gives_by_a_role_what_they_do_not_hold() {
    let app = App::start().await;
    let whole = app.administrator("").await;
    let roles = roles_of(&"portcullis");
    let role = |name: &str, permissions: &[&str]| json!({ "role": name, "permissions": permissions });
    for (name, permissions) in
        [("auditor", &["portcullis:audit:read"][..]), ("keeper", &["portcullis:keys:read"])]
    {
        assert_eq!(whole.post(&roles, &role(name, permissions)).await.status, 201);
    }
    let make = async |name: &str, more: Value| {
        let mut body = key_of(&"portcullis", name, &["portcullis:keys:write"]);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let key = whole.make_key(&body).await;
        app.follow().await;
        key
    };
    let keeper = Administrator::with(&make("keeper", json!({})).await).await;
    let bound_key = make("bound", json!({ "allowlist": ["192.0.2.0/24"] })).await;
    let bound = Administrator::with(&bound_key).await;
    let passing =
        Administrator::with(&make("passing", json!({ "expires_at": app.now() + 3600 })).await).await;
    let refused = no(403, "insufficient_scope");

    // By giving it to a key: one that is made, one that is there, or one whose secret they would come to know.
    let mut body = key_of(&"portcullis", "deputy", &[]);
    body["role"] = json!("auditor");
    assert_eq!(keeper.post("/admin/v1/keys", &body).await.problem(), refused);
    body["role"] = json!("keeper");
    let deputy = format!("/admin/v1/keys/{}", keeper.make_key(&body).await.id);
    assert_eq!(keeper.patch(&deputy, &json!({ "role": "auditor" })).await.problem(), refused);
    assert_eq!(whole.patch(&deputy, &json!({ "role": "auditor" })).await.status, 200);
    for way in ["secrets", "regenerate"] {
        assert_eq!(keeper.post(&format!("{deputy}/{way}"), &json!({})).await.problem(), refused, "{way}");
    }
    assert_eq!(keeper.post(&format!("{deputy}/block"), &json!({})).await.status, 200, "stopping is free");
    assert_eq!(keeper.post(&format!("{deputy}/unblock"), &json!({})).await.problem(), refused);

    // By editing or making it.
    let path = format!("{roles}/keeper");
    let audit = json!({ "permissions": ["portcullis:keys:read", "portcullis:audit:read"] });
    assert_eq!(keeper.patch(&path, &audit).await.problem(), refused);
    assert_eq!(keeper.post(&roles, &role("further", &["portcullis:audit:read"])).await.problem(), refused);
    let within = json!({ "permissions": ["portcullis:keys:write"] });
    for somebody in [&bound, &passing] {
        // Whoever has the role may be bound to nothing.
        assert_eq!(somebody.patch(&path, &within).await.problem(), refused);
        assert_eq!(
            somebody.post(&roles, &role("further", &["portcullis:keys:read"])).await.problem(),
            refused
        );
    }
    assert_eq!(keeper.patch(&path, &within).await.status, 200);
    // To take away is free.
    for taken in [path, format!("{roles}/auditor")] {
        // Each such edit ends the tokens of all administrators.
        let bound = Administrator::with(&bound_key).await;
        assert_eq!(bound.patch(&taken, &json!({ "permissions": [] })).await.status, 200, "{taken}");
        app.follow().await;
    }

    // And whoever may only write projects writes no roles.
    let projects = app.administrator("portcullis:projects:write").await;
    assert_eq!(projects.post(&roles, &role("x", &[])).await.problem(), refused);
}

#[tokio::test]
async fn a_role_is_made_once_under_a_name() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let send = || {
        let send = admin.send(Method::POST, &roles_of(&shop.project.id)).header("idempotency-key", "one");
        send.json(&json!({ "role": "support", "permissions": ["orders"] })).send()
    };
    let (first, again) = (send().await, send().await);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((first.json(), first.header("etag")), (again.json(), again.header("etag")));
    assert_eq!(
        (again.header("idempotency-replayed"), again.header("location")),
        ("true", first.header("location"))
    );
}

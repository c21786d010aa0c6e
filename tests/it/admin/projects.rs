//! Projects, their catalogues and audiences by the API.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Administrator, no};
use crate::support::{Answer, App, Listed as _, escape};

const PROJECTS: &str = "/admin/v1/projects";

fn names(page: &Value, name: &str) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

impl Administrator<'_> {
    /// With the tag that the list has now.
    async fn put(&self, list: &str, name: &str, body: &Value) -> Answer {
        let seen = self.get(list).await.header("etag").to_owned();
        let path = format!("{list}/{}", escape(name));
        self.send(Method::PUT, &path).header("if-match", &seen).json(body).send().await
    }
}

#[tokio::test]
async fn a_project_is_made_seen_and_changed() {
    let app = App::start().await;
    let admin = app.administrator("").await;
    let made = admin.post(PROJECTS, &json!({ "name": "Mill", "kind": "sandbox", "live_tokens": 10 })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = made.header("location").to_owned();
    let project = made.json()["project"].as_str().unwrap().to_owned();
    assert_eq!(path, format!("{PROJECTS}/{project}"));
    let shown = admin.get(&path).await;
    assert_eq!((shown.json(), shown.header("etag")), (made.json(), made.header("etag")));
    assert_eq!(shown.json()["default_audience"], format!("{}/projects/{project}", app.server.issuer));

    for (patch, name, value) in [
        (json!({ "live_tokens": null }), "live_tokens", json!(null)),
        (json!({ "raw_keys": true }), "raw_keys", json!(true)),
        (json!({ "algorithm": "EdDSA" }), "algorithm", json!("EdDSA")),
        (json!({ "raw_keys": false }), "raw_keys", json!(false)),
    ] {
        let edited = admin.patch(&path, &patch).await;
        assert_eq!((edited.status, edited.json()[name].clone()), (200, value.clone()), "{}", edited.text());
        assert_eq!(edited.json()["tokens_revoked"], patch == json!({ "raw_keys": false }));
        let shown = admin.get(&path).await;
        assert_eq!((shown.json()[name].clone(), shown.header("etag")), (value, edited.header("etag")));
        assert_eq!(shown.json()["name"], "Mill");
    }
    let announced = app.shell.store.signing_keys().await.unwrap().len();
    for wrong in [
        json!({}),
        json!({ "name": null }),
        json!({ "name": "" }),
        json!({ "name": "x".repeat(201), "algorithm": "RS256" }),
        json!({ "algorithm": "HS256" }),
        json!({ "raw_keys": true, "live_tokens": 0 }),
        json!({ "raw_keys": true, "kind": "live" }),
    ] {
        assert_eq!(admin.patch(&path, &wrong).await.problem(), no(422, "invalid_value"), "{wrong}");
    }
    assert_eq!(
        app.shell.store.signing_keys().await.unwrap().len(),
        announced,
        "of what is refused nothing is done"
    );
    let unconditional = admin.send(Method::PATCH, &path).json(&json!({ "raw_keys": true })).send().await;
    assert_eq!(unconditional.problem(), no(428, "precondition_required"));
    let stale = admin.send(Method::PATCH, &path).header("if-match", made.header("etag"));
    assert_eq!(
        stale.json(&json!({ "raw_keys": true })).send().await.problem(),
        no(412, "precondition_failed")
    );
    let built_in = format!("{PROJECTS}/portcullis");
    assert_eq!(admin.patch(&built_in, &json!({ "raw_keys": true })).await.problem(), no(409, "refused"));
    assert_eq!(admin.get(&format!("{PROJECTS}/prj_none")).await.problem(), no(404, "not_found"));
    for wrong in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x", "kind": "test" }),
        json!({ "name": "x", "id": "prj_x" }),
    ] {
        assert_eq!(admin.post(PROJECTS, &wrong).await.problem(), no(422, "invalid_value"), "{wrong}");
    }
}

#[tokio::test]
async fn whoever_is_limited_to_a_project_sees_that_one_and_makes_none() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let limited = app.administrator(&format!("portcullis:project:{}:projects:write", shop.project.id)).await;
    assert_eq!(names(&limited.get(PROJECTS).await.json(), "name"), ["shop"]);
    assert_eq!(names(&limited.get(&format!("{PROJECTS}?q=MILL")).await.json(), "name"), [""; 0]);
    let (ours, theirs) =
        (format!("{PROJECTS}/{}", shop.project.id), format!("{PROJECTS}/{}", mill.project.id));
    assert_eq!(limited.patch(&ours, &json!({ "algorithm": "EdDSA" })).await.status, 200);
    for path in [
        &theirs,
        &format!("{theirs}/scopes"),
        &format!("{theirs}/audiences"),
        &format!("{PROJECTS}/prj_none"),
    ] {
        assert_eq!(limited.get(path).await.problem(), no(403, "insufficient_scope"), "{path}");
    }
    assert_eq!(
        limited.post(PROJECTS, &json!({ "name": "x" })).await.problem(),
        no(403, "insufficient_scope")
    );
    let whole = app.administrator("").await;
    let found = names(&whole.get(PROJECTS).await.json(), "project");
    let all = [shop.project.id.as_str(), mill.project.id.as_str(), "portcullis"];
    assert!(found.len() == 3 && all.iter().all(|id| found.iter().any(|found| found == id)), "{found:?}");
}

#[tokio::test]
async fn a_catalogue_is_edited_by_whoever_has_seen_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let list = format!("{PROJECTS}/{}/scopes", shop.project.id);
    let body = json!({ "description": "all of it", "includes": ["orders:read", "a/b"] });
    let set = admin.put(&list, "api", &body).await;
    assert_eq!((set.status, set.json()["scope"].clone()), (200, json!("api")), "{}", set.text());
    assert_eq!(admin.put(&list, "a/b", &json!({})).await.status, 200);
    let listed = admin.get(&list).await.json();
    let expected = json!({ "next": null, "items": [
        { "scope": "a/b", "description": "", "includes": [] },
        { "scope": "api", "description": "all of it", "includes": ["a/b", "orders:read"] },
    ] });
    assert_eq!(listed, expected);
    let key = shop.key("api").create().await;
    let token = key.token("a/b").await;

    let narrowed = admin.put(&list, "api", &json!({ "includes": ["orders:read"] })).await;
    assert_eq!(narrowed.json()["tokens_revoked"], true);
    assert!(!key.introspect(&token).await.is_active(), "at once");
    let path = format!("{list}/api");
    let unconditional = admin.send(Method::DELETE, &path).send().await;
    assert_eq!(unconditional.problem(), no(428, "precondition_required"));
    let seen = admin.get(&list).await.header("etag").to_owned();
    assert_eq!(admin.send(Method::DELETE, &path).header("if-match", &seen).send().await.status, 200);
    let stale = admin.send(Method::DELETE, &format!("{list}/a%2Fb")).header("if-match", &seen).send().await;
    assert_eq!(stale.problem(), no(412, "precondition_failed"));
    let gone = admin.send(Method::DELETE, &path).header("if-match", "*").send().await;
    assert_eq!(gone.problem(), no(404, "not_found"));
    for (scope, body) in [
        ("portcullis:keys:write", json!({})),
        ("api", json!({ "includes": ["portcullis:keys:write"] })),
        ("api", json!({ "includes": ["api"] })),
        ("api", json!({ "includes": ["a:"] })),
        ("api", json!({ "includes": "x" })),
        ("api", json!({ "description": "a\u{0}b" })),
        ("api", json!({ "description": "x".repeat(1001) })),
        ("api", json!({ "permissions": [] })),
    ] {
        assert_eq!(
            admin.put(&list, scope, &body).await.problem(),
            no(422, "invalid_value"),
            "{scope} {body}"
        );
    }
    assert_eq!(admin.put(&list, "a:", &json!({})).await.problem(), no(404, "not_found"));
}

#[tokio::test]
async fn an_audience_comes_and_goes_and_is_no_other_projects() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let admin = app.administrator("").await;
    let at = |project: &str| format!("{PROJECTS}/{project}/audiences");
    let (list, other) = (at(shop.project.id.as_str()), at(mill.project.id.as_str()));
    let audience = "https://api.example/v1?x=1";
    let path = |list: &str| format!("{list}/{}", escape(audience));
    assert_eq!(admin.send(Method::PUT, &path(&list)).send().await.status, 200);
    assert_eq!(names(&admin.get(&list).await.json(), "audience"), [audience]);
    for taken in [&list, &other] {
        assert_eq!(admin.send(Method::PUT, &path(taken)).send().await.problem(), no(409, "refused"));
    }
    let ours = format!("{list}/{}", escape(&format!("{}/admin", app.server.issuer)));
    assert_eq!(admin.send(Method::PUT, &ours).send().await.problem(), no(422, "invalid_value"));
    assert_eq!(admin.send(Method::DELETE, &path(&other)).send().await.problem(), no(404, "not_found"));
    let removed = admin.send(Method::DELETE, &path(&list)).send().await;
    assert_eq!((removed.status, removed.json()["tokens_revoked"].clone()), (200, json!(true)));
    assert_eq!(names(&admin.get(&list).await.json(), "audience"), [""; 0]);
}

/// Several things at once are one act: all of it, once in the feed, once in the audit log.
#[tokio::test]
async fn a_project_is_renamed_and_otherwise_changed_in_one_act() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let admin = app.administrator("").await;
    let path = format!("{PROJECTS}/{}", shop.project.id);
    let all = json!({
        "name": "Market", "algorithm": "EdDSA", "live_tokens": 7, "raw_keys": true, "on_leak": "flag",
    });
    let before = admin.get(&path).await.json();

    let edited = admin.patch(&path, &all).await;

    let told = edited.json();
    assert_eq!((edited.status, &told["tokens_revoked"]), (200, &json!(false)), "{told}");
    let shown = admin.get(&path).await.json();
    assert_eq!(told["position"], shown["position"]);
    for (name, value) in all.as_object().unwrap() {
        assert_eq!((&told[name], &shown[name]), (value, value));
    }
    assert_eq!((&shown["created_at"], &shown["kind"]), (&before["created_at"], &before["kind"]));
    let rows = app.shell.store.audit(0, 100).await.unwrap();
    assert_eq!(rows.iter().filter(|sealed| sealed.row.act == "project.edit").count(), 1);
    let last: Value = serde_json::from_str(rows.last().unwrap().row.detail.as_str()).unwrap();
    let mut expected = all.clone();
    expected["was"] = json!({
        "name": "shop", "algorithm": "ES256", "live_tokens": null, "raw_keys": false, "on_leak": "block",
    });
    assert_eq!((rows.last().unwrap().row.act.as_str(), last), ("project.edit", expected));

    // One narrowing part narrows the whole.
    let token = key.token("").await;
    let narrowed = admin.patch(&path, &json!({ "name": "Mart", "raw_keys": false })).await.json();
    assert_eq!((&narrowed["tokens_revoked"], &narrowed["name"]), (&json!(true), &json!("Mart")));
    assert!(!key.introspect(&token).await.is_active());
    let shown = admin.get(&path).await.json();
    assert_eq!(
        (&shown["live_tokens"], &shown["on_leak"], &shown["algorithm"]),
        (&json!(7), &json!("flag"), &json!("EdDSA"))
    );
}

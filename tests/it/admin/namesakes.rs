//! Two projects in which everything is called the same (threat S44): what is done in one does nothing in the
//! other, and nobody takes the one for the other.

use axum::http::Method;
use portcullis::keys::acts::Why;
use serde_json::{Value, json};

use super::{Administrator, key_of, no};
use crate::support::{Answer, App, Key, Tenant, escape};

struct Namesakes<'a> {
    tenant: Tenant<'a>,
    key: String,
    admin: Administrator<'a>,
}

impl<'a> Namesakes<'a> {
    /// A project called `Shop`, with a key called `till`, which has a scope called `api`; and its administrator.
    async fn found(app: &'a App) -> Self {
        let tenant = app.tenant("Shop").await;
        tenant.scope("api", "orders").await;
        let whole = app.administrator("").await;
        let key = whole.make_key(&key_of(&tenant.project.id, "till", &["api"])).await;
        let roles = format!("/admin/v1/projects/{}/roles", tenant.project.id);
        let cashier = json!({ "role": "cashier", "permissions": ["orders"] });
        assert_eq!(whole.post(&roles, &cashier).await.status, 201);
        let rights = ["keys:write", "projects:write", "audit:read"];
        let id = &tenant.project.id;
        let rights = rights.map(|right| format!("portcullis:project:{id}:{right}"));
        let limited = rights.each_ref().map(String::as_str);
        let limited = whole.make_key(&key_of(&"portcullis", "Administrator of Shop", &limited)).await;
        app.follow().await;
        Self { key: format!("/admin/v1/keys/{}", key.id), admin: Administrator::with(&limited).await, tenant }
    }

    /// All that its administrator can see.
    async fn all(&self) -> Vec<String> {
        let project = format!("/admin/v1/projects/{}", self.tenant.project.id);
        let mut all = Vec::new();
        for path in [
            project.as_str(),
            &format!("{project}/scopes"),
            &format!("{project}/audiences"),
            &format!("{project}/roles/cashier"),
            &self.key,
            &format!("{}/secrets", self.key),
            "/admin/v1/keys?q=TILL",
            "/admin/v1/projects?q=shop",
            "/admin/v1/tokens",
            "/admin/v1/revocations",
            "/admin/v1/audit",
        ] {
            let answer = self.admin.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            all.push(answer.text());
        }
        all
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.admin.send(Method::PUT, path).header("if-match", "*").json(body).send().await
    }
}

#[tokio::test]
async fn whatever_is_done_in_one_project_changes_nothing_in_its_namesake() {
    let app = App::start().await;
    let (ours, theirs) = (Namesakes::found(&app).await, Namesakes::found(&app).await);
    assert_ne!(ours.tenant.project.id, theirs.tenant.project.id);
    let before = theirs.all().await;
    let project = format!("/admin/v1/projects/{}", ours.tenant.project.id);
    let (scopes, key) = (format!("{project}/scopes"), &ours.key);
    let done = [
        ours.put(&format!("{scopes}/api"), &json!({ "includes": ["vouchers"] })).await,
        ours.put(&format!("{project}/audiences/{}", escape("https://api.example")), &Value::Null).await,
        ours.admin.patch(&project, &json!({ "algorithm": "EdDSA" })).await,
        ours.admin.patch(&project, &json!({ "live_tokens": 1 })).await,
        ours.admin.patch(key, &json!({ "name": "door", "permissions": ["orders"] })).await,
        ours.admin.patch(key, &json!({ "role": "cashier" })).await,
        ours.admin.patch(&format!("{project}/roles/cashier"), &json!({ "permissions": [] })).await,
        ours.admin.post(&format!("{key}/secrets"), &json!({})).await,
        ours.admin.post(&format!("{key}/regenerate"), &json!({})).await,
        ours.admin.post(&format!("{key}/revoke-tokens"), &json!({})).await,
        ours.admin.post(&format!("{key}/block"), &json!({})).await,
        ours.admin.post(&format!("{key}/delete"), &json!({})).await,
        ours.admin.send(Method::DELETE, &format!("{scopes}/api")).header("if-match", "*").send().await,
    ];
    for done in &done {
        assert!((200..300).contains(&done.status), "{}", done.text());
        if let Some(secret) = done.json()["secret"].as_str() {
            crate::support::is_secret("a secret of a namesake", secret);
        }
    }
    assert_eq!(theirs.all().await, before);
    // What is taken here is taken there: an audience is one project's.
    let theirs_as_well = format!("/admin/v1/projects/{}/audiences", theirs.tenant.project.id);
    let path = format!("{theirs_as_well}/{}", escape("https://api.example"));
    let taken = theirs.put(&path, &Value::Null).await;
    assert_eq!(taken.problem(), no(409, "refused"));
}

#[tokio::test]
async fn ids_and_names_are_of_one_project_or_of_nobody() {
    let app = App::start().await;
    let (ours, theirs) = (Namesakes::found(&app).await, Namesakes::found(&app).await);
    let secret = "a-secret-that-both-have-chosen";
    let key = ours.tenant.import("till-7", secret, "api").await;
    // The same id again is refused, wherever; another case is another id, with the very same secret refused too.
    let id = "till-7".parse().unwrap();
    let again = portcullis::domain::ApiKey {
        id,
        project: theirs.tenant.project.id.clone(),
        ..app.shell.record(&key.id).await.unwrap().key
    };
    let presented =
        portcullis::domain::Secret::presented(zeroize::Zeroizing::new("another-secret-entirely".into()));
    assert!(app.shell.store.create_key(&app.shell.new_key(&again, &presented)).await.is_err());
    let other = theirs.tenant.import("Till-7", "a-secret-of-another-project", "api").await;
    let ask = |key: &Key<'_>, secret: &str| {
        key.app.post("/oauth/token", "grant_type=client_credentials").basic(key.id.as_str(), secret)
    };
    assert_eq!(ask(&key, secret).send().await.status, 200);
    assert_eq!(ask(&other, secret).send().await.status, 401, "not by the namesake's secret");
    let token = key.token("").await;
    let theirs_token = other.token("").await;
    app.shell.act_on_key(&other.id, portcullis::keys::acts::KeyAct::Block, &Why::default()).await.unwrap();
    app.follow().await;
    let verdict = |token: &str| app.get("/v1/auth/verify").bearer(token);
    assert_eq!(verdict(&token).send().await.status, 200);
    assert_eq!(verdict(&theirs_token).send().await.status, 401);
    assert_eq!(ours.admin.get("/admin/v1/keys/till-7").await.json()["name"], "key");
    assert_eq!(ours.admin.get("/admin/v1/keys/Till-7").await.problem(), no(404, "not_found"));
    assert_eq!(theirs.admin.get("/admin/v1/keys/till-7").await.problem(), no(404, "not_found"));
    assert_eq!(theirs.admin.get("/admin/v1/keys/Till-7").await.json()["state"], "blocked");
}

/// The same `Idempotency-Key` by two callers, and the same project named by both.
#[tokio::test]
async fn a_request_of_one_administrator_is_not_answered_with_that_of_their_namesake() {
    let app = App::start().await;
    let (ours, theirs) = (Namesakes::found(&app).await, Namesakes::found(&app).await);
    let mut made = Vec::new();
    for who in [&ours, &theirs] {
        let body = key_of(&who.tenant.project.id, "till", &["api"]);
        let send = who.admin.send(Method::POST, "/admin/v1/keys").header("idempotency-key", "1").json(&body);
        let answer = send.send().await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, ""));
        crate::support::is_secret("a secret of a namesake", answer.json()["secret"].as_str().unwrap());
        assert_eq!(answer.json()["project"], json!(who.tenant.project.id));
        made.push(answer.json()["key_id"].clone());
    }
    assert_ne!(made[0], made[1]);
}

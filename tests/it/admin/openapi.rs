//! `openapi/admin.json` tells the truth, and nothing that it describes is done without authority (threats
//! S16, S50): each operation is called as the document says, by everybody who may not and by whoever may.

use std::collections::BTreeSet;
use std::fs;

use axum::http::Method;
use serde_json::{Value, json};

use super::Administrator;
use crate::support::{Answer, App, Key, Listed as _, Receiver, Send, deliveries, escape, part};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/admin.json");
/// Set, it makes the test write what it would have compared.
const WRITE: &str = "PORTCULLIS_WRITE_OPENAPI";

async fn document(app: &App) -> Value {
    let answer = app.administer(Method::GET, "/openapi.json").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    answer.json()
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it is no setting of the program")]
async fn the_administrators_file_is_what_is_served() {
    let app = App::start().await;
    let served = app.administer(Method::GET, "/openapi.json").send().await.text();
    if std::env::var_os(WRITE).is_some() {
        fs::write(FILE, &served).unwrap();
    }
    let file = fs::read_to_string(FILE).unwrap();
    assert_eq!(file, served, "run this test with {WRITE}=1 and look at the change");
}

#[tokio::test]
async fn every_mounted_operation_is_described_and_every_described_one_is_mounted() {
    let app = App::start().await;
    let document = document(&app).await;
    let told = format!("{:?}", app.admin_router);
    let (paths, _) = told.split_once("paths: {").unwrap().1.split_once("})").unwrap_or((told.as_str(), ""));
    let mounted: BTreeSet<&str> = paths
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|path| path.starts_with('/') && !path.contains("__private"))
        .collect();
    let described: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(described, mounted);
    assert!(described.len() > 20, "{described:?}");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let status = app.administer(method.clone(), path).send().await.status;
            let described = operations.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(status != 405, described, "{method} {path}: {status}");
        }
    }
}

/// An operation that wants a token.
struct Operation {
    method: Method,
    path: String,
    described: Value,
    /// The scope that it needs; none, if any right will do.
    scope: Option<String>,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, described) in operations.as_object().unwrap() {
            let Some(security) = described.get("security") else { continue };
            let scope = security[0]["token"][0].as_str().map(ToOwned::to_owned);
            let method: Method = method.to_uppercase().parse().unwrap();
            found.push(Operation { method, path: path.clone(), described: described.clone(), scope });
        }
    }
    assert!(found.len() > 25, "{}", found.len());
    found
}

/// Things of a shop that operations are about.
struct Scene<'a> {
    app: &'a App,
    document: Value,
    project: String,
    key: Key<'a>,
    secret: String,
    token: String,
    kid: String,
    webhook: String,
    message: String,
}

impl<'a> Scene<'a> {
    async fn set(app: &'a App) -> Self {
        let shop = app.tenant("shop").await;
        shop.scope("api", "orders").await;
        shop.audience("https://api.example").await;
        let webhook = Receiver::webhook_of(app, Some(&shop.project.id), "https://hooks.example/x").await;
        let permissions = portcullis::domain::RoleDetails::default();
        app.shell.create_role(&shop.project.id, "support".parse().unwrap(), permissions).await.unwrap();
        app.follow().await;
        let (key, project) = (shop.key("orders").create().await, shop.project.id.to_string());
        let message = deliveries(app, &webhook).await.remove(0).message.to_string();
        let webhook = webhook.to_string();
        let token = key.token("").await;
        let text = |at: usize, name: &str| part(&token, at)[name].as_str().unwrap().to_owned();
        let secret = app.shell.record(&key.id).await.unwrap().secrets[0].digest.id().to_string();
        let (token, kid) = (text(1, "jti"), text(0, "kid"));
        let document = document(app).await;
        Self { app, document, project, key: Key { app, ..key }, secret, token, kid, webhook, message }
    }

    /// The operation, about those things, with the least that it takes.
    fn call(&self, operation: &Operation, token: Option<&str>) -> Send {
        let (scope, role) = ("api".to_owned(), "support".to_owned());
        let (key, audience) = (self.key.id.to_string(), "https://api.example".to_owned());
        let named = [
            ("{project}", &self.project),
            ("{key}", &key),
            ("{secret}", &self.secret),
            ("{token}", &self.token),
            ("{kid}", &self.kid),
            ("{webhook}", &self.webhook),
            ("{message}", &self.message),
            ("{scope}", &scope),
            ("{audience}", &audience),
            ("{role}", &role),
        ];
        let path = named.iter().fold(operation.path.clone(), |path, (name, value)| {
            path.replace(name, &escape(value).replace("%2D", "-"))
        });
        assert!(!path.contains('{'), "{path}");
        let mut send = self.app.administer(operation.method.clone(), &path);
        if let Some(token) = token {
            send = send.bearer(token);
        }
        let parameters = operation.described["parameters"].as_array();
        if parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "If-Match")) {
            send = send.header("if-match", "*");
        }
        let Some(body) = operation.described.get("requestBody") else { return send };
        let media_type = body["content"].as_object().unwrap().keys().next().unwrap();
        send.header("content-type", media_type).body(self.body(operation).to_string().as_bytes())
    }

    fn body(&self, operation: &Operation) -> Value {
        match (operation.method.as_str(), operation.path.as_str()) {
            ("POST", "/admin/v1/keys") => json!({ "project": self.project, "name": "further" }),
            ("POST", "/admin/v1/projects") => json!({ "name": "further" }),
            ("POST", "/admin/v1/webhooks") => {
                json!({ "project": self.project, "url": "https://further.example/" })
            }
            ("POST", "/admin/v1/projects/{project}/roles") => json!({ "role": "further" }),
            ("PATCH", "/admin/v1/projects/{project}") => json!({ "live_tokens": null }),
            _ => json!({}),
        }
    }

    /// Whether the answer is one that the document knows.
    fn assert_described(&self, operation: &Operation, answer: &Answer) {
        let what = format!("{} {}: {} {}", operation.method, operation.path, answer.status, answer.text());
        let described = &operation.described["responses"][answer.status.to_string()];
        assert!(described.is_object(), "not described: {what}");
        let content = described["content"].as_object().unwrap();
        let body =
            content.get(answer.header("content-type")).unwrap_or_else(|| panic!("not described: {what}"));
        let headers: Vec<_> =
            described["headers"].as_object().unwrap().keys().map(|name| name.to_lowercase()).collect();
        for name in
            ["etag", "location", "x-request-id", "www-authenticate", "retry-after", "content-disposition"]
        {
            let told = headers.iter().any(|header| header == name);
            assert_eq!(told, !answer.header(name).is_empty(), "{name}: {what}");
        }
        if !answer.header("content-type").contains("json") || answer.header("content-type").contains("jsonl")
        {
            return; // Files and events have tests of their own.
        }
        let whole = json!({ "components": self.document["components"], "allOf": [body["schema"]] });
        let validator = jsonschema::draft202012::new(&whole).unwrap();
        let faults: Vec<_> = validator.iter_errors(&answer.json()).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{what}\n{faults:?}");
    }

    /// The answer to the operation; of one that does not end, what comes first.
    async fn answer(&self, operation: &Operation, token: Option<&str>) -> Answer {
        let asked = self.call(operation, token);
        let good = &operation.described["responses"]["200"]["content"];
        if good.get("text/event-stream").is_none() {
            return asked.send().await;
        }
        match asked.open().await {
            Ok(opened) => Answer::first_of(opened).await,
            Err(refused) => refused,
        }
    }

    async fn traces(&self) -> usize {
        self.app.shell.store.audit(0, 1000).await.unwrap().len()
    }
}

/// Every scope but those that give the right that is needed.
fn too_narrow(needed: Option<&str>) -> Vec<&'static str> {
    let all = [
        "portcullis:keys:read",
        "portcullis:keys:write",
        "portcullis:projects:read",
        "portcullis:projects:write",
        "portcullis:audit:read",
        "portcullis:signing:read",
        "portcullis:signing:write",
        "portcullis:tokens:revoke",
        "portcullis:webhooks:read",
        "portcullis:webhooks:write",
    ];
    let Some(needed) = needed else { return Vec::new() };
    let gives = |scope: &str| {
        scope == needed
            || needed.ends_with(":read") && scope == needed.replace(":read", ":write")
            || (scope, needed) == ("portcullis:keys:write", "portcullis:tokens:revoke")
    };
    all.into_iter().filter(|scope| !gives(scope)).collect()
}

#[tokio::test]
async fn without_authority_no_operation_is_carried_out() {
    let app = App::patient().await;
    let scene = Scene::set(&app).await;
    let tenant = scene.key.token("").await;
    let guard = {
        let details = portcullis::domain::KeyDetails {
            name: "idle".into(),
            permissions: "portcullis:introspect".parse().unwrap(),
            ..Default::default()
        };
        let (key, secret) = app.shell.create_key(&app.admin().project, details).await.unwrap();
        Key { app: &app, id: key.id, project: key.project, secret: secret.expose().to_owned() }
            .token("")
            .await
    };
    let before = scene.traces().await;
    for operation in operations(&scene.document) {
        let what = format!("{} {}", operation.method, operation.path);
        for (token, status) in [(None, 401), (Some("a.b.c"), 401), (Some(&tenant), 401), (Some(&guard), 403)]
        {
            let answer = scene.answer(&operation, token.map(|token: &str| token)).await;
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
            scene.assert_described(&operation, &answer);
        }
    }
    assert_eq!(scene.traces().await, before, "somebody without authority did something");
}

#[tokio::test]
async fn with_too_narrow_authority_no_operation_is_carried_out() {
    let app = App::start().await;
    let scene = Scene::set(&app).await;
    let before = scene.traces().await;
    let mut refused = 0;
    for operation in operations(&scene.document) {
        for scope in too_narrow(operation.scope.as_deref()) {
            for scope in [
                scope.to_owned(),
                scope.replace("portcullis:", &format!("portcullis:project:{}:", scene.project)),
            ] {
                if scope.contains(":project:") && scope.contains(":signing:") {
                    continue; // Signing keys are all projects': no key can give such a token.
                }
                let Administrator { token, .. } = app.administrator(&scope).await;
                let answer = scene.answer(&operation, Some(&token)).await;
                let what = format!("{} {} with {scope}: {}", operation.method, operation.path, answer.text());
                assert_eq!(answer.status, 403, "{what}");
                scene.assert_described(&operation, &answer);
                refused += 1;
            }
        }
    }
    assert!(refused > 200, "{refused}");
    assert_eq!(scene.traces().await, before, "somebody with too narrow authority did something");
}

#[tokio::test]
async fn with_authority_over_another_project_no_operation_reaches_this_one() {
    let app = App::start().await;
    let scene = Scene::set(&app).await;
    let mill = app.tenant("mill").await;
    let before = scene.traces().await;
    for operation in operations(&scene.document) {
        let Some(scope) = operation.scope.as_deref().filter(|scope| !scope.contains(":signing:")) else {
            continue;
        };
        let limited = scope.replace("portcullis:", &format!("portcullis:project:{}:", mill.project.id));
        let Administrator { token, .. } = app.administrator(&limited).await;
        let answer = scene.answer(&operation, Some(&token)).await;
        let what = format!("{} {}: {} {}", operation.method, operation.path, answer.status, answer.text());
        scene.assert_described(&operation, &answer);
        let is_list = operation.method == Method::GET && !operation.path.contains('{');
        let expected: &[u16] = match operation.path.as_str() {
            _ if is_list => &[200],
            path if path.contains("{project}") => &[403],
            path if path.contains('{') => &[404],
            _ => &[403],
        };
        assert!(expected.contains(&answer.status), "{what}");
        for ours in [&scene.project, &scene.key.id.to_string(), &scene.token, &scene.webhook] {
            assert!(!answer.text().contains(ours.as_str()), "{what}");
        }
        // And where the project is asked for by name.
        let asks = operation.described["parameters"]
            .as_array()
            .is_some_and(|all| all.iter().any(|p| p["name"] == "project" && p["in"] == "query"));
        if asks {
            let path = format!("{}?project={}", operation.path, scene.project);
            assert_eq!(app.administer(Method::GET, &path).bearer(&token).send().await.status, 403, "{what}");
        }
    }
    assert_eq!(scene.traces().await, before, "somebody did something to a project that is not theirs");
}

#[tokio::test]
async fn with_the_right_authority_every_operation_is_carried_out_as_described() {
    for limited in [false, true] {
        let app = App::start().await;
        for operation in operations(&document(&app).await) {
            // Each finds things as they are before anything is done to them.
            let scene = Scene::set(&app).await;
            let mut scope = operation.scope.clone().unwrap_or_else(|| "portcullis:audit:read".into());
            if limited
                && !scope.contains(":signing:")
                && (operation.method.as_str(), operation.path.as_str()) != ("POST", "/admin/v1/projects")
            {
                scope = scope.replace("portcullis:", &format!("portcullis:project:{}:", scene.project));
            }
            match operation.path.as_str() {
                path if path.ends_with("/unblock") => {
                    scene.key.act(portcullis::keys::acts::KeyAct::Block).await;
                }
                path if path.ends_with("{audience}") && operation.method == Method::PUT => {
                    let audience = "https://api.example".parse().unwrap();
                    app.shell.remove_audience(&scene.key.project, audience).await.unwrap();
                }
                _ => {}
            }
            app.follow().await;
            let Administrator { token, .. } = app.administrator(&scope).await;
            let answer = scene.answer(&operation, Some(&token)).await;
            let what =
                format!("{} {}: {} {}", operation.method, operation.path, answer.status, answer.text());
            assert!((200..300).contains(&answer.status), "{what}");
            scene.assert_described(&operation, &answer);
            let is_json = answer.header("content-type") == "application/json";
            if is_json && let Some(secret) = answer.json()["secret"].as_str() {
                crate::support::is_secret("a secret that the API made", secret);
            }
            // What is one project's only.
            if operation.method == Method::PUT || operation.path.contains("audience") {
                let audience = "https://api.example".parse().unwrap();
                let _ = app.shell.remove_audience(&scene.key.project, audience).await;
            } else {
                app.shell
                    .remove_audience(&scene.key.project, "https://api.example".parse().unwrap())
                    .await
                    .unwrap();
            }
            app.follow().await;
        }
    }
}

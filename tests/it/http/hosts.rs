//! By which name somebody reached the server, or says that they did, changes no answer (threat S44): the issuer is
//! a setting, links are paths, and challenges name nobody. Every operation of both documents is asked.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App, Send, escape, part};

const EVIL: &str = "evil.example.net";
/// Where proxies, and those who play one, put a name.
const HEADERS: [&str; 14] = [
    "host",
    "x-forwarded-host",
    "x-forwarded-server",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-forwarded-port",
    "forwarded",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
    "x-host",
    "x-http-host-override",
    "referer",
    "origin",
];

/// The same request, as it would come under another name, in each way to say so.
fn disguised(send: &Send) -> Vec<Send> {
    let mut all: Vec<Send> = HEADERS
        .iter()
        .map(|header| {
            let value = match *header {
                "forwarded" => format!("host={EVIL};proto=https;for=192.0.2.9"),
                "referer" | "origin" | "x-original-url" | "x-rewrite-url" => format!("https://{EVIL}/x"),
                _ => EVIL.to_owned(),
            };
            send.clone().without(header).header(header, &value)
        })
        .collect();
    all.push(send.clone().without("host").header("host", &format!("{EVIL}:8081")));
    all.push(HEADERS.iter().skip(1).fold(send.clone(), |send, header| send.header(header, EVIL)));
    all
}

/// What is said and does not differ from one request to the next.
fn steady(answer: &Answer) -> String {
    let mut headers = answer.headers.clone();
    assert!(headers.remove("x-request-id").is_some());
    format!("{} {headers:?} {}", answer.status, answer.text())
}

/// Calls it under every name, and holds the answers against that to the true one.
async fn is_the_same(what: &str, send: Send) -> usize {
    let truth = send.clone().send().await;
    let mut compared = 0;
    for other in disguised(&send) {
        let answer = other.send().await;
        assert!(
            !format!("{:?} {}", answer.headers, answer.text()).contains(EVIL),
            "{what}: {}",
            answer.text()
        );
        assert_eq!(steady(&answer), steady(&truth), "{what}");
        compared += 1;
    }
    compared
}

/// What a document describes, with a name that is nobody's in each path.
fn operations(document: &Value) -> Vec<(Method, String)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path: String =
            path.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect();
        for method in item.as_object().unwrap().keys() {
            found.push((method.to_uppercase().parse().unwrap(), path.replace("//", "/x/")));
        }
    }
    found
}

#[tokio::test]
async fn no_answer_of_either_listener_depends_on_the_name_by_which_it_was_reached() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let (token, admins) = (key.token("").await, app.admin().token("").await);
    let mut compared = 0;
    let public = app.get("/openapi.json").send().await.json();
    for (method, path) in operations(&public) {
        let what = format!("{method} {path}");
        let send = app.request(method.clone(), &path);
        // Without a credential, with a wrong one, and with one; each as far as nothing new comes of it.
        compared += is_the_same(&what, send.clone()).await;
        compared += is_the_same(&what, send.clone().basic("pk_live_x", "x")).await;
        let asked =
            if path == "/verify" { format!("{path}?project={}", shop.project.id) } else { path.clone() };
        compared += is_the_same(&what, app.request(method, &asked).bearer(&token)).await;
    }
    let admin = app.administer(Method::GET, "/openapi.json").send().await.json();
    for (method, path) in operations(&admin) {
        if path == "/metrics" {
            continue; // It counts the questions.
        }
        let what = format!("admin {method} {path}");
        let send = app.administer(method.clone(), &path);
        compared += is_the_same(&what, send.clone()).await;
        compared += is_the_same(&what, send.clone().bearer(&token)).await;
        let is_stream =
            !admin["paths"][&path]["get"]["responses"]["200"]["content"]["text/event-stream"].is_null();
        if method == Method::GET && !is_stream {
            compared += is_the_same(&what, send.bearer(&admins)).await;
        }
    }
    assert!(compared > 2000, "{compared}");
}

#[tokio::test]
async fn what_is_made_under_a_false_name_bears_the_true_one() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let admins = app.admin().token("").await;
    let issuer = app.server.issuer.to_string();
    for send in disguised(&key.ask("")) {
        let claims = part(&send.send().await.token(), 1);
        assert_eq!(claims["iss"], issuer.as_str());
        assert_eq!(claims["aud"], format!("{issuer}/projects/{}", shop.project.id));
    }
    let body = json!({ "project": shop.project.id, "name": "made", "permissions": ["orders"] });
    for (path, body, id) in
        [("/admin/v1/keys", body, "key_id"), ("/admin/v1/projects", json!({ "name": "made" }), "project")]
    {
        for send in disguised(&app.administer(Method::POST, path).bearer(&admins).json(&body)) {
            let made = send.send().await;
            assert_eq!(made.status, 201, "{}", made.text());
            let value = made.json();
            assert_eq!(made.header("location"), format!("{path}/{}", value[id].as_str().unwrap()));
            assert!(!made.text().contains(EVIL));
            if let Some(audience) = value["default_audience"].as_str() {
                assert!(audience.starts_with(&format!("{issuer}/projects/")), "{audience}");
            }
            if let Some(secret) = value["secret"].as_str() {
                crate::support::is_secret("a secret made under a false name", secret);
            }
        }
    }
    // A token for a name that is not ours is for nobody here.
    let asked = format!("resource={}", escape(&format!("https://{EVIL}/admin")));
    assert_eq!(key.ask(&asked).send().await.refusal(), (400, "invalid_target".to_owned()));
}

//! Webhooks by the administrators' API.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App, Listed as _, Receiver, is_secret};

const HOOKS: &str = "/admin/v1/webhooks";

/// Somebody with a token.
struct Somebody<'a>(&'a App, String);

impl<'a> Somebody<'a> {
    async fn with(app: &'a App, scope: &str) -> Self {
        Self(app, app.admin().token(scope).await)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut send = self.0.administer(method, path).bearer(&self.1);
        for (name, value) in headers {
            send = send.header(name, value);
        }
        if let Some(body) = body {
            send = send.json(body);
        }
        let answer = send.send().await;
        if let Some(secret) = (answer.status < 300).then(|| answer.json()["secret"].clone()) {
            secret.as_str().inspect(|secret| is_secret("a webhook's secret", secret));
        }
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }
}

#[tokio::test]
async fn a_webhook_is_made_once_shown_without_its_secret_edited_and_deleted() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = Somebody::with(&app, "portcullis:webhooks:write").await;
    let body = json!({
        "project": shop.project.id, "url": "https://hooks.example/in?t=1",
        "events": ["leak.*", "key.block"], "description": "to the desk",
    });
    let named = [("idempotency-key", "once")];
    let made = admin.send(Method::POST, HOOKS, Some(&body), &named).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let again = admin.send(Method::POST, HOOKS, Some(&body), &named).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
    let mut first = made.json();
    first.as_object_mut().unwrap().remove("secret");
    assert_eq!(again.json(), first);
    assert_eq!(again.header("etag"), made.header("etag"));

    let path = made.header("location").to_owned();
    let shown = admin.get(&path).await;
    assert_eq!(shown.json(), first);
    assert_eq!(shown.json()["events"], json!(["key.block", "leak.*"]));
    let seen = shown.header("etag").to_owned();
    let edit = json!({ "state": "paused", "events": null });
    let bare = admin.send(Method::PATCH, &path, Some(&edit), &[]).await;
    assert_eq!(bare.status, 428);
    let edited = admin.send(Method::PATCH, &path, Some(&edit), &[("if-match", &seen)]).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    assert_eq!((&edited.json()["state"], &edited.json()["events"]), (&json!("paused"), &json!([])));
    assert_eq!(edited.json()["description"], "to the desk", "what is not named stays");
    assert_eq!(admin.get(&path).await.json(), edited.json());
    let stale = admin.send(Method::PATCH, &path, Some(&edit), &[("if-match", &seen)]).await;
    assert_eq!(stale.status, 412);
    for wrong in [
        json!({ "events": ["key.blocked"] }),
        json!({ "state": "gone" }),
        json!({ "description": "x".repeat(1001) }),
        json!({ "description": "a\u{1b}b" }),
        json!({ "url": null }),
        json!({ "project": "prj_other" }),
        json!({ "secret": "whsec_x" }),
    ] {
        let refused = admin.send(Method::PATCH, &path, Some(&wrong), &[("if-match", "*")]).await;
        assert_eq!(refused.status, 422, "{wrong}: {}", refused.text());
    }
    assert_eq!(admin.post(HOOKS, &json!({ "url": "https://hooks.example/" })).await.status, 422, "whose?");

    let gone = admin.send(Method::DELETE, &path, None, &[]).await;
    assert_eq!(gone.status, 200);
    assert_eq!(admin.get(&path).await.status, 404);
    let log = app.shell.store.audit(0, 1000).await.unwrap();
    let acts: Vec<_> = log.iter().map(|row| &row.row).filter(|row| row.act.starts_with("webhook.")).collect();
    assert_eq!(
        acts.iter().map(|row| row.act.as_str()).collect::<Vec<_>>(),
        ["webhook.create", "webhook.edit", "webhook.delete"]
    );
    assert!(acts.iter().all(|row| row.project.as_deref() == Some(shop.project.id.as_str())));
    assert!(acts.iter().all(|row| !row.detail.contains("in?t=1")), "a URL may hold somebody's password");
}

#[tokio::test]
async fn a_webhook_of_all_projects_is_made_and_seen_by_whoever_may_see_everything() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let whole = Somebody::with(&app, "portcullis:webhooks:write").await;
    let within = format!("portcullis:project:{}:webhooks:write", shop.project.id);
    let limited = Somebody::with(&app, &within).await;
    let body = |project: Value| json!({ "project": project, "url": "https://hooks.example/" });
    assert_eq!(limited.post(HOOKS, &body(Value::Null)).await.status, 403);
    assert_eq!(limited.post(HOOKS, &body(json!(mill.project.id))).await.status, 403);
    assert_eq!(limited.post(HOOKS, &body(json!(shop.project.id))).await.status, 201);
    let all = whole.post(HOOKS, &body(Value::Null)).await;
    assert_eq!(all.status, 201, "{}", all.text());
    let path = all.header("location");
    assert_eq!((whole.get(path).await.status, limited.get(path).await.status), (200, 404));
    let count = |answer: Answer| answer.json()["items"].as_array().unwrap().len();
    assert_eq!(count(whole.get(HOOKS).await), 2);
    assert_eq!(count(limited.get(HOOKS).await), 1);
    assert_eq!(count(whole.get(&format!("{HOOKS}?project={}", mill.project.id)).await), 0);
    for n in 0..19 {
        assert_eq!(whole.post(HOOKS, &body(json!(shop.project.id))).await.status, 201, "{n}");
    }
    let beyond = whole.post(HOOKS, &body(json!(shop.project.id))).await;
    assert_eq!((beyond.status, beyond.json()["code"].clone()), (429, json!("limit")));
}

#[tokio::test]
async fn what_was_sent_is_listed_in_pages_and_sent_again_on_demand() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (hook, old) = receiver.hook(&app, Some(&shop.project.id)).await;
    let admin = Somebody::with(&app, "portcullis:webhooks:write").await;
    let path = format!("{HOOKS}/{hook}");
    for _ in 0..3 {
        shop.key("orders").create().await;
    }
    app.send_webhooks().await;
    let tested = admin.post(&format!("{path}/test"), &json!({})).await;
    assert_eq!((tested.status, &tested.json()["webhook"]), (202, &json!(hook)), "{}", tested.text());
    let list = format!("{path}/deliveries");
    let waiting = admin.get(&format!("{list}?state=waiting")).await.json();
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1);
    assert_eq!(waiting["items"][0]["event"], "webhook.test");
    let first = admin.get(&format!("{list}?state=delivered&limit=2")).await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next"].as_str().unwrap();
    let last = admin.get(&format!("{list}?state=delivered&limit=2&cursor={cursor}")).await.json();
    assert_eq!((last["items"].as_array().unwrap().len(), &last["next"]), (1, &Value::Null));
    let message = last["items"][0]["message"].as_str().unwrap();
    let again = admin.post(&format!("{list}/{message}/redeliver"), &json!({})).await;
    assert_eq!(again.status, 202, "{}", again.text());
    assert_eq!(app.send_webhooks().await, 2);
    assert_eq!(receiver.received().len(), 5);

    let rotated = admin.post(&format!("{path}/rotate-secret"), &json!({ "overlap_secs": 0 })).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text());
    let new = rotated.json()["secret"].as_str().unwrap().to_owned();
    admin.post(&format!("{path}/test"), &json!({})).await;
    app.send_webhooks().await;
    assert_eq!(receiver.received()[5].signed_by(&[&new, &old]), [&new]);
    let too_long = admin.post(&format!("{path}/rotate-secret"), &json!({ "overlap_secs": 604_801 })).await;
    assert_eq!((too_long.status, &too_long.json()["field"]), (422, &json!("overlap_secs")));
}

#[tokio::test]
async fn the_page_of_metrics_counts_attempts_and_tells_how_long_something_waits() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    receiver.hook(&app, Some(&shop.project.id)).await;
    shop.key("orders").create().await;
    app.clock.advance(std::time::Duration::from_secs(20));
    receiver.reply([crate::support::Reply::Status(500)]);
    app.send_webhooks().await;
    let page = app.metrics().await;
    for line in [
        r#"portcullis_webhook_attempts_total{outcome="refused"} 1"#,
        r#"portcullis_webhook_attempts_total{outcome="delivered"} 0"#,
        "portcullis_webhook_oldest_due_seconds 20",
    ] {
        assert!(page.lines().any(|told| told == line), "{line}\n{page}");
    }
}

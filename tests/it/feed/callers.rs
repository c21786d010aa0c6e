//! Who may follow.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;

use super::{FEED, NONCE, Watcher};
use crate::support::App;

#[tokio::test]
async fn only_a_key_with_the_permission_may_follow() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let other = shop.key("orders:read").create().await;
    let path = format!("{FEED}?nonce={NONCE}");
    let (id, secret) = (watcher.key.id.as_str(), watcher.key.secret.as_str());
    for (what, request, expected) in [
        ("basic", app.get(&path).basic(id, secret), (200, "")),
        ("app headers", app.get(&path).app_headers(id, secret), (200, "")),
        ("bearer", app.get(&path).bearer(secret), (200, "")),
        ("nobody", app.get(&path), (401, "invalid_client")),
        ("a wrong secret", app.get(&path).basic(id, "wrong"), (401, "invalid_client")),
        ("two", app.get(&path).basic(id, secret).app_headers(id, secret), (400, "invalid_request")),
        (
            "a key without it",
            app.get(&path).basic(other.id.as_str(), &other.secret),
            (403, "insufficient_scope"),
        ),
        (
            "secrets in the URL",
            app.get(&format!("{path}&client_id={id}&client_secret={secret}")),
            (400, "invalid_request"),
        ),
        ("a form", app.post(&path, "").basic(id, secret), (405, "invalid_request")),
        ("no nonce", app.get(FEED).basic(id, secret), (400, "invalid_request")),
        ("a token for others", app.get(&path).bearer(&other.token("").await), (401, "invalid_token")),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.refusal(), (expected.0, expected.1.to_owned()), "{what}: {}", answer.text());
        assert_eq!(answer.header("portcullis-feed").is_empty(), answer.status != 200, "{what}");
        if expected.1 != "invalid_request" || answer.status == 400 {
            assert_eq!(answer.header("cache-control"), "no-store", "{what}");
        }
    }
}

/// What was widened meanwhile must not be refused by what is remembered, and what was narrowed is.
#[tokio::test]
async fn a_permission_that_comes_and_goes_counts_at_once() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let status = async || watcher.question(0, "").send().await.status;
    assert_eq!(status().await, 200);
    watcher.key.edit(|details| details.permissions = "orders:read".parse().unwrap()).await;
    app.follow().await;
    assert_eq!(status().await, 403);
    watcher.key.edit(|details| details.permissions = "portcullis:revocations".parse().unwrap()).await;
    assert_eq!(status().await, 200, "before the feed was read");
    watcher.key.act(KeyAct::Block).await;
    app.follow().await;
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn the_allowlist_of_a_guards_key_holds_here_too() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("portcullis:revocations").allow("10.0.0.0/8").create().await;
    let ask = |from: &str| {
        app.get(&format!("{FEED}?nonce={NONCE}")).basic(key.id.as_str(), &key.secret).from(from).send()
    };
    assert_eq!(ask("10.1.2.3").await.status, 200);
    assert_eq!(ask("::ffff:10.1.2.3").await.status, 200);
    assert_eq!(ask("192.0.2.1").await.refusal(), (400, "unauthorized_client".into()));
}

#[tokio::test]
async fn a_node_that_cannot_know_tells_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(watcher.ask(0).await.statement.age, 30_000);
    app.clock.advance(Duration::from_millis(1));
    for more in ["", "&wait=20"] {
        let answer = watcher.question(0, more).send().await;
        assert_eq!(answer.refusal(), (503, "temporarily_unavailable".into()));
        assert!(!answer.header("retry-after").is_empty());
    }
    let stream = watcher.question(0, "").header("accept", "text/event-stream").send().await;
    assert_eq!(stream.status, 503);
}

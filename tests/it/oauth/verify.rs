//! `GET /v1/auth/verify` (RFC 6750): the verdict about the token in the request, as JSON.

use std::time::Duration;

use insta::assert_json_snapshot;
use portcullis::keys::acts::KeyAct;
use serde_json::json;

use crate::support::{App, Build, part};

const VERIFY: &str = "/v1/auth/verify";

#[tokio::test]
async fn a_good_token_is_described_to_its_holder() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;

    let answer = app.get(VERIFY).bearer(&token).send().await;

    let mut expected = part(&token, 1);
    expected["active"] = json!(true);
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(
        app.get(VERIFY).bearer(&token).without_address().send().await.status,
        200,
        "bound to no address"
    );
}

#[tokio::test]
async fn each_refusal_has_its_status_its_reason_and_its_challenge() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let bound = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    let blocked = shop.key("orders:read").create().await;
    let expired = key.ask("expires_in=1").send().await.token();
    app.pass(Duration::from_secs(1)).await;
    let dead = blocked.token("").await;
    blocked.act(KeyAct::Block).await;
    app.follow().await;
    let live = key.token("").await;
    let elsewhere = bound.ask("").from("10.1.2.3").send().await.token();
    let (scope, wide) = (format!("{VERIFY}?scope=orders:write"), format!("{VERIFY}?scope=orders:read+x:*"));
    let rows = [
        (VERIFY, &*expired, 401, "invalid_token", "expired"),
        (VERIFY, &dead, 401, "invalid_token", "revoked"),
        (VERIFY, "nonsense", 401, "invalid_token", "malformed"),
        (VERIFY, &live[..live.len() - 4], 401, "invalid_token", "signature"),
        (VERIFY, &elsewhere, 403, "invalid_token", "address"),
        (&scope, &live, 403, "insufficient_scope", "insufficient_scope"),
        (&wide, &live, 403, "insufficient_scope", "insufficient_scope"),
    ];
    for (path, token, status, error, reason) in rows {
        let answer = app.get(path).bearer(token).send().await;
        let body = answer.json();
        assert_eq!(answer.refusal(), (status, error.to_owned()), "{reason}");
        assert_eq!((&body["reason"], &body["active"]), (&json!(reason), &json!(false)));
        let said = body["error_description"].as_str().unwrap();
        let challenge =
            format!("Bearer realm=\"portcullis\", error=\"{error}\", error_description=\"{said}\"");
        assert!(
            answer.header("www-authenticate").starts_with(&challenge),
            "{}",
            answer.header("www-authenticate")
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{reason}");
        assert!(!answer.text().contains("orders:read"), "a refusal describes no token");
    }
    let wide = app.get(&wide).bearer(&live).send().await;
    assert!(
        wide.header("www-authenticate").ends_with(", scope=\"orders:read x:*\""),
        "what is needed, in order"
    );
    assert_eq!(app.get(VERIFY).bearer(&elsewhere).from("10.9.9.9").send().await.status, 200);
    assert_eq!(app.get(VERIFY).bearer(&elsewhere).without_address().send().await.status, 403);
}

#[tokio::test]
async fn without_a_token_nobody_is_told_more_than_to_bring_one() {
    let app = App::start().await;
    let answer = app.get(VERIFY).send().await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer realm=\"portcullis\""));
    assert_json_snapshot!(answer.json(), @r#"
    {
      "active": false,
      "error": "invalid_token",
      "error_description": "the request carries no bearer token",
      "reason": "absent"
    }
    "#);
}

#[tokio::test]
async fn a_stale_server_admits_nobody_and_says_when_to_come_back() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    app.clock.advance(Duration::from_secs(31));
    let answer = app.get(VERIFY).bearer(&token).send().await;
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".into()));
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
    app.follow().await;
    assert_eq!(app.get(VERIFY).bearer(&token).send().await.status, 200);
}

#[tokio::test]
async fn the_required_scope_is_read_strictly() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:* items").create().await;
    let token = key.token("").await;
    let rows = [
        ("", 200),
        ("?", 200),
        ("?scope=", 200),
        ("?scope=orders:x", 200),
        ("?scope=orders:x+items", 200),
        ("?scope=orders:x%20items", 200),
        ("?scope=orders", 403),
        ("?scope=items:read", 403),
        ("?scope=*", 403),
        ("?scope=portcullis:introspect", 403),
        ("?scope=+items", 400),
        ("?scope=items%00", 400),
        ("?scope=items%09orders:x", 400),
        ("?scope=orders:", 400),
        ("?scope=%FF", 400),
        ("?scope=%", 400),
        ("?scope=items&scope=items", 400),
        ("?scope=&scope=admin", 400),
        ("?Scope=admin&scope=items", 200),
    ];
    for (query, status) in rows {
        let answer = app.get(&format!("{VERIFY}{query}")).bearer(&token).send().await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_bound_token_follows_the_address_that_our_proxy_tells() {
    let app = Build::default().set("PORTCULLIS_CLIENT_ADDRESS_TRUSTED_PROXIES", "192.0.2.1").start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    let token = key.ask("").from("10.1.2.3").send().await.token();
    let verify = async |peer: &str, hops: &str| {
        let request = app.get(VERIFY).bearer(&token).from(peer).header("x-forwarded-for", hops);
        request.send().await.status
    };
    assert_eq!(verify("192.0.2.1", "10.9.9.9").await, 200);
    assert_eq!(verify("192.0.2.1", "::ffff:10.9.9.9").await, 200);
    assert_eq!(verify("192.0.2.1", "198.51.100.1").await, 403);
    assert_eq!(verify("192.0.2.1", "10.9.9.9, nobody").await, 403);
    assert_eq!(verify("192.0.2.2", "10.9.9.9").await, 403);
}

//! Whom a proxy is told of, what it may keep, and what each refusal looks like.

use std::time::Duration;

use axum::http::Method;
use insta::assert_json_snapshot;
use portcullis::keys::acts::KeyAct;

use super::{IDENTITY, admitted, of, refused, verdict, verify};
use crate::support::{App, Build, part};

#[tokio::test]
async fn a_request_passes_in_the_name_of_its_token() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read vouchers").await;
    let key = shop.key("api reports").create().await;
    let token = key.token("api").await;

    let answer = verify(&shop, "&scope=orders:read+vouchers").bearer(&token).send().await;

    assert_eq!(verdict(&answer), admitted());
    let claims = part(&token, 1);
    let (id, project) = (key.id.as_str(), shop.project.id.as_str());
    let (name, ends) = (claims["jti"].as_str().unwrap(), claims["exp"].to_string());
    let told = IDENTITY.map(|header| answer.header(header));
    assert_eq!(told, [id, project, id, "api orders:read vouchers", name, &ends]);
}

#[tokio::test]
async fn every_method_is_answered_alike_and_no_body_is_read() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let token = shop.key("orders:read").create().await.token("").await;
    let path = format!("/verify?project={}", shop.project.id);
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE"] {
        let ask = || {
            let request = app.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(b"project=prj_other&scope=admin")
        };
        assert_eq!(of(ask().bearer(&token)).await, admitted(), "{method}");
        let refused = ask().bearer("nonsense").send().await;
        let expected = verify(&shop, "").bearer("nonsense").send().await;
        let heads = |answer: &crate::support::Answer| {
            (
                answer.status,
                IDENTITY.map(|name| answer.header(name).to_owned()),
                answer.header("www-authenticate").to_owned(),
            )
        };
        assert_eq!(heads(&refused), heads(&expected), "{method}");
        assert_eq!(refused.bytes.is_empty(), method == "HEAD", "{method}");
    }
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
    let rows = [
        ("", &*expired, refused(401, "expired")),
        ("", &dead, refused(401, "revoked")),
        ("", "nonsense", refused(401, "malformed")),
        ("", &live[..live.len() - 4], refused(401, "signature")),
        ("", &elsewhere, refused(403, "address")),
        ("&scope=orders:write", &live, refused(403, "insufficient_scope")),
        ("&scope=orders:read+x:*", &live, refused(403, "insufficient_scope")),
        ("&audience=https://other.example.com", &live, refused(401, "audience")),
    ];
    for (more, token, expected) in rows {
        let answer = verify(&shop, more).bearer(token).send().await;
        assert_eq!(verdict(&answer), expected, "{more}");
        assert!(!answer.text().contains("orders:read"), "a refusal describes no token");
    }
    let wide = verify(&shop, "&scope=orders:read+x:*").bearer(&live).send().await;
    assert!(wide.header("www-authenticate").ends_with(", scope=\"orders:read x:*\""), "what is needed");
}

#[tokio::test]
async fn without_a_token_nobody_is_told_more_than_to_bring_one() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let answer = verify(&shop, "&scope=admin").send().await;
    assert_eq!(verdict(&answer), refused(401, "absent"));
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"portcullis\"");
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
async fn an_answer_is_kept_for_less_than_20_seconds_and_less_than_the_token_has_left() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    // The clock stands at a quarter of a second, where a token of N seconds has a quarter less left.
    for (lifetime, kept) in [(900, 19), (21, 19), (20, 18), (10, 8), (3, 1), (2, 0), (1, 0)] {
        let token = key.ask(&format!("expires_in={lifetime}")).send().await.token();
        let answer = verify(&shop, "").bearer(&token).send().await;
        assert_eq!(verdict(&answer), admitted());
        let expected = format!("private, max-age={kept}");
        assert_eq!(
            (answer.header("cache-control"), answer.header("x-accel-expires")),
            (&*expected, &*kept.to_string()),
            "{lifetime}"
        );
        for header in
            ["authorization", "x-app-id", "x-app-token", "x-required-scope", "origin", "x-forwarded-for"]
        {
            assert!(answer.header("vary").to_lowercase().contains(header), "{header}");
        }
    }
}

#[tokio::test]
async fn a_stale_server_admits_nobody_and_says_when_to_come_back() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let token = shop.key("orders:read").create().await.token("").await;
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, admitted());
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, admitted());

    app.clock.advance(Duration::from_millis(1));

    let answer = verify(&shop, "").bearer(&token).send().await;
    assert_eq!(verdict(&answer), refused(503, "temporarily_unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
    app.follow().await;
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, admitted());
}

#[tokio::test]
async fn tokens_are_judged_without_the_database() {
    let hand = crate::support::Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    let token = shop.key("orders:read").create().await.token("").await;
    hand.records.close();
    for more in ["", "&scope=orders:read", "&scope=admin"] {
        let admits = !more.ends_with("admin");
        assert_eq!(of(verify(&shop, more).bearer(&token)).await.0 == 200, admits, "{more}");
    }
    hand.records.release();
}

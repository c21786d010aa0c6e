//! Reports cost little, and strangers can send few.

use axum::http::Method;
use portcullis::domain::KeyState;
use portcullis::domain::leak::report::{MAX_BYTES, MOST_SECRETS};
use serde_json::json;

use super::PATH;
use crate::support::{Answer, App};

fn slowed(answer: &Answer) -> bool {
    if answer.status == 429 {
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
        assert_eq!(answer.error(), "temporarily_unavailable");
    }
    answer.status == 429
}

#[tokio::test]
async fn reported_texts_count_like_failed_authentications_whatever_they_are() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("api").create().await, shop.key("api").create().await);
    let texts = |n: usize| (0..n).map(|n| format!("guess {n}")).collect::<Vec<_>>();
    let report = |texts: &[String]| app.leak(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(report(&texts(60)).send().await.status, 202);
    assert!(slowed(&report(&texts(60)).send().await), "120 in a minute");
    assert_eq!(report(&texts(40)).send().await.status, 202, "none of those were counted");
    // Right or wrong must not show here either.
    let digests = app.server.authenticator.digests();
    assert!(slowed(&app.leak(&[&key.secret]).send().await) && slowed(&app.leak(&["wrong"]).send().await));
    assert_eq!(app.server.authenticator.digests(), digests);
    assert_eq!(app.state_of(&key.id).await, KeyState::Active);
    let wrong = app.post("/oauth/token", "grant_type=client_credentials").basic("nobody", "wrong");
    assert_eq!(wrong.send().await.status, 429, "the same patience");
    assert_eq!(key.ask("").send().await.status, 200, "a right secret passes");
    // Elsewhere nobody has to wait; of IPv6, elsewhere is another /64.
    assert_eq!(app.leak(&[&key.secret]).from("2001:db8:1:2::1").send().await.status, 202);
    assert_eq!(app.state_of(&key.id).await, KeyState::Blocked);
    report(&texts(99)).from("2001:db8:1:2::2").send().await;
    assert!(slowed(&app.leak(&[&other.secret]).from("2001:db8:1:2:3::3").send().await));
    app.pass(std::time::Duration::from_mins(1)).await;
    assert_eq!(app.leak(&[&other.secret]).send().await.status, 202);
    assert_eq!(app.state_of(&other.id).await, KeyState::Blocked);
}

#[tokio::test]
async fn what_is_no_report_is_refused_before_anything_is_computed() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let (digests, before) = (app.server.authenticator.digests(), app.traces().await);
    let send = || app.request(Method::POST, PATH);
    let json = || send().header("content-type", "application/json");
    let good = json!({ "secrets": [key.secret] }).to_string();
    let many: Vec<String> = (0..=MOST_SECRETS).map(|n| n.to_string()).collect();
    let long = json!({ "secrets": [key.secret], "url": "x".repeat(MAX_BYTES) }).to_string();
    for (name, request) in [
        ("no type", send().body(good.as_bytes())),
        ("a form", app.post(PATH, &good)),
        ("two types", json().header("content-type", "application/json").body(good.as_bytes())),
        ("compressed", json().header("content-encoding", "gzip").body(good.as_bytes())),
        ("in the URL", app.request(Method::POST, &format!("{PATH}?a=b")).json(&json!({ "secrets": ["x"] }))),
        ("too long", json().body(long.as_bytes())),
        ("too many", send().json(&json!({ "secrets": many }))),
        ("none", send().json(&json!({ "secrets": [] }))),
        ("nothing", json()),
        ("unknown members", send().json(&json!({ "secrets": [key.secret], "block": true }))),
        ("the other format", send().json(&json!([{ "token": key.secret, "type": "t", "url": "" }]))),
        ("no UTF-8", json().body(b"{\"secrets\":[\"\xff\"]}")),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{name}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
    }
    assert_eq!((app.server.authenticator.digests(), app.traces().await), (digests, before));
    assert_eq!(json().body(good.as_bytes()).send().await.status, 202);
}

//! What is counted, and what is true now.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use portcullis::domain::{RawKeyRefusal, TokenRefusal};
use portcullis::keys::acts::KeyAct;
use portcullis::metrics::list::ALL;
use portcullis::metrics::reasons;

use crate::support::{App, Build, Latch, is_secret};

#[tokio::test]
async fn what_happens_is_counted_where_it_happens() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    key.ask("scope=nope").send().await;
    app.post("/oauth/token", "grant_type=client_credentials").basic(key.id.as_str(), "wrong").send().await;
    key.introspect(&token).await;
    let dead = key.token("").await;
    key.post("/oauth/revoke", &format!("token={dead}")).send().await;
    key.introspect(&dead).await;
    app.get("/v1/auth/verify").bearer(&dead).send().await;
    app.get("/v1/auth/verify").send().await;
    app.get(&format!("/verify?project={}", shop.project.id)).bearer(&token).send().await;
    app.get("/verify").bearer(&token).send().await;
    app.get("/nowhere").send().await;
    app.get("/oauth/token").send().await;

    assert_eq!(app.get("/metrics").send().await.status, 404, "not for everybody");
    app.administer(Method::GET, "/admin/v1/keys").bearer(&token).send().await;
    for (line, count) in [
        (r#"requests_total{endpoint="admin",status="4xx"}"#, 1.0),
        (r#"refusals_total{endpoint="admin",reason="project"}"#, 1.0),
        (r#"requests_total{endpoint="token",status="2xx"}"#, 2.0),
        (r#"requests_total{endpoint="token",status="4xx"}"#, 3.0),
        (r#"requests_total{endpoint="introspect",status="2xx"}"#, 2.0),
        (r#"requests_total{endpoint="verify",status="2xx"}"#, 1.0),
        (r#"request_duration_seconds_count{endpoint="introspect"}"#, 2.0),
        (r#"refusals_total{endpoint="token",reason="invalid_scope"}"#, 1.0),
        (r#"refusals_total{endpoint="token",reason="invalid_client"}"#, 1.0),
        (r#"refusals_total{endpoint="token",reason="method_not_allowed"}"#, 1.0),
        (r#"refusals_total{endpoint="introspect",reason="revoked"}"#, 1.0),
        (r#"refusals_total{endpoint="judge",reason="revoked"}"#, 1.0),
        (r#"refusals_total{endpoint="judge",reason="absent"}"#, 1.0),
        (r#"refusals_total{endpoint="judge",reason="expired"}"#, 0.0),
        (r#"refusals_total{endpoint="verify",reason="invalid_request"}"#, 1.0),
        (r#"refusals_total{endpoint="other",reason="not_found"}"#, 2.0),
        ("tokens_issued_total", 2.0),
        ("issuance_commit_duration_seconds_count", 2.0),
        ("issuance_commit_tokens_sum", 2.0),
        ("issuance_commit_failures_total", 0.0),
        // By introspection twice, by a revocation, by /v1/auth/verify, by /verify, and for administrators.
        ("verified_tokens_lookups_total", 6.0),
        ("verified_tokens_misses_total", 2.0),
        // Once at first; once more because what is remembered refuses nobody.
        ("key_records_loads_total", 2.0),
        ("revocation_list_stale", 0.0),
        ("revocation_list_age_seconds", 0.0),
        ("connections", 0.0),
    ] {
        assert_eq!(app.metric(&format!("portcullis_{line}")).await, Some(count), "{line}");
    }
    assert!(app.metric("portcullis_key_records_lookups_total").await >= Some(6.0));
}

#[tokio::test]
async fn the_page_tells_how_this_node_is() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let position = app.metric("portcullis_feed_position").await.unwrap();
    key.act(KeyAct::Block).await;
    assert_eq!(app.metric("portcullis_feed_position").await, Some(position), "not applied yet");
    app.follow().await;
    assert_eq!(app.metric("portcullis_feed_position").await, Some(position + 1.0));

    app.clock.advance(Duration::from_millis(30_500));
    assert_eq!(app.metric("portcullis_revocation_list_age_seconds").await, Some(30.5));
    assert_eq!(app.metric("portcullis_revocation_list_stale").await, Some(1.0));
    let unread = app.second_node_unread(Build::default()).await;
    assert_eq!(unread.metric("portcullis_revocation_list_age_seconds").await, Some(f64::INFINITY));
    assert_eq!(unread.metric("portcullis_revocation_list_stale").await, Some(1.0));
}

#[tokio::test]
async fn whoever_waits_follows_or_is_connected_is_counted_until_the_end() {
    let latch = Latch::open();
    let app = Build::default().issued(latch.before_commit()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read portcullis:revocations").create().await;
    let feed = app.get("/oauth/revocations?nonce=0123456789abcdef").basic(key.id.as_str(), &key.secret);
    let stream = feed.header("accept", "text/event-stream").open().await.unwrap();
    assert_eq!(app.metric("portcullis_feed_streams").await, Some(1.0));
    drop(stream);
    assert_eq!(app.metric("portcullis_feed_streams").await, Some(0.0));

    let wire = app.listen();
    wire.assert_alive().await;
    let client = wire.connect().await;
    while app.metric("portcullis_connections").await != Some(1.0) {
        tokio::task::yield_now().await;
    }
    drop(client);
    wire.stop().await;
    assert_eq!(app.metric("portcullis_connections").await, Some(0.0));

    latch.close();
    let came = latch.came();
    let asked = || key.ask("scope=orders:read").send();
    // The second comes while the first is being committed.
    let second = async {
        latch.until_came(came + 1).await;
        asked().await
    };
    let while_closed = async {
        while app.metric("portcullis_issuance_waiting_tokens").await != Some(1.0) {
            tokio::task::yield_now().await;
        }
        latch.release();
    };
    let (first, second, ()) = tokio::join!(asked(), second, while_closed);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(app.metric("portcullis_issuance_waiting_tokens").await, Some(0.0));
}

#[tokio::test]
async fn the_page_holds_what_the_list_promises_and_labels_are_words_of_ours() {
    let app = App::start().await;
    let page = app.metrics().await;
    let told: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let listed: Vec<String> =
        ALL.iter().map(|metric| format!("{} {}", metric.name, metric.kind.as_str())).collect();
    assert_eq!(told, listed);
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let metric = ALL.iter().filter(|metric| name.starts_with(metric.name)).max_by_key(|m| m.name.len());
        let metric = metric.unwrap_or_else(|| panic!("not listed: {line}"));
        let labels = line.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
        let labels = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0));
        let labels: Vec<&str> = labels.filter(|label| *label != "le").collect();
        assert_eq!(labels, metric.labels, "{line}");
    }
}

#[test]
fn every_reason_of_a_refusal_is_counted_under_its_own_name() {
    let mut all: BTreeSet<&str> = TokenRefusal::ALL.into_iter().map(TokenRefusal::reason).collect();
    all.extend(RawKeyRefusal::ALL.map(RawKeyRefusal::reason));
    for status in [400, 401, 403, 429, 500, 503] {
        all.extend(portcullis::oauth::error_codes(StatusCode::from_u16(status).unwrap()));
    }
    let unknown: Vec<_> = all.iter().filter(|reason| !reasons().contains(reason)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(reasons().is_sorted() && reasons().len() < 64);
}

/// P7: wherever a secret is put, the page does not have it, nor anything else that a client wrote. The
/// page is left where the watch over the test looks for secrets.
#[tokio::test]
async fn whatever_a_client_writes_is_not_on_the_page() {
    const CANARY: &str = "psk_live_0123456789abcdef_Q1w2E3r4T5y6U7i8O9p0A1s2D3f4G5h6J7k8L9z0X1c2V3b4N";
    is_secret("a canary", CANARY);
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    app.request(Method::from_bytes(CANARY.as_bytes()).unwrap(), "/oauth/token").send().await;
    app.get(&format!("/{CANARY}")).send().await;
    app.get(&format!("/verify?project={CANARY}&scope={CANARY}")).bearer(CANARY).send().await;
    app.post("/oauth/token", &format!("grant_type={CANARY}")).basic(CANARY, CANARY).send().await;
    key.ask(&format!("scope={CANARY}&resource=urn%3A{CANARY}")).send().await;
    key.introspect(CANARY).await;
    app.get("/v1/auth/verify").bearer(&format!("{token}{CANARY}")).send().await;
    let page = app.metrics().await;
    for written in [CANARY, &token, key.id.as_str(), shop.project.id.as_str(), "192.0.2", "orders"] {
        assert!(!page.contains(written), "{written}");
    }
    fs::write(app.data_dir().join("metrics.txt"), page).unwrap();
}

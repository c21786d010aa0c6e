//! No oracle for strangers, and nothing for whoever forges (threat S42); no secret stays anywhere (S40).

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use axum::http::Method;
use portcullis::domain::{KeyState, OnLeak, ProjectKind, Secret};
use portcullis::keys::acts::{KeyAct, Why};
use serde_json::json;

use super::PATH;
use crate::support::{App, is_secret};

/// The same secret with another character in one place.
fn with_other(secret: &str, place: usize) -> String {
    let other = if &secret[place..=place] == "x" { "y" } else { "x" };
    format!("{}{other}{}", &secret[..place], &secret[place + 1..])
}

#[tokio::test]
async fn every_report_is_answered_alike_and_costs_the_same_whatever_was_reported() {
    let app = App::patient().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    mill.on_leak(OnLeak::Flag).await;
    let live = shop.key("api").create().await;
    let foreign = mill.key("api").create().await;
    let bound = shop.key("api").allow("10.0.0.0/8").create().await;
    let imported = shop.import("till-7", "correct horse battery staple", "api").await;
    let blocked = shop.key("api").create().await;
    blocked.act(KeyAct::Block).await;
    let deleted = shop.key("api").create().await;
    deleted.act(KeyAct::Delete).await;
    let rotated = shop.key("api").create().await;
    app.shell.regenerate(&rotated.id, Duration::ZERO, &Why::default()).await.unwrap();
    let soon = app.server.clock.now().after(Duration::from_secs(5));
    let expired = shop.key("api").with(|details| details.expires_at = Some(soon)).create().await;
    app.pass(Duration::from_secs(6)).await;
    let (_, nobodys) = Secret::generate(ProjectKind::Live, &[9; 48]);
    let forged = Secret::regenerate(&live.id, ProjectKind::Live, &[7; 32]);
    let cases = [
        ("nobody's", nobodys.expose().to_owned()),
        ("no secret at all", "hello".to_owned()),
        ("last byte wrong", with_other(&live.secret, live.secret.len() - 1)),
        ("names a key, checksum right", forged.expose().to_owned()),
        ("live", live.secret.clone()),
        ("live, again", live.secret.clone()),
        ("another tenant's, to be flagged", foreign.secret.clone()),
        ("bound to networks", bound.secret.clone()),
        ("imported", imported.secret.clone()),
        ("blocked", blocked.secret.clone()),
        ("deleted", deleted.secret.clone()),
        ("rotated", rotated.secret.clone()),
        ("expired", expired.secret.clone()),
        ("the administrator's", app.admin().secret.clone()),
    ];
    let mut seen = BTreeMap::<String, Vec<&str>>::new();
    for (name, secret) in &cases {
        let before = app.server.authenticator.digests();
        let answer = app.leak(&[secret]).send().await;
        let digests = app.server.authenticator.digests() - before;
        seen.entry(format!("{digests} digests, {}", answer.whole())).or_default().push(name);
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let only = seen.keys().next().unwrap();
    assert!(only.starts_with("1 digests, 202 ") && only.ends_with(r#"{"status":"received"}"#), "{only}");
    for key in [&live, &bound, &imported, &expired, &app.admin()] {
        assert_eq!(app.state_of(&key.id).await, KeyState::Blocked, "{}", key.id);
    }
    assert_eq!(app.state_of(&foreign.id).await, KeyState::Active);
}

#[tokio::test]
async fn a_forged_secret_does_nothing_however_well_it_names_a_key() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let (key, deleted) = (shop.key("api").create().await, shop.key("api").create().await);
    deleted.act(KeyAct::Delete).await;
    let before = app.traces().await;
    for key in [&key, &deleted] {
        for seed in 0..20 {
            let forged = Secret::regenerate(&key.id, ProjectKind::Live, &[seed; 32]);
            assert_eq!(forged.names_key().as_ref(), Some(&key.id));
            assert_eq!(app.leak(&[forged.expose()]).send().await.status, 202);
        }
    }
    for guess in [key.id.as_str(), "", " ", &key.secret[..60], &with_other(&key.secret, 40)] {
        app.leak(&["x", guess]).send().await;
    }
    assert_eq!(app.traces().await, before);
    assert_eq!((app.state_of(&key.id).await, app.flags_of(&key).await), (KeyState::Active, 0));
}

#[tokio::test]
async fn nothing_of_a_report_is_kept_that_holds_a_secret() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let imported = shop.import("till-7", "Zq9vT2mWx8RkLp4sYb7n", "api").await;
    let stranger = "hG5fD3sA1pO9iU7yT6rE4wQ2";
    is_secret("an imported secret", &imported.secret);
    is_secret("somebody else's secret", stranger);
    let escaped = imported.secret.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    for url in [
        format!("https://x.example/?key={}", key.secret),
        format!("https://{}@x.example/{stranger}", imported.secret),
        format!("https://x.example/#{escaped}"),
    ] {
        let body = json!({
            "secrets": [format!("KEY={}", key.secret), imported.secret, stranger], "source": url, "url": url,
        });
        assert_eq!(app.request(Method::POST, PATH).json(&body).send().await.status, 202);
        app.shell.clear_flags(&key.id, &Why::default()).await.unwrap();
        app.shell.clear_flags(&imported.id, &Why::default()).await.unwrap();
    }
    for broken in [
        format!("{{\"secrets\":[\"{}\"]", key.secret),
        format!("{{\"{}\":1}}", key.secret),
        format!("{{\"secrets\":[\"x\"],\"url\":{{\"{}\":1}}}}", key.secret),
    ] {
        let answer = app.request(Method::POST, PATH).header("content-type", "application/json");
        let answer = answer.body(broken.as_bytes()).send().await;
        assert_eq!(answer.status, 400);
        assert!(!answer.text().contains(&key.secret[..30]), "{}", answer.text());
    }
    assert_eq!(app.leaks_audited().await.iter().filter(|row| row["act"] == "leak.report").count(), 6);
    // Where the watch over the test looks for secrets.
    fs::write(app.data_dir().join("metrics.txt"), app.metrics().await).unwrap();
}

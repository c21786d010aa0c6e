//! `?wait=applied`: an act is answered when every server that may admit anybody has applied it.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use serde_json::{Value, json};

use super::no;
use crate::support::{App, Build};

fn standings(applied: &Value) -> Vec<&str> {
    applied["nodes"].as_array().unwrap().iter().map(|node| node["standing"].as_str().unwrap()).collect()
}

/// A server that follows in the background, as a running one does.
async fn following<T>(nodes: &[&App], until: impl Future<Output = T>) -> T {
    let follow = async {
        loop {
            for node in nodes {
                node.follow().await;
            }
            // Between polls a sign of life is given once a second.
            nodes[0].clock.advance(Duration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = follow => unreachable!("it follows for ever"),
        done = until => done,
    }
}

#[tokio::test]
async fn an_act_that_is_waited_for_names_every_server_that_has_applied_it() {
    let app = App::start().await;
    let node = app.second_node(Build::default()).await;
    let shop = app.tenant("shop").await;
    app.follow().await;
    let admin = app.administrator("").await;
    for act in ["block", "unblock", "revoke-tokens", "delete"] {
        let key = shop.key("orders").create().await;
        if act == "unblock" {
            key.act(KeyAct::Block).await;
        }
        let wait = if act == "unblock" { "" } else { "?wait=applied&timeout=60" };
        let path = format!("/admin/v1/keys/{}/{act}{wait}", key.id);
        let answer = following(&[&app, &node], admin.post(&path, &json!({}))).await;
        let done = answer.json();
        assert_eq!(answer.status, 200, "{done}");
        if act == "unblock" {
            assert_eq!(done["applied"], Value::Null, "nobody waited");
            continue;
        }
        let applied = &done["applied"];
        assert_eq!((&applied["complete"], &applied["position"]), (&json!(true), &done["position"]), "{done}");
        assert_eq!(standings(applied), ["applied", "applied"], "{done}");
        for node in applied["nodes"].as_array().unwrap() {
            assert!(node["applied"].as_u64() >= done["position"].as_u64(), "{done}");
            assert!(node["seen_at"].as_i64().is_some_and(|seen| seen <= app.now()), "{done}");
        }
    }
}

#[tokio::test]
async fn edits_and_single_tokens_are_waited_for_as_well() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let token = key.token("").await;
    let admin = app.administrator("").await;
    let jti = crate::support::part(&token, 1)["jti"].as_str().unwrap().to_owned();
    let revoke = format!("/admin/v1/tokens/{jti}/revoke?wait=applied");
    let revoked = following(&[&app], admin.post(&revoke, &json!({}))).await.json();
    assert_eq!(revoked["applied"]["complete"], true, "{revoked}");
    let edit = format!("/admin/v1/keys/{}?wait=applied", key.id);
    let patch = admin.send(axum::http::Method::PATCH, &edit).header("if-match", "*");
    let edited = following(&[&app], patch.json(&json!({ "allowlist": ["192.0.2.1"] })).send()).await.json();
    assert_eq!((&edited["tokens_revoked"], &edited["applied"]["complete"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn a_server_that_does_not_follow_is_named_and_the_act_is_done() {
    let app = App::start().await;
    let node = app.second_node(Build::default()).await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let token = key.token("").await;
    app.follow().await;
    let admin = app.administrator("").await;
    let path = format!("/admin/v1/keys/{}/block?wait=applied&timeout=1", key.id);
    let answer = following(&[&app], admin.post(&path, &json!({}))).await;
    let done = answer.json();
    assert_eq!((answer.status, &done["applied"]["complete"]), (200, &json!(false)), "{done}");
    let mut seen = standings(&done["applied"]);
    seen.sort_unstable();
    assert_eq!(seen, ["applied", "behind"]);
    assert_eq!(app.get("/v1/auth/verify").bearer(&token).send().await.status, 401, "it is done");

    // Nobody waits for a server that is silent for so long that it admits nobody.
    app.clock.advance(Duration::from_mins(1));
    app.follow().await;
    let admin = app.administrator("").await;
    let path = format!("/admin/v1/keys/{}/revoke-tokens?wait=applied&timeout=60", key.id);
    let other = shop.key("orders").create().await;
    let path = path.replace(key.id.as_str(), other.id.as_str());
    let done = following(&[&app], admin.post(&path, &json!({}))).await.json();
    let mut seen = standings(&done["applied"]);
    seen.sort_unstable();
    assert_eq!((&done["applied"]["complete"], seen), (&json!(true), vec!["applied", "stale"]), "{done}");
    assert_eq!(node.get("/v1/auth/verify").bearer(&token).send().await.status, 503, "nor does it");
}

#[tokio::test]
async fn what_cannot_be_waited_for_is_refused_before_anything_is_done() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let admin = app.administrator("").await;
    for query in [
        "wait=",
        "wait=done",
        "wait=applied&timeout=0",
        "wait=applied&timeout=61",
        "timeout=5",
        "wait=applied&timeout=x",
        "wait=applied&wait=applied",
        "waits=applied",
    ] {
        let path = format!("/admin/v1/keys/{}/block?{query}", key.id);
        assert_eq!(admin.post(&path, &json!({})).await.problem(), no(400, "invalid_request"), "{query}");
    }
    assert_eq!(admin.get(&format!("/admin/v1/keys/{}", key.id)).await.json()["state"], "active");
}

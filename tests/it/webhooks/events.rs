//! Which acts are told, to whom, and what is never told.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use portcullis::domain::audit::Act;
use portcullis::domain::webhook::{EVENTS, GROUPS, WebhookState, event_of};
use portcullis::domain::{ProjectId, RoleDetails};
use portcullis::keys::acts::{KeyAct, Why};
use serde_json::{Value, json};

use crate::support::{App, Receiver, deliveries};

/// The acts that nobody is told of. An act that is neither here nor an event is decided on by whoever adds it.
const UNTOLD: [&str; 23] = [
    "initialise",
    "issuer.change",
    "backup",
    "restore",
    "project.create",
    "scope.set",
    "scope.remove",
    "audience.add",
    "audience.remove",
    "project.edit",
    "token.revoke",
    "signing_key.rotate",
    "signing_key.retire",
    "signing_key.import",
    "signing_key.export",
    "master_key.rotate",
    "webhook.create",
    "webhook.edit",
    "webhook.delete",
    "webhook.rotate_secret",
    "webhook.test",
    "webhook.redeliver",
    "webhook.disable",
];

/// Every act, as `Act::as_str` writes it: there is no other list.
fn acts() -> BTreeSet<&'static str> {
    let source = include_str!("../../../src/domain/audit/mod.rs");
    let (_, list) = source.split_once("pub const fn as_str(self)").unwrap();
    let (list, _) = list.split_once("\n    }\n").unwrap();
    let acts: BTreeSet<_> = list
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.split_once('"'))
        .map(|(act, _)| act)
        .collect();
    assert!(acts.contains(Act::BlockKey.as_str()) && acts.len() > 30, "{acts:?}");
    acts
}

#[test]
fn every_act_is_an_event_that_can_be_asked_for_or_one_that_nobody_is_told_of() {
    let page = include_str!("../../../docs/webhooks.md");
    for act in acts() {
        let told = event_of(act).is_some();
        assert_ne!(told, UNTOLD.contains(&act), "{act}: told, or not?");
        assert_eq!(told, EVENTS.contains(&act), "{act} belongs into `domain::webhook::EVENTS`");
    }
    for event in EVENTS {
        assert!(page.contains(&format!("| `{event}` |")), "docs/webhooks.md does not know {event}");
    }
    for group in GROUPS {
        assert!(page.contains(&format!("`{group}.*`")), "docs/webhooks.md does not know {group}.*");
    }
}

/// Every act on a role of this project.
async fn a_role_comes_and_goes(app: &App, project: &ProjectId, why: &Why) {
    let role = "desk".parse().unwrap();
    let details = |permissions: &str| RoleDetails {
        description: "a description that stays at home".into(),
        permissions: permissions.parse().unwrap(),
    };
    app.shell.create_role(project, "desk".parse().unwrap(), details("orders")).await.unwrap();
    app.shell.edit_role(project, &role, |_| details("orders:read"), why).await.unwrap();
    app.shell.delete_role(project, &role, why).await.unwrap();
}

#[tokio::test]
async fn every_act_on_a_key_or_role_is_told_and_no_secret_is_in_anything_that_is_sent() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let (_, signing) = receiver.hook(&app, Some(&shop.project.id)).await;
    let why = Why { note: Some("a note that stays at home".into()), ..Why::default() };
    let key = shop.key("orders").allow("192.0.2.0/24").create().await;
    key.edit(|details| details.name = "a name that stays at home".into()).await;
    for act in [KeyAct::Block, KeyAct::Unblock, KeyAct::RevokeTokens] {
        app.shell.act_on_key(&key.id, act, &why).await.unwrap();
    }
    let (_, regenerated) = app.shell.regenerate(&key.id, Duration::from_mins(1), &why).await.unwrap();
    let (_, added) = app.shell.add_secret(&key.id, None, &why).await.unwrap();
    app.shell.expire_secret(&key.id, &added.id, Duration::ZERO, &why).await.unwrap();
    app.follow().await;
    let secrets = [regenerated.expose()];
    let found = json!({ "secrets": secrets, "source": "content", "url": "https://stays-at-home.example/" });
    assert_eq!(app.request(Method::POST, "/v1/leaks").json(&found).send().await.status, 202);
    app.shell.clear_flags(&key.id, &why).await.unwrap();
    app.shell.act_on_key(&key.id, KeyAct::Delete, &why).await.unwrap();
    a_role_comes_and_goes(&app, &shop.project.id, &why).await;
    for secret in [regenerated.expose(), added.secret.expose()] {
        crate::support::is_secret("a further secret", secret);
    }

    app.send_webhooks().await;

    let received = receiver.received();
    let told: BTreeSet<_> =
        received.iter().map(|received| received.json()["type"].as_str().unwrap().to_owned()).collect();
    let all: BTreeSet<_> =
        EVENTS.into_iter().filter(|event| *event != "key.import").map(ToOwned::to_owned).collect();
    assert_eq!(told, all);
    let sent = format!("{received:?}");
    for never in [
        key.secret.as_str(),
        regenerated.expose(),
        added.secret.expose(),
        &signing,
        "stays at home",
        "stays-at-home",
        "192.0.2.",
        "orders",
    ] {
        assert!(!sent.contains(never), "{never} was sent");
    }
    for received in &received {
        let data = received.json()["data"].clone();
        let members: BTreeSet<_> = data.as_object().unwrap().keys().cloned().collect();
        let known =
            ["project", "target", "actor", "audit_seq", "reason", "secret_id", "expires_at", "overlap_secs"];
        assert!(members.iter().all(|member| known.contains(&member.as_str())), "{data}");
        let is_of_role = received.json()["type"].as_str().unwrap().starts_with("role.");
        let target = if is_of_role { "desk" } else { key.id.as_str() };
        assert_eq!(
            (&data["target"], &data["project"]),
            (&Value::from(target), &Value::from(shop.project.id.as_str()))
        );
        assert_eq!(received.signed_by(&[&signing]), [&signing]);
    }
}

#[tokio::test]
async fn a_webhook_is_told_of_its_own_project_and_of_what_it_asked_for() {
    let app = App::with_webhooks().await;
    let [ours, theirs, all, blocks] =
        [Receiver::start().await, Receiver::start().await, Receiver::start().await, Receiver::start().await];
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    ours.hook(&app, Some(&shop.project.id)).await;
    theirs.hook(&app, Some(&mill.project.id)).await;
    all.hook(&app, None).await;
    blocks.hook_for(&app, &shop.project.id, &["key.block", "secret.*"]).await;
    let key = shop.key("orders").create().await;
    key.act(KeyAct::Block).await;
    app.shell.add_secret(&key.id, None, &Why::default()).await.unwrap();
    mill.key("orders").create().await;

    app.send_webhooks().await;

    let types = |receiver: &Receiver| {
        let mut types: Vec<_> = receiver.received().iter().map(|got| got.json()["type"].clone()).collect();
        types.sort_by_key(ToString::to_string);
        types
    };
    assert_eq!(types(&ours), ["key.block", "key.create", "secret.add"]);
    assert_eq!(types(&theirs), ["key.create"]);
    assert_eq!(types(&all), ["key.block", "key.create", "key.create", "secret.add"]);
    assert_eq!(types(&blocks), ["key.block", "secret.add"]);
}

#[tokio::test]
async fn an_act_that_fails_tells_nobody() {
    let (app, receiver) = (App::with_webhooks().await, Receiver::start().await);
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    app.shell.act_on_key(&key.id, KeyAct::Unblock, &Why::default()).await.unwrap_err();
    assert!(deliveries(&app, &hook).await.is_empty());
    app.set_webhook(&hook, WebhookState::Disabled).await;
    key.act(KeyAct::Block).await;
    assert!(deliveries(&app, &hook).await.is_empty(), "a disabled one wants nothing");
}

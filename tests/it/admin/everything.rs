//! Everything at once, by two nodes: acts on keys, secrets, roles, projects and webhooks, leaks, and keys that block
//! themselves. Whatever was done has its row in the chain; each event is told once, to its own project's receiver and
//! to that of all projects; and nobody is told a secret.

use std::collections::BTreeSet;
use std::sync::Mutex;

use axum::http::Method;
use portcullis::domain::audit::AuditRow;
use portcullis::domain::webhook::event_of;
use serde_json::{Value, json};

use super::audit::Reader;
use super::{Administrator, key_of};
use crate::store::audit::chain_holds;
use crate::support::{ALLOW, Answer, App, Build, LOOPBACK, Listed as _, Receiver, is_secret};

const KEYS: &str = "/admin/v1/keys";
/// How many keys live at the same time.
const LIVES: usize = 6;
/// How often others edit what these keys depend on.
const EDITS: usize = 12;

/// All secrets that were said.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Said {
    /// That of this answer, if it has one.
    fn by(&self, answer: &Answer) -> Option<String> {
        let secret = answer.json()["secret"].as_str()?.to_owned();
        is_secret("a secret among many", &secret);
        self.0.lock().unwrap().push(secret.clone());
        Some(secret)
    }
}

/// It is asked for until nobody else is quicker: then it is done, or refused as things are.
async fn done(ask: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = ask().await;
        let code = if answer.status < 300 { Value::Null } else { answer.json()["code"].clone() };
        if code != "conflict" && code != "precondition_failed" {
            assert!(answer.status < 300 || code == "refused", "{} {}", answer.status, answer.text());
            return answer;
        }
    }
}

/// Strangers and holders are asked to come again where ten tries have met as many edits of the project.
async fn at_last(ask: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
    }
}

/// A key from its making to its end.
async fn life(who: &Administrator<'_>, project: &str, said: &Said) {
    let mut body = key_of(&project, "a name that stays at home", &["orders"]);
    body["role"] = json!("desk");
    let made = done(async || who.post(KEYS, &body).await).await;
    let key = format!("{KEYS}/{}", made.json()["key_id"].as_str().unwrap());
    said.by(&made);
    let act = async |act: &str| {
        let path = format!("{key}/{act}");
        done(async || who.post(&path, &json!({ "note": "at home" })).await).await
    };
    let edit = json!({ "permissions": ["orders", "vouchers"], "role": null });
    done(async || who.send(Method::PATCH, &key).header("if-match", "*").json(&edit).send().await).await;
    said.by(&act("secrets").await);
    let secret = said.by(&act("regenerate").await).unwrap();
    act("revoke-tokens").await;
    for texts in [json!([secret]), json!([secret, format!("KEY={secret}")])] {
        let found = json!({ "secrets": texts, "source": "content", "url": format!("https://x/?k={secret}") });
        let report = async || who.app.request(Method::POST, "/v1/leaks").json(&found).send().await;
        assert_eq!(at_last(report).await.status, 202);
    }
    act("clear-flags").await;
    act("unblock").await;
    let own = at_last(async || who.app.post("/v1/key/block", "").bearer(&secret).send().await).await;
    assert_eq!(own.status, 200, "{}", own.text());
    act("delete").await;
}

/// What keys depend on, edited beside them.
async fn edits(who: &Administrator<'_>, project: &str, hook: &str) {
    for n in 0..EDITS {
        let patch = async |path: String, body: Value| {
            let ask =
                async || who.send(Method::PATCH, &path).header("if-match", "*").json(&body).send().await;
            done(ask).await
        };
        let role = if n % 2 == 0 { json!(["orders", "refunds"]) } else { json!(["orders"]) };
        let policy = if n % 3 == 0 { "flag" } else { "block" };
        let at = format!("/admin/v1/projects/{project}");
        patch(format!("{at}/roles/desk"), json!({ "permissions": role })).await;
        patch(at, json!({ "on_leak": policy })).await;
        patch(format!("/admin/v1/webhooks/{hook}"), json!({ "description": format!("edit {n}") })).await;
    }
}

/// The numbers of the rows that somebody has followed, up to the one of this project.
async fn followed(reader: &mut Reader, last: &str) -> Vec<i64> {
    let mut numbers = vec![reader.begin().await];
    loop {
        let row = reader.row().await;
        numbers.push(row["seq"].as_i64().unwrap());
        if row["detail"]["name"] == last {
            return numbers;
        }
    }
}

/// Number and type of each event that was received, in order.
fn told(receiver: &Receiver) -> Vec<(i64, String)> {
    let event = |body: Value| {
        (body["data"]["audit_seq"].as_i64().unwrap(), body["type"].as_str().unwrap().to_owned())
    };
    let mut told: Vec<_> = receiver.received().iter().map(|received| event(received.json())).collect();
    told.sort();
    told
}

#[tokio::test]
async fn of_many_acts_at_once_each_is_told_once_to_its_own_and_the_chain_holds() {
    let app = App::with_webhooks().await;
    let node = app.second_node(Build::default().set(ALLOW, LOOPBACK)).await;
    let (shop, mill) = (app.tenant("shop").await.project.id, app.tenant("mill").await.project.id);
    let [ours, theirs, all] = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    let (of_shop, _) = ours.hook(&app, Some(&shop)).await;
    let (of_mill, _) = theirs.hook(&app, Some(&mill)).await;
    all.hook(&app, None).await;
    node.follow().await;
    let here = app.administrator("").await;
    let there = Administrator { app: &node, token: here.token.clone() };
    for project in [&shop, &mill] {
        let roles = format!("/admin/v1/projects/{project}/roles");
        assert_eq!(
            here.post(&roles, &json!({ "role": "desk", "permissions": ["orders"] })).await.status,
            201
        );
    }

    let said = Said::default();
    let lives = (0..LIVES).map(|n| {
        let who = if n % 2 == 0 { &here } else { &there };
        life(who, if n % 3 == 0 { mill.as_str() } else { shop.as_str() }, &said)
    });
    let mut reader = Reader::of(&there, "?after=0", None).await;
    let acts = async {
        tokio::join!(
            futures_util::future::join_all(lives),
            edits(&here, shop.as_str(), of_shop.as_str()),
            edits(&there, mill.as_str(), of_mill.as_str()),
        );
        assert_eq!(here.post("/admin/v1/projects", &json!({ "name": "the end" })).await.status, 201);
    };
    let (seen, ()) = tokio::join!(followed(&mut reader, "the end"), acts);
    tokio::join!(app.send_webhooks(), node.send_webhooks());

    let sealed = app.shell.store.audit(0, 100_000).await.unwrap();
    assert!(chain_holds(&sealed));
    let last = i64::try_from(sealed.len()).unwrap();
    assert_eq!(seen, (0..=last).collect::<Vec<_>>(), "whoever follows misses nothing and sees nothing twice");
    let rows: Vec<AuditRow> = sealed.into_iter().map(|sealed| sealed.row).collect();
    let events = |project: Option<&str>| {
        let wanted = |row: &&AuditRow| {
            event_of(&row.act).is_some() && (project.is_none() || row.project.as_deref() == project)
        };
        rows.iter().filter(wanted).map(|row| (row.seq, row.act.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&ours), events(Some(shop.as_str())));
    assert_eq!(told(&theirs), events(Some(mill.as_str())));
    assert_eq!(told(&all), events(None));
    let acts: BTreeSet<&str> = rows.iter().map(|row| row.act.as_str()).collect();
    for act in ["key.create", "key.edit", "key.block", "key.delete", "leak.report", "leak.clear", "role.edit"]
    {
        assert!(acts.contains(act), "{act} was never done: {acts:?}");
    }
    let (sent, written) = (format!("{:?}", all.received()), format!("{rows:?}"));
    let secrets = said.0.into_inner().unwrap();
    assert_eq!(secrets.len(), 3 * LIVES);
    for secret in &secrets {
        assert!(!sent.contains(secret.as_str()) && !written.contains(secret.as_str()));
    }
    assert!(!sent.contains("at home"));
}

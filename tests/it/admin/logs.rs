//! What was minted, what was revoked, what was done: found by those who may look.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use serde_json::{Value, json};

use super::{Administrator, no};
use crate::support::{App, Key, Listed as _, part};

fn all(page: &Value, name: &str) -> Vec<Value> {
    page["items"].as_array().unwrap().iter().map(|row| row[name].clone()).collect()
}

async fn minted(key: &Key<'_>, address: &str) -> Value {
    let token = key.ask("").from(address).send().await.token();
    part(&token, 1)["jti"].clone()
}

#[tokio::test]
async fn issued_tokens_are_found_by_key_subject_address_and_time() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let (till, door) = (shop.key("orders").create().await, shop.key("doors").create().await);
    let saw = mill.key("orders").create().await;
    let first = minted(&till, "192.0.2.10").await;
    app.pass(Duration::from_secs(10)).await;
    let then = app.now();
    let second = minted(&till, "::ffff:198.51.100.7").await;
    app.pass(Duration::from_secs(10)).await;
    let (third, foreign) = (minted(&door, "2001:db8::1").await, minted(&saw, "192.0.2.10").await);
    let whole = app.administrator("portcullis:keys:read").await;
    let limited = app.administrator(&format!("portcullis:project:{}:keys:read", shop.project.id)).await;
    for (query, found, limited_found) in [
        (format!("key={}", till.id), vec![&second, &first], vec![&second, &first]),
        (format!("project={}&sub={}", shop.project.id, door.id), vec![&third], vec![&third]),
        (format!("key={}", saw.id), vec![&foreign], vec![]),
        ("address=198.51.100.7".into(), vec![&second], vec![&second]),
        ("address=::ffff:198.51.100.7".into(), vec![&second], vec![&second]),
        ("address=2001:0db8:0::1".into(), vec![&third], vec![&third]),
        (format!("since={then}&until={}&key={}", then + 1, till.id), vec![&second], vec![&second]),
        (format!("until={then}&key={}", till.id), vec![&first], vec![&first]),
        (format!("since={then}&until={then}"), vec![], vec![]),
        ("sub=nobody".into(), vec![], vec![]),
    ] {
        let path = format!("/admin/v1/tokens?{query}");
        for (who, found) in [(&whole, found), (&limited, limited_found)] {
            let page = who.get(&path).await.json();
            assert_eq!(all(&page, "jti").iter().collect::<Vec<_>>(), found, "{query}");
        }
    }
    let mut rest = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = limited.get(&format!("/admin/v1/tokens?limit=2{cursor}")).await.json();
        rest.extend(all(&page, "jti"));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(rest, [third, second, first.clone()]);
    let one = |jti: &Value| format!("/admin/v1/tokens/{}", jti.as_str().unwrap());
    assert_eq!(limited.get(&one(&first)).await.json()["key_id"], json!(till.id));
    assert_eq!(limited.get(&one(&foreign)).await.problem(), no(404, "not_found"));
    assert_eq!(whole.get("/admin/v1/tokens/AAAAAAAAAAAAAAAAAAAAAA").await.problem(), no(404, "not_found"));
    for wrong in [
        "address=x",
        "address=010.0.0.1",
        "since=-1",
        "since=1e9",
        "until=9999999999999",
        "key=a%20b",
        "sub=%00",
    ] {
        let refused = whole.get(&format!("/admin/v1/tokens?{wrong}")).await;
        assert_eq!(refused.problem(), no(400, "invalid_request"), "{wrong}");
    }
}

#[tokio::test]
async fn one_token_is_revoked_by_its_id_and_the_others_live() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let key = shop.key("orders").create().await;
    let (leaked, other) = (key.token("").await, key.token("").await);
    let guard = app.administrator(&format!("portcullis:project:{}:tokens:revoke", shop.project.id)).await;
    let stranger = app.administrator(&format!("portcullis:project:{}:tokens:revoke", mill.project.id)).await;
    let reader = app.administrator("portcullis:keys:read").await;
    let jti = part(&leaked, 1)["jti"].as_str().unwrap().to_owned();
    let path = format!("/admin/v1/tokens/{jti}/revoke");
    let why = json!({ "reason": "key_compromise", "note": "in a log" });
    assert_eq!(stranger.post(&path, &why).await.problem(), no(404, "not_found"));
    assert_eq!(reader.post(&path, &why).await.problem(), no(403, "insufficient_scope"));
    assert!(key.introspect(&leaked).await.is_active());

    let revoked = guard.post(&path, &why).await;
    assert_eq!((revoked.status, revoked.json()["jti"].clone()), (200, json!(jti)), "{}", revoked.text());
    assert!(!key.introspect(&leaked).await.is_active(), "at once, on the node that took the order");
    assert!(key.introspect(&other).await.is_active());
    let rows = app.shell.store.audit(0, 1000).await.unwrap();
    let row = &rows.last().unwrap().row;
    assert_eq!((row.act.as_str(), row.target.as_str()), ("token.revoke", jti.as_str()));
    assert!(row.detail.contains("in a log") && row.actor.starts_with("key:"), "{row:?}");

    let listed = reader.get(&format!("/admin/v1/revocations?revoke=token&project={}", shop.project.id)).await;
    assert_eq!(all(&listed.json(), "jti"), [json!(jti)]);
    app.pass(Duration::from_mins(15)).await;
    let guard = app.administrator(&format!("portcullis:project:{}:tokens:revoke", shop.project.id)).await;
    assert_eq!(guard.post(&path, &why).await.problem(), no(409, "refused"), "there is nothing left of it");
}

#[tokio::test]
async fn revocations_are_listed_until_they_end_and_by_whose_they_are() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let (till, saw) = (shop.key("orders").create().await, mill.key("orders").create().await);
    let kid = part(&till.token("").await, 0)["kid"].as_str().unwrap().parse().unwrap();
    till.act(KeyAct::Block).await;
    saw.act(KeyAct::Block).await;
    app.shell.retire_signing_key(&kid, &portcullis::keys::acts::Why::default()).await.unwrap();
    app.follow().await;
    let whole = app.administrator("portcullis:keys:read").await;
    let limited = app.administrator(&format!("portcullis:project:{}:keys:read", shop.project.id)).await;
    let list = "/admin/v1/revocations";
    let (page, narrow) = (whole.get(list).await.json(), limited.get(list).await.json());
    assert_eq!(all(&page, "revoke"), ["signing_key", "key", "key"]);
    assert_eq!(all(&page, "key_id"), [Value::Null, json!(saw.id), json!(till.id)]);
    assert_eq!(all(&page, "kid")[0], json!(kid));
    assert_eq!(all(&narrow, "key_id"), [Value::Null, json!(till.id)]);
    assert_eq!(
        all(&whole.get(&format!("{list}?revoke=key&limit=1")).await.json(), "key_id"),
        [json!(saw.id)]
    );
    assert_eq!(whole.get(&format!("{list}?revoke=x")).await.problem(), no(400, "invalid_request"));
    assert_eq!(limited.get(&format!("{list}?project={}", mill.project.id)).await.status, 403);
    app.pass(Duration::from_secs(3601)).await;
    let whole = app.administrator("portcullis:keys:read").await;
    assert_eq!(all(&whole.get(list).await.json(), "revoke"), ["signing_key"]);
}

#[tokio::test]
async fn the_audit_log_is_searched_and_shows_a_project_nothing_of_others() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let till = shop.key("orders").create().await;
    mill.key("orders").create().await;
    app.pass(Duration::from_secs(10)).await;
    till.act(KeyAct::Block).await;
    let whole = app.administrator("portcullis:audit:read").await;
    let limited = app.administrator(&format!("portcullis:project:{}:audit:read", shop.project.id)).await;
    let list = |query: &str| format!("/admin/v1/audit?{query}");
    let every = whole.get(&list("limit=1000")).await.json();
    let rows = app.shell.store.audit(0, 1000).await.unwrap();
    assert_eq!(all(&every, "seq"), rows.iter().map(|row| json!(row.row.seq)).collect::<Vec<_>>());
    let newest = whole.get(&list("order=newest&limit=1")).await.json();
    assert_eq!(
        (all(&newest, "act"), all(&newest, "target")),
        (vec![json!("key.block")], vec![json!(till.id)])
    );
    let before =
        whole.get(&list(&format!("order=newest&limit=1&cursor={}", newest["next"].as_str().unwrap()))).await;
    assert_eq!(all(&before.json(), "seq"), [json!(rows.len() - 1)]);
    let of_shop = limited.get("/admin/v1/audit").await.json();
    assert_eq!(all(&of_shop, "act"), ["project.create", "key.create", "key.block"]);
    assert!(all(&of_shop, "project").iter().all(|project| *project == json!(shop.project.id)));
    for (query, found) in [
        ("act=key.block".to_owned(), 1),
        (format!("target={}", till.id), 2),
        (format!("since={}", app.now()), 1),
        (format!("project={}&until={}", shop.project.id, app.now()), 2),
        ("actor=local:0&act=key.create".into(), 2),
        ("actor=nobody".into(), 0),
    ] {
        assert_eq!(all(&whole.get(&list(&query)).await.json(), "seq").len(), found, "{query}");
    }
    assert_eq!(
        limited.get(&list(&format!("project={}", mill.project.id))).await.problem(),
        no(403, "insufficient_scope")
    );
    assert_eq!(whole.get(&list("order=sideways")).await.problem(), no(400, "invalid_request"));
}

#[tokio::test]
async fn nodes_tell_anybody_with_a_right_who_has_applied_what() {
    let app = App::start().await;
    let node = app.second_node(crate::support::Build::default()).await;
    app.pass(Duration::from_secs(6)).await;
    node.follow().await;
    let shop = app.tenant("shop").await;
    let scope = format!("portcullis:project:{}:tokens:revoke", shop.project.id);
    let page = app.administrator(&scope).await.get("/admin/v1/nodes").await.json();
    assert_eq!(all(&page, "node").len(), 2, "{page}");
    let (applied, position) = (all(&page, "applied"), all(&page, "position"));
    assert!(applied.iter().zip(&position).all(|(a, p)| a.as_u64() <= p.as_u64()), "{page}");
    // A token of an administrator's key that holds no right of an administrator.
    let details = portcullis::domain::KeyDetails {
        name: "idle".into(),
        permissions: "portcullis:introspect".parse().unwrap(),
        ..Default::default()
    };
    let (key, secret) = app.shell.create_key(&app.admin().project, details).await.unwrap();
    let idle = Key { app: &app, id: key.id, project: key.project, secret: secret.expose().to_owned() };
    assert_eq!(
        Administrator::with(&idle).await.get("/admin/v1/nodes").await.problem(),
        no(403, "insufficient_scope")
    );
}

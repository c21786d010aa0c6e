//! Whose token opens what (threats S44, S50).

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Method;
use portcullis::keys::acts::KeyAct;
use serde_json::json;

use super::{Administrator, key_of, no};
use crate::support::{App, Build, Hand};

const KEYS: &str = "/admin/v1/keys";

#[tokio::test]
async fn only_a_live_token_of_an_administrator_for_this_surface_opens_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let tenant = shop.key("orders portcullis:introspect").create().await;
    let get = || app.administer(Method::GET, KEYS);
    let bare = get().send().await;
    assert_eq!(bare.problem(), no(401, "invalid_token"));
    assert_eq!(bare.header("www-authenticate"), "Bearer realm=\"portcullis\"");
    let basic = get().basic(app.admin().id.as_str(), &app.admin().secret).send().await;
    assert_eq!(basic.problem(), no(401, "invalid_token"), "a secret is no token");
    assert_eq!(get().bearer(&app.admin().secret).send().await.problem(), no(401, "invalid_token"));
    assert_eq!(get().bearer("a b").send().await.problem(), no(400, "invalid_request"));
    let foreign = get().bearer(&tenant.token("orders").await).send().await;
    assert_eq!(foreign.problem(), no(401, "invalid_token"));
    assert_eq!(foreign.json()["reason"], "project");
    assert!(foreign.header("www-authenticate").contains("reason=\"project\""));

    let token = app.admin().token("").await;
    assert_eq!(get().bearer(&token).send().await.status, 200);
    app.admin().act(KeyAct::RevokeTokens).await;
    app.follow().await;
    let dead = get().bearer(&token).send().await;
    assert_eq!((dead.problem(), dead.json()["reason"].clone()), (no(401, "invalid_token"), json!("revoked")));
    let token = app.admin().token("").await;
    app.pass(Duration::from_secs(900)).await;
    assert_eq!(get().bearer(&token).send().await.json()["reason"], "expired");
}

#[tokio::test]
async fn an_administrator_is_bound_to_the_addresses_of_their_key() {
    let app = App::start().await;
    let admin = app.admin();
    admin.edit(|details| details.allowlist = "192.0.2.0/24".parse().unwrap()).await;
    app.follow().await;
    let token = admin.token("").await;
    let from = |address: &str| app.administer(Method::GET, KEYS).bearer(&token).from(address).send();
    assert_eq!(from("192.0.2.77").await.status, 200);
    let elsewhere = from("198.51.100.1").await;
    assert_eq!((elsewhere.problem().0, elsewhere.json()["reason"].clone()), (403, json!("address")));
    let nowhere = app.administer(Method::GET, KEYS).bearer(&token).without_address().send().await;
    assert_eq!(nowhere.status, 403);
}

#[tokio::test]
async fn nobody_is_admitted_who_cannot_be_judged() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let admin = app.administrator("").await;
    hand.no_feed.store(true, Ordering::SeqCst);
    app.clock.advance(Duration::from_mins(1));
    let refused = admin.get(KEYS).await;
    assert_eq!(refused.problem(), no(503, "temporarily_unavailable"));
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn a_token_is_narrowed_to_a_right_and_to_a_project() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let (ours, theirs) = (shop.key("orders").create().await, mill.key("orders").create().await);
    let whole = app.administrator("").await;
    let reader = app.administrator("portcullis:keys:read").await;
    let limited = app.administrator(&format!("portcullis:project:{}:keys:write", shop.project.id)).await;
    let auditor = app.administrator("portcullis:audit:read").await;
    let show = |key: &str| format!("{KEYS}/{key}");
    let (ours, theirs) = (show(ours.id.as_str()), show(theirs.id.as_str()));
    for (who, ours_is, theirs_is) in
        [(&whole, 200, 200), (&reader, 200, 200), (&limited, 200, 404), (&auditor, 403, 403)]
    {
        assert_eq!((who.get(&ours).await.status, who.get(&theirs).await.status), (ours_is, theirs_is));
    }
    // What is another's cannot be told from what is not there.
    let foreign = limited.get(&theirs).await.whole();
    assert_eq!(foreign, limited.get(&show("pk_live_0000000000000000")).await.whole());
    for act in ["block", "unblock", "delete", "revoke-tokens", "regenerate", "secrets"] {
        let (ours, theirs) = (format!("{ours}/{act}"), format!("{theirs}/{act}"));
        for (who, path, status, code) in [
            (&reader, &ours, 403, "insufficient_scope"),
            (&auditor, &ours, 403, "insufficient_scope"),
            (&limited, &theirs, 404, "not_found"),
        ] {
            assert_eq!(who.post(path, &json!({})).await.problem(), no(status, code), "{path}");
        }
    }
    let refused = reader.post(KEYS, &key_of(&shop.project.id, "k", &[])).await;
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"portcullis:keys:write\""), "{challenge}");
    let made = limited.post(KEYS, &key_of(&mill.project.id, "k", &[])).await;
    assert_eq!(made.problem(), no(403, "insufficient_scope"));
    assert_eq!(
        limited.post(KEYS, &key_of(&"prj_none", "k", &[])).await.problem(),
        no(403, "insufficient_scope")
    );
    assert_eq!(whole.post(KEYS, &key_of(&"prj_none", "k", &[])).await.problem(), no(404, "not_found"));
    assert_eq!(limited.post(KEYS, &key_of(&shop.project.id, "k", &[])).await.status, 201);
}

#[tokio::test]
async fn whoever_may_revoke_tokens_does_that_and_nothing_else() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders").create().await;
    let token = key.token("").await;
    let guard = app.administrator(&format!("portcullis:project:{}:tokens:revoke", shop.project.id)).await;
    let path = format!("{KEYS}/{}", key.id);
    assert_eq!(guard.get(&path).await.status, 403);
    assert_eq!(guard.post(&format!("{path}/block"), &json!({})).await.status, 403);
    let revoked = guard.post(&format!("{path}/revoke-tokens"), &json!({ "reason": "key_compromise" })).await;
    assert_eq!((revoked.status, revoked.json()["tokens_revoked"].clone()), (200, json!(true)));
    // Before the feed is read again: whoever took the order knows at once.
    assert!(!key.introspect(&token).await.is_active());
}

#[tokio::test]
async fn a_token_asks_for_no_more_than_its_key_holds() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let whole = app.administrator("").await;
    let limited = format!("portcullis:project:{}:keys:write", shop.project.id);
    let key = whole.make_key(&key_of(&"portcullis", "limited", &[&limited])).await;
    app.follow().await;
    for narrower in
        [limited.clone(), limited.replace("write", "read"), limited.replace("keys:write", "tokens:revoke")]
    {
        assert_eq!(key.ask(&format!("scope={narrower}")).send().await.status, 200, "{narrower}");
    }
    for wider in [
        "portcullis:keys:write".to_owned(),
        "portcullis:keys:read".to_owned(),
        "portcullis:project:prj_other:keys:read".to_owned(),
        limited.replace("keys:write", "projects:read"),
    ] {
        assert_eq!(
            key.ask(&format!("scope={wider}")).send().await.refusal(),
            no(400, "invalid_scope"),
            "{wider}"
        );
    }
    assert_eq!(Administrator::with(&key).await.get(KEYS).await.json()["items"], json!([]));
}

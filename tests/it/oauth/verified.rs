//! Tokens that were looked at before: nothing but the signature is taken on trust (threat S28).

use std::time::Duration;

use portcullis::keys::acts::{KeyAct, Why};
use portcullis::time::Clock as _;

use crate::support::{App, Build, Key, Tenant, part};

const VERIFY: &str = "/v1/auth/verify";

/// How many tokens are remembered.
fn remembered(app: &App) -> u64 {
    let shown = format!("{:?}", app.server.verified);
    shown.split("remembered: ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
}

/// A token that every judge has seen and let pass.
async fn seen(app: &App, key: &Key<'_>, witness: &Key<'_>) -> String {
    let token = key.token("").await;
    for _ in 0..2 {
        assert_eq!(app.get(VERIFY).bearer(&token).send().await.status, 200);
        assert!(key.introspect(&token).await.is_active() && witness.introspect(&token).await.is_active());
    }
    token
}

async fn witness<'a>(shop: &'a Tenant<'a>) -> Key<'a> {
    shop.key("portcullis:introspect").create().await
}

/// Refused by all, the bearer's own judge saying why.
async fn assert_dead(app: &App, token: &str, (key, witness): (&Key<'_>, &Key<'_>), reason: &str) {
    let answer = app.get(VERIFY).bearer(token).send().await;
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (401, Some(reason)), "{}", answer.text());
    assert!(!witness.introspect(token).await.is_active());
    let own = key.introspect(token).await;
    assert!(own.status == 401 || !own.is_active(), "{reason}");
}

#[tokio::test]
async fn one_token_is_remembered_once_for_all_endpoints() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, witness) = (shop.key("api").create().await, witness(&shop).await);
    assert_eq!(remembered(&app), 0);
    let token = seen(&app, &key, &witness).await;
    assert_eq!(remembered(&app), 1);
    for refused in [&token[..token.len() - 1], "nonsense", &format!("{token}=")] {
        assert_eq!(app.get(VERIFY).bearer(refused).send().await.status, 401);
    }
    assert_eq!(remembered(&app), 1);
}

#[tokio::test]
async fn a_token_that_was_let_pass_is_refused_once_it_is_revoked() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, witness) = (shop.key("api").create().await, witness(&shop).await);
    let token = seen(&app, &key, &witness).await;
    assert_eq!(key.post("/oauth/revoke", &format!("token={token}")).send().await.status, 200);
    assert_dead(&app, &token, (&key, &witness), "revoked").await;

    let token = seen(&app, &key, &witness).await;
    key.act(KeyAct::Block).await;
    app.follow().await;
    assert_dead(&app, &token, (&key, &witness), "revoked").await;
}

#[tokio::test]
async fn a_token_that_was_let_pass_is_refused_when_its_time_is_over() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, witness) = (shop.key("api").create().await, witness(&shop).await);
    let token = key.ask("expires_in=30").send().await.token();
    assert_eq!(app.get(VERIFY).bearer(&token).send().await.status, 200);
    app.pass(Duration::from_secs(30)).await;
    assert_dead(&app, &token, (&key, &witness), "expired").await;
    // Set back, the clock makes it live again, as it would without a memory.
    app.clock.step_wall_back(Duration::from_secs(20));
    assert_eq!(app.get(VERIFY).bearer(&token).send().await.status, 200);
}

#[tokio::test]
async fn a_signing_key_that_is_retired_or_gone_takes_its_tokens_along() {
    let app = Build::default().set("PORTCULLIS_REVOCATION_POLL", "5s").start().await;
    let shop = app.tenant("shop").await;
    let (key, witness) = (shop.key("api").create().await, witness(&shop).await);
    let token = seen(&app, &key, &witness).await;
    let kid = part(&token, 0)["kid"].as_str().unwrap().parse().unwrap();
    app.shell.retire_signing_key(&kid, &Why::default()).await.unwrap().unwrap();
    app.follow().await;
    // Gone from the published keys, and revoked besides.
    assert!(app.server.keyring.public(app.clock.now()).ids().all(|published| *published != kid));
    let answer = app.get(VERIFY).bearer(&token).send().await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert!(!witness.introspect(&token).await.is_active() && !key.introspect(&token).await.is_active());
    seen(&app, &key, &witness).await;
}

#[tokio::test]
async fn scope_address_audience_and_project_are_judged_for_each_who_asks() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    shop.audience("https://orders.example.com").await;
    let default = format!("{}/projects/{}", crate::support::ISSUER, shop.project.id);
    let key = shop.key("api").allow("192.0.2.0/24").audiences(&[&default]).create().await;
    let elsewhere =
        shop.key("portcullis:introspect").audiences(&["https://orders.example.com"]).create().await;
    let (witness, stranger, plain) =
        (witness(&shop).await, witness(&rival).await, shop.key("api").create().await);
    let token = seen(&app, &key, &witness).await;
    let verify = |query: &str| app.get(&format!("{VERIFY}{query}")).bearer(&token);

    assert_eq!(verify("?scope=other").send().await.status, 403);
    assert_eq!(verify("").from("198.51.100.1").send().await.status, 403);
    assert_eq!(verify("").without_address().send().await.status, 403);
    for asker in [&elsewhere, &stranger, &plain] {
        assert!(!asker.introspect(&token).await.is_active());
    }
    for more in ["&scope=other", "&client_ip=198.51.100.1"] {
        let asked = witness.post("/oauth/introspect", &format!("token={token}{more}"));
        assert!(!asked.send().await.is_active(), "{more}");
    }
    assert_eq!(verify("?scope=api").send().await.status, 200);
    assert!(witness.introspect(&token).await.is_active());
}

#[tokio::test]
async fn a_list_that_is_too_old_lets_nobody_pass_whoever_passed_before() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, witness) = (shop.key("api").create().await, witness(&shop).await);
    let token = seen(&app, &key, &witness).await;
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(app.get(VERIFY).bearer(&token).send().await.status, 503);
    assert_eq!(witness.introspect(&token).await.status, 503);
}

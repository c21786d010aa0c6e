//! Following with a token: for the feed alone, and judged like any other.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;

use super::{FEED, NONCE, Watcher, targets};
use crate::support::{Answer, App, Send, escape, part};

fn ask(app: &App, token: &str) -> Send {
    app.get(&format!("{FEED}?nonce={NONCE}")).bearer(token)
}

/// Why a token was refused.
fn reason(answer: &Answer) -> (u16, String) {
    assert!(answer.header("www-authenticate").starts_with("Bearer "), "{}", answer.text());
    (answer.status, answer.json()["reason"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn only_a_key_that_may_follow_gets_a_token_for_the_feed_and_for_nothing_beside_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.audience("urn:a").await;
    let permissions = "orders:read portcullis:revocations";
    let key = shop.key(permissions).audiences(&["urn:a"]).create().await;
    let stranger = shop.key("orders:read portcullis:introspect").create().await;
    let feed = escape(&format!("{}/feed", app.server.issuer));
    for (what, key, asked, granted) in [
        ("by name", &key, format!("resource={feed}&scope=portcullis%3Arevocations"), true),
        ("twice", &key, format!("resource={feed}&audience={feed}&scope=portcullis%3Arevocations"), true),
        ("beside another", &key, format!("resource={feed}&audience=urn%3Aa"), false),
        ("below it", &key, format!("resource={feed}%2F"), false),
        ("without the permission", &stranger, format!("resource={feed}"), false),
        ("an administrator's", &app.admin(), format!("resource={feed}"), false),
    ] {
        let answer = key.ask(&asked).send().await;
        if granted {
            assert_eq!(part(&answer.token(), 1)["aud"], format!("{}/feed", app.server.issuer), "{what}");
        } else {
            assert_eq!(answer.refusal(), (400, "invalid_target".into()), "{what}");
        }
    }
}

#[tokio::test]
async fn a_token_follows_the_feed_of_its_project() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let (watcher, rivals) = (Watcher::of(&shop).await, Watcher::of(&rival).await);
    let token = watcher.token("").await;
    let rivals_token = rivals.token("").await;
    let key = shop.key("orders:read").create().await;
    key.act(KeyAct::Block).await;
    app.follow().await;

    let mine = watcher.read(&ask(&app, &token).send().await).await.unwrap();
    assert_eq!(targets(&mine), targets(&watcher.ask(0).await));
    let others = rivals.read(&ask(&app, &rivals_token).send().await).await.unwrap();
    assert!(targets(&mine).len() == 1 && targets(&others).is_empty(), "P10");
    let known = ask(&app, &token).header("if-none-match", "*").send().await;
    assert_eq!(known.status, 304);
}

#[tokio::test]
async fn a_token_is_judged_as_everywhere() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let key = shop.key("orders:read portcullis:revocations").allow("10.0.0.0/8").create().await;
    let feed = escape(&format!("{}/feed", app.server.issuer));
    let mint = async |more: &str| key.ask(more).from("10.1.1.1").send().await.token();
    let follows = format!("resource={feed}&scope=portcullis%3Arevocations");
    let good = mint(&follows).await;
    let narrow = mint(&format!("resource={feed}&scope=orders:read")).await;
    let elsewhere = mint("scope=portcullis%3Arevocations").await;
    let inside = |token: &str| ask(&app, token).from("10.9.9.9");
    assert_eq!(inside(&good).send().await.status, 200);
    for (what, request, expected) in [
        ("from elsewhere", ask(&app, &good), (403, "address")),
        ("from nowhere", ask(&app, &good).without_address(), (403, "address")),
        ("without the scope", inside(&narrow), (403, "insufficient_scope")),
        ("for another audience", inside(&elsewhere), (401, "audience")),
        ("altered", inside(&format!("{}A", &good[..good.len() - 1])), (401, "signature")),
    ] {
        let answer = request.send().await;
        assert_eq!(reason(&answer), (expected.0, expected.1.to_owned()), "{what}");
        assert!(answer.header("portcullis-feed").is_empty(), "{what}");
    }
    // Exactly one credential, and never in the URL.
    let two = inside(&good).app_headers(watcher.key.id.as_str(), &watcher.key.secret).send().await;
    assert_eq!(two.refusal(), (400, "invalid_request".into()));
    let in_url = app.get(&format!("{FEED}?nonce={NONCE}&access_token={good}")).send().await;
    assert_eq!(in_url.refusal(), (400, "invalid_request".into()));

    let short = watcher.token("&expires_in=1").await;
    app.pass(Duration::from_secs(1)).await;
    assert_eq!(reason(&ask(&app, &short).send().await), (401, "expired".into()));
    let revoked = watcher.token("").await;
    watcher.key.post("/oauth/revoke", &format!("token={revoked}")).send().await;
    assert_eq!(reason(&ask(&app, &revoked).send().await), (401, "revoked".into()));
    key.edit(|details| details.permissions = "orders:read".parse().unwrap()).await;
    app.follow().await;
    assert_eq!(reason(&inside(&good).send().await), (401, "revoked".into()), "narrowed");
    let live = watcher.token("").await;
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(ask(&app, &live).send().await.refusal(), (503, "temporarily_unavailable".into()));
}

#[tokio::test]
async fn a_token_for_the_feed_opens_nothing_else() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let api = shop.key("portcullis:introspect").create().await;
    let token = watcher.token("").await;
    let proxied = app.get(&format!("/verify?project={}", shop.project.id)).bearer(&token).send().await;
    assert_eq!(reason(&proxied), (401, "audience".into()));
    assert!(!api.introspect(&token).await.is_active());
    let form = "grant_type=client_credentials&token=x";
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        let answer = app.post(path, form).bearer(&token).send().await;
        assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{path}");
    }
}

/// Killed while it waits, it is told nothing.
#[tokio::test]
async fn whoever_was_revoked_while_waiting_for_news_gets_none() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let position = watcher.position().await;
    let token = watcher.token("").await;
    let path = format!("{FEED}?nonce={NONCE}&wait=20&since={position}");
    let by_token = app.get(&path).bearer(&token).send();
    let by_key = watcher.question(position, "&wait=20").send();
    let block = async {
        watcher.key.act(KeyAct::Block).await;
        app.follow().await;
    };
    let (by_token, by_key, ()) = tokio::join!(by_token, by_key, block);
    assert_eq!((by_token.status, by_key.refusal()), (401, (401, "invalid_client".into())));
}

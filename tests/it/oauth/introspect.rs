//! `POST /oauth/introspect` (RFC 7662): threats S15 and S27.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use serde_json::json;

use crate::support::{App, Key, part};

#[tokio::test]
async fn expired_revoked_unknown_and_foreign_tokens_look_the_same() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let permitted = "orders:read portcullis:introspect";
    let key = shop.key(permitted).create().await;
    let other = shop.key(permitted).create().await;
    let plain = shop.key("orders:read").create().await;
    let rivals = rival.key(permitted).create().await;
    let expired = key.ask("expires_in=1").send().await.token();
    app.pass(Duration::from_secs(2)).await;
    let blocked = shop.key("orders:read").create().await;
    let of_blocked = blocked.token("").await;
    blocked.act(KeyAct::Block).await;
    app.follow().await;
    let revoked = key.token("").await;
    assert_eq!(key.post("/oauth/revoke", &format!("token={revoked}")).send().await.status, 200);
    let live = key.token("").await;
    assert!(key.introspect(&live).await.is_active() && other.introspect(&live).await.is_active());
    let rows: [(&str, &Key<'_>, &str); 12] = [
        ("expired, own", &key, &expired),
        ("expired, of another", &other, &expired),
        ("revoked, own", &key, &revoked),
        ("revoked, of another", &other, &revoked),
        ("of a blocked key", &key, &of_blocked),
        ("unknown", &key, "unknown"),
        ("signed by nobody", &key, &live[..live.len() - 1]),
        ("another key's, without permission", &plain, &live),
        ("another project's", &rivals, &live),
        ("a dead one of another project", &rivals, &revoked),
        ("an administrator's", &key, &app.admin().token("").await),
        ("a tenant's, asked by an administrator", &app.admin(), &live),
    ];
    let mut answers = Vec::new();
    for (name, asker, token) in rows {
        answers.push((name, asker.introspect(token).await.whole()));
    }
    for more in ["scope=orders:write", "client_ip=192.0.2.1&scope=portcullis:introspect"] {
        let asked = plain.post("/oauth/introspect", &format!("token={live}&{more}")).send().await;
        answers.push((more, asked.whole()));
    }
    for (name, answer) in &answers {
        assert!(answer.ends_with(r#" {"active":false}"#), "{name}: {answer}");
        assert_eq!(*answer, answers[0].1, "{name}");
    }
}

#[tokio::test]
async fn a_live_token_is_described_as_it_is_to_whoever_may_ask() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read").await;
    let key = shop.key("api").allow("192.0.2.0/24").create().await;
    let other = shop.key("portcullis:introspect").create().await;
    let token = key.token("").await;
    let mut expected = part(&token, 1);
    expected["active"] = json!(true);
    expected["token_type"] = json!("Bearer");
    for asker in [&key, &other] {
        let answer = asker.introspect(&token).await;
        assert_eq!(answer.json(), expected);
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    }
    assert_eq!(expected["ips"], json!(["192.0.2.0/24"]));
}

#[tokio::test]
async fn a_permitted_key_sees_tokens_for_the_audiences_that_it_serves_and_no_others() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    for audience in ["urn:a", "urn:b", "urn:c"] {
        shop.audience(audience).await;
    }
    let key = shop.key("orders:read").audiences(&["urn:a", "urn:b"]).create().await;
    let serves =
        async |audiences: &[&str]| shop.key("portcullis:introspect").audiences(audiences).create().await;
    let (a, b_and_c, c, default) = (
        serves(&["urn:a"]).await,
        serves(&["urn:b", "urn:c"]).await,
        serves(&["urn:c"]).await,
        serves(&[]).await,
    );
    let for_a = key.ask("resource=urn%3Aa").send().await.token();
    let for_both = key.ask("resource=urn%3Aa&resource=urn%3Ab").send().await.token();
    let rows = [
        ("a", &a, [true, true]),
        ("b and c", &b_and_c, [false, true]),
        ("c", &c, [false, false]),
        ("the default only", &default, [false, false]),
        ("its own", &key, [true, true]),
    ];
    for (name, asker, active) in rows {
        let seen =
            [asker.introspect(&for_a).await.is_active(), asker.introspect(&for_both).await.is_active()];
        assert_eq!(seen, active, "{name}");
    }
    // An audience that is no longer the project's is served by nobody, whatever a key still lists.
    app.shell.remove_audience(&shop.project.id, "urn:a".parse().unwrap()).await.unwrap();
    app.follow().await;
    assert!(!a.introspect(&for_a).await.is_active());
}

#[tokio::test]
async fn scope_and_address_are_judged_if_they_are_given_and_refused_if_unreadable() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:* items:read portcullis:introspect").allow("192.0.2.0/24").create().await;
    let token = key.token("").await;
    let ask = async |more: &str| {
        let answer = key.post("/oauth/introspect", &format!("token={token}&{more}")).send().await;
        if answer.status == 200 { answer.is_active().to_string() } else { answer.error() }
    };
    let judged = [
        ("client_ip=192.0.2.200", "true"),
        ("client_ip=%3A%3Affff%3A192.0.2.200", "true"),
        ("client_ip=::ffff:c000:201", "true"),
        ("client_ip=198.51.100.1", "false"),
        ("client_ip=::ffff:198.51.100.1", "false"),
        ("client_ip=2001:db8::1", "false"),
        ("scope=orders:read", "true"),
        ("scope=items:read+orders:x:y", "true"),
        ("scope=orders", "false"),
        ("scope=items:write", "false"),
        ("scope=items:read+items:write", "false"),
        ("scope=portcullis:introspect", "false"),
        ("scope=items:read&client_ip=192.0.2.1", "true"),
        ("scope=items:read&client_ip=198.51.100.1", "false"),
        ("scope=items:write&client_ip=192.0.2.1", "false"),
        ("scope=", "true"),
    ];
    let unreadable = [
        // A resource server that could not tell the address is not one that does not ask.
        "client_ip=",
        "client_ip=192.0.2",
        "client_ip=192.0.2.1:80",
        "client_ip=192.0.2.01",
        "client_ip=0300.0.2.1",
        "client_ip=0xc0000201",
        "client_ip=3221225985",
        "client_ip=%5B::1%5D",
        "client_ip=fe80::1%25eth0",
        "client_ip=192.0.2.1,192.0.2.2",
        "client_ip=+192.0.2.1",
        "client_ip=192.0.2.1%00",
        "client_ip=unknown",
        "client_ip=192.0.2.0/24",
        "scope=%22",
        "scope=+",
        "scope=orders:",
        "scope=a%09b",
        "scope=%00",
    ];
    for (more, active) in judged {
        assert_eq!(ask(more).await, active, "{more}");
    }
    for more in unreadable {
        assert_eq!(ask(more).await, "invalid_request", "{more}");
        // The same for a token that is dead: no answer tells the two apart.
        let dead = key.post("/oauth/introspect", &format!("token=dead&{more}")).send().await;
        assert_eq!(dead.refusal(), (400, "invalid_request".into()), "{more}");
    }
}

#[tokio::test]
async fn what_is_of_another_kind_is_no_token_and_a_token_is_nothing_else() {
    // S15, as far as there are kinds: key ids, secrets, access tokens of tenants and of administrators.
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read portcullis:introspect").create().await;
    let admins = app.admin().token("").await;
    let token = key.token("").await;
    let grant = "grant_type=client_credentials&token=x";
    for stranger in [&*key.secret, key.id.as_str(), &admins, &format!("Bearer {token}"), "{}", "null"] {
        let asked =
            key.post("/oauth/introspect", &format!("token={}", stranger.replace(' ', "+"))).send().await;
        assert!(!asked.is_active(), "{stranger}");
        let revoked =
            key.post("/oauth/revoke", &format!("token={}", stranger.replace(' ', "+"))).send().await;
        let lives = stranger == admins;
        assert_eq!(revoked.status, if lives { 400 } else { 200 }, "{stranger}");
        let shown = app.get("/v1/auth/verify").bearer(stranger).send().await.status;
        assert_eq!(shown == 200, lives, "an administrator's token is good for what it is");
    }
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        for token in [&token, &admins] {
            let as_secret = [
                app.post(path, grant).bearer(token),
                app.post(path, grant).basic(key.id.as_str(), token),
                app.post(path, grant).app_headers(key.id.as_str(), token),
                app.post(path, &format!("{grant}&client_id={}&client_secret={token}", key.id)),
            ];
            for request in as_secret {
                assert_eq!(request.send().await.refusal(), (401, "invalid_client".into()), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_stale_server_says_nothing_of_a_token_that_may_be_live() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    app.clock.advance(Duration::from_secs(31));
    let answer = key.introspect(&token).await;
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".into()));
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
    app.follow().await;
    assert!(key.introspect(&token).await.is_active());
}

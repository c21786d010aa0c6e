//! API keys themselves, where their project lets them pass: worth what their token would be.

use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::domain::{AuthMethod, Timestamp};
use portcullis::keys::acts::{KeyAct, Why};
use portcullis::store::Lookup;

use super::{IDENTITY, admitted, of, refused, verdict, verify};
use crate::support::{App, Build, Hand, ISSUER, Key, Send, Tenant, raw_keys};

async fn allow(shop: &Tenant<'_>, allowed: bool) -> bool {
    let done = shop.app.shell.edit_project(&shop.project.id, raw_keys(allowed)).await.unwrap();
    shop.app.follow().await;
    done.narrowed
}

/// The two ways to present a key; both must be answered alike.
async fn both(shop: &Tenant<'_>, more: &str, key: &Key<'_>, edit: impl Fn(Send) -> Send) -> (u16, String) {
    let by_headers = of(edit(verify(shop, more).app_headers(key.id.as_str(), &key.secret))).await;
    let by_bearer = of(edit(verify(shop, more).bearer(&key.secret))).await;
    assert_eq!(by_headers, by_bearer, "{more}");
    by_bearer
}

#[tokio::test]
async fn a_raw_key_passes_in_its_own_name_where_its_project_lets_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read vouchers").await;
    let key = shop.key("api portcullis:introspect").create().await;
    assert_eq!(both(&shop, "", &key, |q| q).await, refused(401, "raw_key"), "not by default");

    assert!(!allow(&shop, true).await, "nothing is taken from anybody");

    assert_eq!(both(&shop, "&scope=orders:read+vouchers", &key, |q| q).await, admitted());
    let answer = verify(&shop, "").bearer(&key.secret).send().await;
    let (id, project) = (key.id.as_str(), shop.project.id.as_str());
    let told = IDENTITY.map(|header| answer.header(header));
    assert_eq!(told, [id, project, id, "api orders:read vouchers", "", ""]);
    assert_eq!(answer.header("x-accel-expires"), "19");
    let token = key.token("").await;

    assert!(allow(&shop, false).await, "whoever passed before does not");

    assert_eq!(both(&shop, "", &key, |q| q).await, refused(401, "raw_key"));
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, refused(401, "revoked"));
    assert_eq!(of(verify(&shop, "").bearer(&key.token("").await)).await, admitted());
}

#[tokio::test]
async fn a_raw_key_is_judged_by_the_rules_of_its_token() {
    let app = App::patient().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    shop.audience("urn:a").await;
    allow(&shop, true).await;
    allow(&rival, true).await;
    let default = format!("{ISSUER}/projects/{}", shop.project.id);
    let key =
        shop.key("orders:* items portcullis:introspect").allow("10.0.0.0/8").audiences(&[&default, "urn:a"]);
    let key = key.create().await;
    for (more, from, expected) in [
        ("", "10.1.2.3", admitted()),
        ("&scope=orders:x+items", "10.1.2.3", admitted()),
        ("&scope=orders", "10.1.2.3", refused(403, "insufficient_scope")),
        ("&scope=admin", "10.1.2.3", refused(403, "insufficient_scope")),
        // Granted only when it is named, which a token alone can do.
        ("&scope=portcullis:introspect", "10.1.2.3", refused(403, "insufficient_scope")),
        ("&audience=urn:a", "10.1.2.3", admitted()),
        ("&audience=urn:b&audience=urn:a", "10.1.2.3", admitted()),
        ("&audience=urn:b", "10.1.2.3", refused(401, "audience")),
        ("", "::ffff:10.1.2.3", admitted()),
        ("", "192.0.2.1", refused(403, "address")),
        ("&scope=admin", "192.0.2.1", refused(403, "insufficient_scope")),
    ] {
        assert_eq!(both(&shop, more, &key, |q| q.from(from)).await, expected, "{more} {from}");
    }
    assert_eq!(both(&shop, "", &key, Send::without_address).await, refused(403, "address"));
    let spoofed = |q: Send| q.header("x-forwarded-for", "10.1.2.3");
    assert_eq!(both(&shop, "", &key, spoofed).await, refused(403, "address"));
    // S49, S10, S9.
    assert_eq!(both(&rival, "", &key, |q| q.from("10.1.2.3")).await, refused(401, "project"));
    let nothing = shop.key("").create().await;
    assert_eq!(both(&shop, "", &nothing, |q| q).await, refused(403, "insufficient_scope"));
    let named = shop.key("items").with(|details| details.require_scope = true).create().await;
    assert_eq!(both(&shop, "&scope=items", &named, |q| q).await, refused(403, "scope_required"));
    let one =
        shop.key("items").with(|details| details.auth_methods = [AuthMethod::Bearer].into_iter().collect());
    let one = one.create().await;
    assert_eq!(of(verify(&shop, "").bearer(&one.secret)).await, admitted());
    assert_eq!(
        of(verify(&shop, "").app_headers(one.id.as_str(), &one.secret)).await,
        refused(401, "auth_method")
    );
    let many: Vec<String> = (0..100).map(|n| format!("{n:050}")).collect();
    let wide = shop.key(&many.join(" ")).create().await;
    assert_eq!(both(&shop, "", &wide, |q| q).await, refused(401, "scope_too_long"));
}

#[tokio::test]
async fn a_key_that_ended_does_not_pass_and_one_that_is_unblocked_does() {
    // S10, and that what is remembered of a key refuses nobody.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    allow(&shop, true).await;
    let key = shop.key("items").create().await;
    assert_eq!(both(&shop, "", &key, |q| q).await, admitted());
    key.act(KeyAct::Block).await;
    app.follow().await;
    assert_eq!(both(&shop, "", &key, |q| q).await, refused(401, "revoked"));
    // Not followed yet: asked for because it was refused.
    key.act(KeyAct::Unblock).await;
    assert_eq!(both(&shop, "", &key, |q| q).await, admitted());
    key.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    assert_eq!(both(&shop, "", &key, |q| q).await, admitted(), "the key stays");
    key.act(KeyAct::Delete).await;
    app.follow().await;
    assert_eq!(both(&shop, "", &key, |q| q).await, refused(401, "unknown_key"), "its secrets are gone");

    let ends = Timestamp::from_secs(app.now() + 10);
    let key = shop.key("items").with(|details| details.expires_at = Some(ends)).create().await;
    let answer = verify(&shop, "").bearer(&key.secret).send().await;
    assert_eq!(verdict(&answer), admitted());
    assert_eq!(
        (answer.header("x-auth-expires"), answer.header("x-accel-expires")),
        (&*ends.secs().to_string(), "8")
    );
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(both(&shop, "", &key, |q| q).await, refused(401, "expired"));
}

#[tokio::test]
async fn a_secret_that_ends_is_not_kept_beyond_its_end() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    allow(&shop, true).await;
    let key = shop.key("items").create().await;
    app.shell.regenerate(&key.id, Duration::from_secs(10), &Why::default()).await.unwrap();
    app.follow().await;
    let answer = verify(&shop, "").bearer(&key.secret).send().await;
    assert_eq!((verdict(&answer), answer.header("x-accel-expires")), (admitted(), "9"));
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(both(&shop, "", &key, |q| q).await, refused(401, "unknown_key"));
}

#[tokio::test]
async fn whoever_guesses_is_slowed_down_and_the_holder_is_not() {
    // S36.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    allow(&shop, true).await;
    let key = shop.key("items").create().await;
    let guess = || verify(&shop, "").app_headers(key.id.as_str(), "wrong-secret-of-some-length").send();
    for _ in 0..10 {
        assert_eq!(verdict(&guess().await), refused(401, "unknown_key"));
    }
    let slowed = guess().await;
    assert_eq!(verdict(&slowed), refused(429, "temporarily_unavailable"));
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(both(&shop, "", &key, |q| q).await, admitted());
}

#[tokio::test]
async fn a_refused_address_leaves_no_trace_and_uses_up_no_patience() {
    // S22.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    allow(&shop, true).await;
    let key = shop.key("items").allow("10.0.0.0/8").create().await;
    for _ in 0..30 {
        assert_eq!(of(verify(&shop, "").bearer(&key.secret)).await, refused(403, "address"));
    }
    app.server.uses.write().await.unwrap();
    let used = async || {
        let found = app.server.store.mint_record(&Lookup::Id(key.id.clone())).await.unwrap();
        found.value.unwrap().secrets[0].last_used
    };
    assert_eq!(used().await, None);
    let wrong = verify(&shop, "").app_headers(key.id.as_str(), "wrong-secret-of-some-length");
    assert_eq!(of(wrong).await, refused(401, "unknown_key"));
    assert_eq!(of(verify(&shop, "").bearer(&key.secret).from("10.1.2.3")).await, admitted());
    app.server.uses.write().await.unwrap();
    assert_eq!(used().await.unwrap().from, Some([10, 1, 2, 3].into()));
}

#[tokio::test]
async fn a_stale_server_admits_no_key_and_asks_no_database() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    allow(&shop, true).await;
    let key = shop.key("items").create().await;
    assert_eq!(both(&shop, "", &key, |q| q).await, admitted());
    hand.no_feed.store(true, Ordering::SeqCst);
    let read = hand.records.came();
    app.clock.advance(Duration::from_millis(30_001));
    assert_eq!(both(&shop, "", &key, |q| q).await, refused(503, "temporarily_unavailable"));
    assert_eq!(hand.records.came(), read);
    hand.no_feed.store(false, Ordering::SeqCst);
    app.follow().await;
    assert_eq!(both(&shop, "", &key, |q| q).await, admitted());
}

#[tokio::test]
async fn without_the_database_a_known_key_passes_for_as_long_as_the_list_is_fresh() {
    let app = App::on_a_file().await;
    let shop = app.tenant("shop").await;
    allow(&shop, true).await;
    let (known, new) = (shop.key("items").create().await, shop.key("items").create().await);
    let token = new.token("").await;
    app.clock.advance(Duration::from_secs(31));
    app.follow().await;
    assert_eq!(both(&shop, "", &known, |q| q).await, admitted());
    let aside = app.database().with_extension("aside");
    std::fs::rename(app.database(), &aside).unwrap();
    app.clock.advance(Duration::from_secs(30));
    assert!(app.server.sync.step().await.is_err());
    let unknown = refused(503, "temporarily_unavailable");
    assert_eq!(of(verify(&shop, "").bearer(&token)).await, admitted());
    assert_eq!(both(&shop, "", &known, |q| q).await, admitted());
    assert_eq!(both(&shop, "", &new, |q| q).await, unknown);
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(both(&shop, "", &known, |q| q).await, unknown);
    std::fs::rename(&aside, app.database()).unwrap();
    app.follow().await;
    assert_eq!(both(&shop, "", &new, |q| q).await, admitted());
}

#[tokio::test]
async fn what_is_presented_is_one_key_and_whole() {
    // S8: never the first of two.
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    allow(&shop, true).await;
    let (key, other) = (shop.key("items").create().await, shop.key("items").create().await);
    let (id, secret) = (key.id.as_str(), &*key.secret);
    let ask = || verify(&shop, "");
    for question in [
        ask().app_headers(id, secret).bearer(secret),
        ask().app_headers(id, secret).bearer("x.y.z"),
        ask().app_headers(id, secret).app_headers(id, secret),
        ask().app_headers(id, secret).header("x-app-id", other.id.as_str()),
        ask().header("x-app-id", id),
        ask().header("x-app-token", secret),
        ask().header("x-app-id", id).header_bytes("x-app-token", b"\xff"),
        ask().bearer(secret).bearer(secret),
        ask().bearer(&format!("{secret},{secret}")),
    ] {
        assert_eq!(of(question).await, refused(401, "invalid_request"));
    }
    for question in [
        ask().app_headers(other.id.as_str(), secret),
        ask().app_headers("", secret),
        ask().app_headers(id, ""),
        ask().bearer(&secret[..secret.len() - 1]),
        ask().bearer(&format!("{secret}x")),
        ask().bearer("psk_"),
    ] {
        assert_eq!(of(question).await, refused(401, "unknown_key"));
    }
    // An imported secret goes with its id: by itself it could be a token.
    let imported = shop.import("imported", "a-secret-of-more-than-16-characters", "items").await;
    assert_eq!(of(ask().app_headers("imported", &imported.secret)).await, admitted());
    assert_eq!(of(ask().bearer(&imported.secret)).await, refused(401, "malformed"));
}

//! Portcullis on a socket, an API, clients at two addresses, and what every proxy that asks `/verify`
//! has to do.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::http::{Listener, Patience};
use portcullis::keys::acts::KeyAct;
use portcullis::time::SystemClock;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::api::Api;
use crate::support::{App, Build, Hand, Key, Tenant, TestClock, Wire, part, raw_keys};

/// The client that keys are bound to.
pub(super) const NEAR: &str = "127.0.0.5";
/// Another one.
pub(super) const FAR: &str = "127.0.0.6";

/// Everything but the proxy.
pub(super) struct Scene {
    pub(super) app: App,
    pub(super) hand: Arc<Hand>,
    pub(super) api: Api,
    pub(super) wire: Wire,
}

/// What a client saw.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) challenge: String,
    pub(super) retry_after: String,
    /// What the API was sent; null if it was not reached.
    pub(super) sent: Value,
}

impl Scene {
    /// The clock stands at the machine's time, so that proxies with clocks agree with it.
    pub(super) async fn start() -> Self {
        let hand = Hand::new();
        let clock = TestClock::starting(SystemClock::shared().now());
        let build = Build::default().clock(clock).store(hand.wrap());
        let app = build.set("PORTCULLIS_CLIENT_ADDRESS_TRUSTED_PROXIES", "127.0.0.1").start().await;
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let wire = app.listen_on(listener, Patience::default());
        Self { app, hand, api: Api::start().await, wire }
    }

    /// Asks the proxy from an address, with further headers; that the API was reached if and only
    /// if it answered.
    pub(super) async fn ask(&self, front: &str, from: &str, headers: &[(&str, &str)]) -> Seen {
        self.send(client(from).get(format!("{front}/orders/7?project=prj_x&scope=admin")), headers).await
    }

    pub(super) async fn send(&self, request: RequestBuilder, headers: &[(&str, &str)]) -> Seen {
        let before = self.api.reached();
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.unwrap();
        let header = |name| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (status, challenge, retry_after) =
            (answer.status().as_u16(), header("www-authenticate"), header("retry-after"));
        let body = answer.bytes().await.unwrap();
        let sent = if status == 200 { serde_json::from_slice(&body).unwrap() } else { Value::Null };
        assert_eq!(self.api.reached() - before, usize::from(status == 200), "{status}");
        Seen { status, challenge, retry_after, sent }
    }
}

impl Seen {
    /// Status, and the reason of the challenge if there is one.
    pub(super) fn verdict(&self) -> (u16, &str) {
        let reason = self.challenge.split_once("reason=\"").and_then(|(_, rest)| rest.split_once('"'));
        (self.status, reason.map_or("", |(reason, _)| reason))
    }

    /// The lines of a header that the API was sent.
    pub(super) fn sent(&self, header: &str) -> &Value {
        &self.sent["headers"][header]
    }
}

/// A client at this address of the loopback.
pub(super) fn client(from: &str) -> reqwest::Client {
    let from: IpAddr = from.parse().unwrap();
    let client = reqwest::Client::builder().local_address(from).no_proxy().tls_certs_only([]);
    client.pool_max_idle_per_host(0).timeout(Duration::from_secs(20)).build().unwrap()
}

pub(super) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The six headers as the API must have been sent them.
pub(super) fn assert_named(seen: &Seen, key: &Key<'_>, token: &str) {
    let claims = part(token, 1);
    let text = |name: &str| claims[name].as_str().unwrap().to_owned();
    for (header, value) in [
        ("x-auth-key-id", key.id.to_string()),
        ("x-auth-project", key.project.to_string()),
        ("x-auth-subject", key.id.to_string()),
        ("x-auth-scope", text("scope")),
        ("x-auth-token-id", text("jti")),
        ("x-auth-expires", claims["exp"].to_string()),
    ] {
        assert_eq!(seen.sent(header), &json!([value]), "{header}: {seen:?}");
    }
}

/// What a client writes to be somebody else, or elsewhere.
pub(super) const FORGED: [(&str, &str); 9] = [
    ("X-Auth-Key-Id", "forged"),
    ("X-Auth-Project", "forged"),
    ("x-auth-subject", "forged"),
    ("X-AUTH-SCOPE", "forged"),
    ("X-Auth-Token-Id", "forged"),
    ("X-Auth-Expires", "9999999999"),
    ("X_Auth_Key_Id", "forged"),
    ("X-Auth_Key-Id", "forged"),
    ("x_auth_scope", "forged"),
];

/// A client's own word on where it is.
pub(super) const SPOOFED: [(&str, &str); 4] =
    [("X-Forwarded-For", NEAR), ("Forwarded", "for=127.0.0.5"), ("X-Real-IP", NEAR), ("X-Client-IP", NEAR)];

/// Everything that a proxy which asks `/verify` has to do, but for what it keeps.
pub(super) async fn asks_about_each_request(scene: &Scene, shop: &Tenant<'_>, front: &str) {
    admits_in_the_name_of_the_token(scene, shop, front).await;
    believes_no_client(scene, shop, front).await;
    refuses_what_is_not_good_enough(scene, shop, front).await;
    refuses_what_has_ended(scene, shop, front).await;
    lets_raw_keys_pass_where_their_project_does(scene, shop, front).await;
    admits_nobody_while_it_cannot_be_known(scene, shop, front).await;
}

async fn admits_in_the_name_of_the_token(scene: &Scene, shop: &Tenant<'_>, front: &str) {
    let key = shop.key("orders:read vouchers").create().await;
    let token = key.token("").await;
    let authorization = [("Authorization", &*bearer(&token))];

    let seen = scene.ask(front, FAR, &authorization).await;

    assert_eq!(seen.verdict(), (200, ""));
    assert_named(&seen, &key, &token);
    assert_eq!(seen.sent["path"], "/orders/7?project=prj_x&scope=admin", "the client's query is the API's");
    assert_eq!(seen.sent("authorization"), &Value::Null, "credentials end at the gate");
    let posted = client(FAR).request(Method::POST, format!("{front}/orders")).body("a body");
    let seen = scene.send(posted, &authorization).await;
    assert_eq!((&seen.sent["method"], &seen.sent["body"]), (&json!("POST"), &json!("a body")));
    assert_named(&seen, &key, &token);
    // A client demands nothing of the gate.
    let seen = scene.ask(front, FAR, &[authorization[0], ("X-Required-Scope", "admin")]).await;
    assert_eq!(seen.status, 200);
}

async fn believes_no_client(scene: &Scene, shop: &Tenant<'_>, front: &str) {
    let (key, bound) = (
        shop.key("orders:read").create().await,
        shop.key("orders:read").allow(&format!("{NEAR}/32")).create().await,
    );
    let token = key.token("").await;
    let mut headers = FORGED.to_vec();
    assert_eq!(scene.ask(front, FAR, &headers).await.verdict(), (401, ""), "names alone are nobody");
    let authorization = bearer(&token);
    headers.push(("Authorization", &authorization));
    let seen = scene.ask(front, FAR, &headers).await;
    assert_named(&seen, &key, &token);
    assert!(!seen.sent.to_string().contains("forged"), "{}", seen.sent);

    let token = bound.ask("").from(NEAR).send().await.token();
    let authorization = bearer(&token);
    let authorization = [("Authorization", &*authorization)];
    assert_eq!(scene.ask(front, NEAR, &authorization).await.verdict(), (200, ""));
    assert_eq!(scene.ask(front, FAR, &authorization).await.verdict(), (403, "address"));
    let spoofed = [&authorization[..], &SPOOFED].concat();
    assert_eq!(scene.ask(front, FAR, &spoofed).await.verdict(), (403, "address"));
    let elsewhere = [authorization[0], ("X-Forwarded-For", "192.0.2.1")];
    assert_eq!(scene.ask(front, NEAR, &elsewhere).await.verdict(), (200, ""));
}

async fn refuses_what_is_not_good_enough(scene: &Scene, shop: &Tenant<'_>, front: &str) {
    let rival = scene.app.tenant("rival").await;
    let narrow = shop.key("vouchers").create().await.token("").await;
    let foreign = rival.key("orders:read").create().await.token("").await;
    let good = shop.key("orders:read").create().await.token("").await;
    let altered = &good[..good.len() - 2];
    for (token, verdict) in [
        (&*narrow, (403, "insufficient_scope")),
        (&foreign, (401, "project")),
        (altered, (401, "signature")),
        ("nonsense", (401, "malformed")),
    ] {
        let seen = scene.ask(front, FAR, &[("Authorization", &bearer(token))]).await;
        assert_eq!(seen.verdict(), verdict, "{seen:?}");
        assert!(seen.challenge.starts_with("Bearer realm=\"portcullis\", error=\""), "{}", seen.challenge);
    }
    let seen = scene.ask(front, FAR, &[("Authorization", &bearer(&narrow))]).await;
    assert!(seen.challenge.ends_with("scope=\"orders:read\""), "what is needed: {}", seen.challenge);
    let seen = scene.ask(front, FAR, &[]).await;
    assert_eq!((seen.status, &*seen.challenge), (401, "Bearer realm=\"portcullis\""));
    // The good one is not picked out of two.
    let two = [("Authorization", &*bearer(&good)), ("Authorization", &*bearer(&narrow))];
    let seen = scene.ask(front, FAR, &two).await;
    assert!(matches!(seen.status, 400 | 401), "{seen:?}");
}

async fn refuses_what_has_ended(scene: &Scene, shop: &Tenant<'_>, front: &str) {
    let (key, blocked) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
    let ended = key.ask("expires_in=2").send().await.token();
    let (revoked, dead) = (key.token("").await, blocked.token("").await);
    scene.app.pass(Duration::from_secs(2)).await;
    assert_eq!(key.post("/oauth/revoke", &format!("token={revoked}")).send().await.status, 200);
    blocked.act(KeyAct::Block).await;
    scene.app.follow().await;
    for (token, reason) in [(ended, "expired"), (revoked, "revoked"), (dead, "revoked")] {
        let seen = scene.ask(front, FAR, &[("Authorization", &bearer(&token))]).await;
        assert_eq!(seen.verdict(), (401, reason));
    }
}

async fn lets_raw_keys_pass_where_their_project_does(scene: &Scene, shop: &Tenant<'_>, front: &str) {
    let key = shop.key("orders:read").allow(&format!("{NEAR}/32")).create().await;
    let presented = [("X-App-Id", key.id.as_str()), ("X-App-Token", &key.secret)];
    assert_eq!(scene.ask(front, NEAR, &presented).await.verdict(), (401, "raw_key"));
    scene.app.shell.edit_project(&shop.project.id, raw_keys(true)).await.unwrap();
    scene.app.follow().await;
    let authorization = bearer(&key.secret);
    for presented in [&presented[..], &[("Authorization", &*authorization)]] {
        let seen = scene.ask(front, NEAR, presented).await;
        assert_eq!(seen.verdict(), (200, ""));
        assert_eq!(seen.sent("x-auth-key-id"), &json!([key.id.as_str()]));
        assert!(!seen.sent.to_string().contains(&key.secret), "credentials end at the gate");
        assert_eq!(scene.ask(front, FAR, presented).await.verdict(), (403, "address"));
    }
    let guess = [("X-App-Id", key.id.as_str()), ("X-App-Token", "a-wrong-secret-of-some-length")];
    for _ in 0..10 {
        assert_eq!(scene.ask(front, FAR, &guess).await.verdict(), (401, "unknown_key"));
    }
    let slowed = scene.ask(front, FAR, &guess).await;
    assert_eq!(slowed.status, 429);
    assert!(!slowed.retry_after.is_empty());
}

async fn admits_nobody_while_it_cannot_be_known(scene: &Scene, shop: &Tenant<'_>, front: &str) {
    // Both are new to the proxy.
    let key = shop.key("orders:read").create().await;
    let (token, other) = (key.token("").await, key.token("").await);
    scene.hand.no_feed.store(true, Ordering::SeqCst);
    scene.app.clock.advance(Duration::from_secs(31));
    for token in [&token, &other] {
        let seen = scene.ask(front, FAR, &[("Authorization", &bearer(token))]).await;
        assert_eq!((seen.status, &*seen.retry_after), (503, "1"), "{seen:?}");
    }
    scene.hand.no_feed.store(false, Ordering::SeqCst);
    scene.app.follow().await;
    let seen = scene.ask(front, FAR, &[("Authorization", &bearer(&token))]).await;
    assert_eq!(seen.status, 200, "nobody kept the 503");
}

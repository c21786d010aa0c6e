//! The example resource server, as a client meets it.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use portcullis_guard::{ForwardedHeader, Guard};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::between::Way;
use super::{House, fresh};
use crate::support::{DEADLINE, plain_client};

#[path = "../../../guard/examples/resource_server.rs"]
#[expect(dead_code, reason = "it is a program, too")]
mod resource_server;

/// The API on a socket.
pub(super) struct Api(pub(super) String);

/// What it answered.
struct Got {
    status: u16,
    challenge: String,
    body: Value,
}

impl Api {
    pub(super) async fn of(app: axum::Router) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self(url)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        let request = plain_client().get(format!("{}{path}", self.0));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.unwrap();
        let header =
            |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (status, challenge, retry) =
            (answer.status().as_u16(), header("www-authenticate"), header("retry-after"));
        assert_eq!(retry.is_empty(), status != 503);
        Got { status, challenge, body: answer.json().await.unwrap() }
    }

    async fn orders(&self, token: &str) -> (u16, Value) {
        let got = self.get("/orders", &[("authorization", &format!("Bearer {token}"))]).await;
        (got.status, got.body["reason"].clone())
    }
}

pub(super) fn api(guard: &Guard) -> axum::Router {
    resource_server::api(guard).unwrap()
}

/// Done-when: it keeps judging with the token server stopped, refuses what was revoked before, and
/// refuses all after its maximum age.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_goes_on_without_its_token_server_and_fails_closed() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let watcher = shop.key("portcullis:revocations").create().await;
    let (key, gone) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
    let (token, revoked) = (key.token("").await, gone.token("").await);
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    let api = Api::of(api(&guard)).await;
    assert_eq!(api.orders(&token).await, (200, Value::Null));
    assert_eq!(api.orders(&revoked).await, (200, Value::Null));
    gone.act(KeyAct::Block).await;
    app.follow().await;
    timeout(DEADLINE, guard.until_position(app.server.copy.applied())).await.unwrap();

    house.between.goes(Way::Cut);
    // No answer that was under way makes it younger; ten minutes end every stream.
    app.clock.advance(Duration::from_secs(40));
    assert_eq!(api.orders(&token).await, (200, Value::Null), "the server is away");
    assert_eq!(api.orders(&revoked).await, (401, json!("revoked")));
    assert_eq!(api.get("/health", &[]).await.body["revocations"], "late");

    app.clock.advance(Duration::from_millis(5_001));
    assert_eq!(api.orders(&token).await, (503, json!("stale")));
    assert_eq!(api.orders(&revoked).await, (503, json!("stale")));
    assert_eq!(api.get("/health", &[]).await.body["revocations"], "stale");

    house.between.goes(Way::Honest);
    app.follow().await;
    fresh(&guard).await;
    assert_eq!(api.orders(&token).await, (200, Value::Null));
    assert_eq!(api.orders(&revoked).await, (401, json!("revoked")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_layer_challenges_as_rfc_6750_has_it() {
    let house = House::start().await;
    let shop = house.app.tenant("shop").await;
    let watcher = shop.key("portcullis:revocations").create().await;
    let (key, other) = (shop.key("orders:read").create().await, shop.key("vouchers").create().await);
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    let api = Api::of(api(&guard)).await;
    let (good, narrow) =
        (format!("Bearer {}", key.token("").await), format!("bearer  {}", other.token("").await));
    let got = api.get("/orders", &[("authorization", &good)]).await;
    assert_eq!(
        (got.status, &got.body),
        (200, &json!({ "orders": [], "for": key.id, "scope": "orders:read" }))
    );
    let malformed = "error=\"invalid_request\", \
                     error_description=\"the request must carry exactly one bearer token\"";
    let narrowed = "error=\"insufficient_scope\", \
                    error_description=\"the token does not cover the scope that is needed\", scope=\"orders:read\"";
    let invalid = "error=\"invalid_token\", error_description=\"the token is malformed\"";
    let twice = vec![("authorization", good.as_str()), ("authorization", &good)];
    for (headers, status, reason, challenge) in [
        (vec![], 401, "absent", ""),
        (vec![("authorization", "Basic eDp5")], 401, "absent", ""),
        (vec![("authorization", "Bearer a b")], 400, "invalid_request", malformed),
        (twice, 400, "invalid_request", malformed),
        (vec![("authorization", "Bearer a.b.c")], 401, "malformed", invalid),
        (vec![("authorization", &narrow)], 403, "insufficient_scope", narrowed),
    ] {
        let got = api.get("/orders", &headers).await;
        assert_eq!((got.status, &got.body["reason"]), (status, &json!(reason)), "{}", got.body);
        let whole = format!("Bearer realm=\"portcullis\", {challenge}");
        assert_eq!(got.challenge, whole.trim_end_matches(", "));
    }
    let described = api.get("/.well-known/oauth-protected-resource", &[]).await;
    assert_eq!(
        described.body,
        json!({
            "resource": "https://orders.example.com", "authorization_servers": [guard.issuer()],
            "bearer_methods_supported": ["header"], "scopes_supported": ["orders:read"],
        })
    );
}

/// Threats S18 and S19 at the guard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_token_passes_from_its_networks_alone_whatever_the_headers_say() {
    let house = House::start().await;
    let shop = house.app.tenant("shop").await;
    let watcher = shop.key("portcullis:revocations").create().await;
    let key = shop.key("orders:read").allow("192.0.2.0/24").create().await;
    let token = format!("Bearer {}", key.token("").await);
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    let metadata = "https://orders.example.com/.well-known/oauth-protected-resource";
    let plain = guard.require("").unwrap().described_at(metadata);
    let proxies = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    let trusting = plain.clone().behind(proxies, ForwardedHeader::XForwardedFor);
    let get = || axum::routing::get(async || axum::Json(json!({})));
    let app =
        axum::Router::new().route("/plain", get().layer(plain)).route("/trusting", get().layer(trusting));
    let api = Api::of(app).await;
    for (path, forwarded, status) in [
        ("/plain", "192.0.2.7", 403),
        ("/trusting", "192.0.2.7", 200),
        ("/trusting", "::ffff:192.0.2.7", 200),
        ("/trusting", "192.0.2.7, 10.1.1.1", 200),
        ("/trusting", "192.0.2.7, 198.51.100.1", 403),
        ("/trusting", "192.0.2.7, unknown", 403),
        ("/trusting", "198.51.100.1, 192.0.2.7", 200),
        ("/trusting", "", 403),
    ] {
        let got = api.get(path, &[("authorization", &token), ("x-forwarded-for", forwarded)]).await;
        assert_eq!(got.status, status, "{path} {forwarded}");
        if status == 403 {
            assert_eq!(got.body["reason"], "address");
            assert!(
                got.challenge.ends_with(&format!(", resource_metadata=\"{metadata}\"")),
                "{}",
                got.challenge
            );
        }
    }
}

//! Arbitrary bytes wherever a stranger can put some: never a failure of ours, never a token
//! (threat S33).

use std::sync::LazyLock;

use axum::http::{HeaderValue, Method, Uri};
use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::Runtime;

use crate::support::{App, Key, Send};

/// One server for all cases.
struct Target {
    runtime: Runtime,
    app: App,
    id: String,
    secret: String,
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (app, id, secret) = runtime.block_on(async {
        let app = App::start().await;
        let (id, secret) = {
            let shop = app.tenant("shop").await;
            let Key { id, secret, .. } = shop.key("api").create().await;
            (id.to_string(), secret)
        };
        (app, id, secret)
    });
    Target { runtime, app, id, secret }
});

const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];

/// What parsers look for, so that arbitrary bytes get past the first of them.
const WORDS: [&str; 34] = [
    "grant_type=client_credentials",
    "&",
    "=",
    "%",
    "%00",
    "%ff",
    "%F0%9F%92%A9",
    "+",
    "scope=",
    "api",
    ":",
    "*",
    " ",
    "resource=",
    "audience=",
    "urn:x",
    "#",
    "expires_in=",
    "900",
    "-1",
    "99999999999999999999",
    "token=",
    "eyJhbGciOiJFUzI1NiJ9",
    ".",
    "client_id=",
    "client_secret=",
    "psk_live_",
    "Basic ",
    "Bearer ",
    "QTpC",
    "\"",
    "\\",
    "client_ip=",
    "::1",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..16),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn send(request: Send) -> Result<(), TestCaseError> {
    let answer = TARGET.runtime.block_on(request.send());
    prop_assert!(answer.status < 500, "{}: {}", answer.status, answer.text());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_body_is_answered(path in select(&ENDPOINTS[..]), body in bytes(), known in any::<bool>()) {
        let request = TARGET.app.post(path, "").body(&body);
        send(if known { request.basic(&TARGET.id, &TARGET.secret) } else { request })?;
    }

    #[test]
    fn any_value_of_a_header_is_answered(
        path in select([&ENDPOINTS[..], &["/v1/auth/verify"]].concat()),
        name in select(&["authorization", "x-app-id", "x-app-token", "x-forwarded-for", "content-type", "origin"][..]),
        value in bytes(),
        scheme in select(&["", "Basic ", "Bearer ", "basic  "][..]),
    ) {
        let value = [scheme.as_bytes(), &value].concat();
        prop_assume!(HeaderValue::from_bytes(&value).is_ok());
        let request = match path {
            "/v1/auth/verify" => TARGET.app.get(path),
            _ => TARGET.app.post(path, "grant_type=client_credentials&token=x"),
        };
        send(request.header_bytes(name, &value))?;
    }

    #[test]
    fn any_path_and_query_is_answered(
        path in "/[!-~]{0,40}",
        known in select(&["", "/oauth/token", "/v1/auth/verify", "/.well-known/jwks.json"][..]),
        query in "(\\?[!-~]{0,60})?",
        method in select(&[Method::GET, Method::POST, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE][..]),
    ) {
        let path = if known.is_empty() { path } else { known.to_owned() };
        let uri = format!("{path}{query}");
        prop_assume!(uri.parse::<Uri>().is_ok());
        send(TARGET.app.request(method, &uri).bearer("a.b.c"))?;
    }

    /// Three parts that are base64url, of JSON that has the right members with the wrong values.
    #[test]
    fn any_token_is_refused(
        header in "\\{(\"alg\":\"(ES256|none)\",)?(\"typ\":\"at.jwt\",)?\"kid\":(\"x\"|null|\\[\\]|1e400)\\}",
        claims in "[{\\[]?(\"(iss|exp|aud|prj)\":(\"x\"|-1|1e99|null|\\{\\}),?){0,4}[}\\]]?",
        signature in "[A-Za-z0-9_-]{0,90}",
    ) {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let token = format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let judged = TARGET.runtime.block_on(TARGET.app.get("/v1/auth/verify").bearer(&token).send());
        prop_assert_eq!(judged.status, 401, "{}", judged.text());
        let asked = TARGET.app.post("/oauth/introspect", &format!("token={token}"));
        let asked = asked.basic(&TARGET.id, &TARGET.secret);
        prop_assert!(!TARGET.runtime.block_on(asked.send()).is_active());
    }
}

//! Parameters at each endpoint: threats S14 (nothing is silently dropped), S32 (too large, too
//! many, too deep) and S34 (nothing twice).

use axum::http::Method;

use crate::support::{App, Build, Key, Send};

const GRANT: &str = "grant_type=client_credentials";
const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];
/// All that any endpoint reads, with a value that passes; and one that none reads.
const PARAMETERS: [(&str, &str); 8] = [
    ("grant_type", "client_credentials"),
    ("scope", "orders:read"),
    ("expires_in", "60"),
    ("token", "x"),
    ("token_type_hint", "access_token"),
    ("client_ip", "192.0.2.1"),
    ("client_assertion", "a.b.c"),
    ("colour", "blue"),
];

fn invalid() -> (u16, String) {
    (400, "invalid_request".to_owned())
}

/// A form that passes at every endpoint.
fn post(key: &Key<'_>, path: &str, more: &str) -> Send {
    key.post(path, &format!("grant_type=client_credentials&token=x{more}"))
}

#[tokio::test]
async fn every_parameter_stands_once_or_the_request_is_refused() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let (id, secret) = (key.id.as_str(), key.secret.as_str());
    for path in ENDPOINTS {
        for (name, value) in PARAMETERS {
            let escaped = format!("%{:02x}{}", name.as_bytes()[0], &name[1..]);
            let pairs = [
                format!("{name}={value}&{name}={value}"),
                format!("{name}=&{name}="),
                format!("{name}&{name}"),
                format!("{name}=&{name}={value}"),
                format!("{name}={value}&{name}="),
                format!("{name}={value}&x=y&{escaped}={value}"),
            ];
            for pair in pairs {
                let rest = if matches!(name, "grant_type") { "token=x" } else { GRANT };
                let answer = key.post(path, &format!("{rest}&{pair}")).send().await;
                assert_eq!(answer.refusal(), invalid(), "{pair} at {path}");
            }
            let both = key.post(&format!("{path}?{name}={value}"), &format!("x=y&{name}={value}"));
            assert_eq!(both.send().await.refusal(), invalid(), "{name} in query and body at {path}");
            let query = post(&key, &format!("{path}?{name}={value}"), "");
            assert_eq!(query.send().await.refusal(), invalid(), "{name} in the query at {path}");
        }
        for (name, value) in [("client_id", id), ("client_secret", secret)] {
            let form = format!("{GRANT}&token=x&client_id={id}&client_secret={secret}&{name}={value}");
            assert_eq!(app.post(path, &form).send().await.refusal(), invalid(), "{name} twice at {path}");
        }
    }
}

#[tokio::test]
async fn only_post_and_the_answer_says_so() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let query = format!("{GRANT}&token=x&client_id={}&client_secret={}", key.id, key.secret);
    for path in ENDPOINTS {
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let method: Method = method.parse().unwrap();
            for path in [path.to_owned(), format!("{path}?{query}")] {
                let answer = app.request(method.clone(), &path).send().await;
                assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn only_a_plain_form_is_read() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let types = [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded-not",
        "application/xml, application/x-www-form-urlencoded",
        "x-www-form-urlencoded",
        "*/*",
        "",
        "é",
    ];
    let codings = ["gzip", "deflate", "br", "zstd", "identity, gzip", "gzip, identity", "unknown", "", "é"];
    for path in ENDPOINTS {
        for kind in types {
            let typed = post(&key, path, "").without("content-type").header("content-type", kind);
            assert_eq!(typed.send().await.refusal(), invalid(), "{kind:?} at {path}");
        }
        assert_eq!(post(&key, path, "").without("content-type").send().await.refusal(), invalid());
        for coding in codings {
            let coded = post(&key, path, "").header("content-encoding", coding);
            assert_eq!(coded.send().await.refusal(), invalid(), "{coding:?} at {path}");
        }
        let twice = post(&key, path, "")
            .header("content-encoding", "identity")
            .header("content-encoding", "identity");
        assert_eq!(twice.send().await.refusal(), invalid());
        assert_eq!(post(&key, path, "").header("content-encoding", "identity").send().await.status, 200);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_never_a_broader_token() {
    // S14. Each of these, passed over, would give the default: all of the key.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read orders:write").create().await;
    let huge = "x".repeat(60_000);
    let rows = [
        ("scope=%FF", "invalid_request"),
        ("scope=%", "invalid_request"),
        ("sc%FFope=orders:read", "invalid_request"),
        ("scope=orders:read&scope=orders:write", "invalid_request"),
        ("scope=%00", "invalid_scope"),
        (&format!("scope={huge}"), "invalid_scope"),
        ("resource=%FF", "invalid_request"),
        ("resource=%00", "invalid_target"),
        ("resource=x", "invalid_target"),
        ("resource=&resource=x", "invalid_target"),
        (&format!("resource=urn%3A{huge}"), "invalid_target"),
        (&format!("audience={huge}"), "invalid_target"),
        ("expires_in=%FF", "invalid_request"),
        ("expires_in=x", "invalid_request"),
        ("expires_in=60&expires_in=60", "invalid_request"),
    ];
    for (more, error) in rows {
        let answer = key.ask(more).send().await;
        let shown = &more[..more.len().min(50)];
        assert_eq!(answer.refusal(), (400, error.to_owned()), "{shown}");
    }
    for missing in ["", "grant_type", "grant_type=", "scope=orders:read"] {
        assert_eq!(key.post("/oauth/token", missing).send().await.refusal(), invalid(), "{missing:?}");
    }
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        for missing in ["", "token", "token=", "token_type_hint=access_token"] {
            assert_eq!(key.post(path, missing).send().await.refusal(), invalid(), "{missing:?} at {path}");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_too_many_or_too_deep_is_refused_before_any_secret_is_digested() {
    // S32: no work for what no client sends.
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let names = |count: usize| (0..count).fold(String::new(), |form, n| form + &format!("&p{n}="));
    let full = |size: usize| {
        format!("&pad={}", "x".repeat(size - "grant_type=client_credentials&token=x&pad=".len()))
    };
    for path in ENDPOINTS {
        assert_eq!(post(&key, path, &names(62)).send().await.status, 200, "64 parameters at {path}");
        assert_eq!(post(&key, path, &full(65_536)).send().await.status, 200, "64 KiB at {path}");
        let before = app.server.authenticator.digests();
        let refused = [
            ("65 parameters", names(63)),
            ("10,000 parameters", names(9_000)),
            ("a byte more than 64 KiB", full(65_537)),
            ("100,000 parameters", names(100_000)),
            ("10 MB", full(10_000_000)),
            ("brackets", format!("&{}=1", "a[b]".repeat(15_000)).repeat(2)),
        ];
        for (name, more) in refused {
            assert_eq!(post(&key, path, &more).send().await.refusal(), invalid(), "{name} at {path}");
        }
        assert_eq!(app.server.authenticator.digests(), before, "at {path}");
        for more in ["&".repeat(60_000), format!("&a{}=1", "[b]".repeat(15_000))] {
            assert_eq!(post(&key, path, &more).send().await.status, 200, "harmless at {path}");
        }
    }
}

#[tokio::test]
async fn a_token_of_dots_or_of_deep_json_is_just_no_token() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let deep = |open: &str, depth: usize| BASE64.encode(open.repeat(depth));
    let header = format!("{{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k\",\"x\":{}", "[".repeat(2_500));
    let tokens = [
        ".".repeat(4_096),
        ".".repeat(50_000),
        format!("{}.e30.AA", deep("[", 3_000)),
        format!("{}.e30.AA", deep("{\"a\":", 600)),
        format!("{}.e30.AA", BASE64.encode(header)),
        format!("{}.e30.AA", BASE64.encode("1e400")),
        "eyJ".repeat(1_300),
        "x".repeat(60_000),
    ];
    for token in tokens {
        assert!(!key.introspect(&token).await.is_active());
        assert_eq!(key.post("/oauth/revoke", &format!("token={token}")).send().await.status, 200);
        assert_eq!(
            app.get("/v1/auth/verify").bearer(&token).send().await.refusal(),
            (401, "invalid_token".into())
        );
    }
}

#[tokio::test]
async fn many_headers_and_long_ones_change_nothing() {
    let app = Build::default().set("PORTCULLIS_CLIENT_ADDRESS_TRUSTED_PROXIES", "192.0.2.1").start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    let hops = ["10.1.2.3"; 1_000].join(", ");
    assert_eq!(key.ask("").header("x-forwarded-for", &hops).send().await.status, 200);
    let unknown = format!("{}10.1.2.3, unknown", "unknown, ".repeat(5_000));
    assert_eq!(
        key.ask("").header("x-forwarded-for", &unknown).send().await.refusal(),
        (400, "unauthorized_client".into())
    );
    let mut crowded = key.ask("").header("x-forwarded-for", "10.1.2.3");
    for n in 0..500 {
        crowded = crowded.header(&format!("x-noise-{n}"), "noise");
    }
    assert_eq!(crowded.send().await.status, 200);
}

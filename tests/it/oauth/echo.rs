//! Headers of answers, and that no answer repeats what came in: threat S35. An answer that echoes
//! is a way to plant a text in somebody's log, browser or terminal.

use axum::http::Method;
use portcullis::keys::acts::KeyAct;

use crate::support::{Answer, App, Key, Send};

/// Passes no grammar but that of plain text, so nothing has a reason to repeat it.
const CANARY: &str = "c4n4ry";
const GRANT: &str = "grant_type=client_credentials";
const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];

/// Parameters that some endpoint reads, and one that none does.
const NAMES: [&str; 13] = [
    "grant_type",
    "scope",
    "resource",
    "audience",
    "expires_in",
    "token",
    "token_type_hint",
    "client_ip",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "colour",
];
/// Headers that somebody on the way may read.
const HEADERS: [&str; 20] = [
    "authorization",
    "x-app-id",
    "x-app-token",
    "content-type",
    "content-encoding",
    "accept",
    "origin",
    "referer",
    "user-agent",
    "cookie",
    "host",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "forwarded",
    "x-request-id",
    "traceparent",
    "dpop",
    "accept-language",
    "if-none-match",
];

fn assert_silent(answer: &Answer, what: &str) {
    let whole = answer.whole().to_lowercase();
    assert!(!whole.contains(CANARY), "{what} is repeated: {whole}");
}

/// Requests that carry the canary somewhere, each with its name.
fn requests(app: &App, key: &Key<'_>, path: &str) -> Vec<(String, Send)> {
    let mut all = Vec::new();
    let tails = ["", "%22", "%0D%0ASet-Cookie:x", "%3Cscript%3E", "%00", "%FF", "%C3%A9"];
    for name in NAMES {
        for tail in tails {
            // A scope value that passes the grammar is named where the key lacks it: rule 3.
            if name == "scope" && matches!(tail, "" | "%3Cscript%3E") {
                continue;
            }
            for rest in [GRANT, "token=x", "grant_type=client_credentials&token=x"] {
                let form = format!("{rest}&{name}={CANARY}{tail}");
                all.push((form.clone(), key.post(path, &form)));
                all.push((format!("{form}, unauthenticated"), app.post(path, &form)));
            }
        }
        all.push((format!("{name} in the query"), key.post(&format!("{path}?{name}={CANARY}"), GRANT)));
    }
    all.push(("a name".to_owned(), key.post(path, &format!("{GRANT}&{CANARY}=1&{CANARY}=2"))));
    for header in HEADERS {
        for value in
            [CANARY.to_owned(), format!("Basic {CANARY}"), format!("Bearer {CANARY}"), format!("{CANARY}é\"")]
        {
            let form = "grant_type=client_credentials&token=x";
            all.push((format!("{header}: {value}"), app.post(path, form).header(header, &value)));
            all.push((format!("{header}: {value}, and Basic"), key.post(path, form).header(header, &value)));
        }
    }
    all.push(("basic".to_owned(), app.post(path, GRANT).basic(CANARY, CANARY)));
    all.push(("app headers".to_owned(), app.post(path, GRANT).app_headers(CANARY, CANARY)));
    all.push(("the path".to_owned(), app.post(&format!("{path}/{CANARY}"), GRANT)));
    all.push(("the method".to_owned(), app.request(Method::from_bytes(b"C4N4RY").unwrap(), path)));
    all
}

#[tokio::test]
async fn no_answer_repeats_what_came_in() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").allow("192.0.2.0/24").create().await;
    for path in ENDPOINTS {
        for (name, request) in requests(&app, &key, path) {
            assert_silent(&request.send().await, &format!("{name} at {path}"));
        }
    }
    for target in [
        "/v1/auth/verify",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/healthz",
        "/readyz",
        "/nowhere",
        "/nowhere/c4n4ry",
    ] {
        for header in ["authorization", "host", "x-forwarded-host", "origin", "x-required-scope", "cookie"] {
            for value in
                [CANARY.to_owned(), format!("Bearer {CANARY}"), format!("Bearer {CANARY}.{CANARY}.{CANARY}")]
            {
                assert_silent(
                    &app.get(target).header(header, &value).send().await,
                    &format!("{header}: {value} at {target}"),
                );
            }
        }
        for query in
            ["scope=%22c4n4ry", "scope=c4n4ry%20", "c4n4ry=1&c4n4ry=2", "access_token=c4n4ry", "%FFc4n4ry"]
        {
            assert_silent(
                &app.get(&format!("{target}?{query}")).send().await,
                &format!("{query} at {target}"),
            );
        }
    }
}

#[tokio::test]
async fn a_scope_value_is_named_only_once_it_has_passed_the_grammar() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let named = key.ask("scope=c4n4ry:%3Cb%3E").send().await;
    assert_eq!(named.json()["error_description"], "the API key does not cover c4n4ry:<b>");
    assert_eq!(named.header("content-type"), "application/json");
    assert_eq!(named.header("x-content-type-options"), "nosniff");
    let unread = key.ask("scope=c4n4ry:%3Cb%3E+%22").send().await;
    assert_eq!(unread.error(), "invalid_scope");
    assert_silent(&unread, "a scope beside an unreadable one");
}

#[tokio::test]
async fn no_answer_about_tokens_may_be_stored() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let elsewhere = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    let blocked = shop.key("orders:read").create().await;
    blocked.act(KeyAct::Block).await;
    app.follow().await;
    let token = key.token("").await;
    let form = format!("{GRANT}&token={token}");
    for path in ENDPOINTS {
        let rows = [
            (200, key.post(path, &form)),
            (400, key.post(path, "")),
            (400, key.post(path, &form).without("content-type")),
            (400, key.post(&format!("{path}?a=b"), &form)),
            (400, elsewhere.post(path, &form)),
            (401, blocked.post(path, &form)),
            (401, app.post(path, &form)),
            (401, app.post(path, &form).bearer("wrong")),
        ];
        for (status, request) in rows {
            let answer = request.send().await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
            assert_eq!(answer.header("cache-control"), "no-store", "{status} at {path}");
            assert_eq!(answer.header("pragma"), "no-cache", "{status} at {path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("www-authenticate").is_empty(), status != 401, "{status} at {path}");
        }
    }
}

#[tokio::test]
async fn a_401_challenges_with_the_scheme_that_was_tried() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let (basic, bearer) = ("Basic realm=\"portcullis\", charset=\"UTF-8\"", "Bearer realm=\"portcullis\"");
    for path in ENDPOINTS {
        let plain = || app.post(path, GRANT);
        let rows = [
            ("nothing", basic, plain()),
            ("Basic", basic, plain().basic(key.id.as_str(), "wrong")),
            ("basic, undecodable", basic, plain().header("authorization", "basic !")),
            ("Bearer", bearer, plain().bearer("wrong")),
            ("bearer, empty", bearer, plain().header("authorization", "bearer ")),
            ("another scheme", basic, plain().header("authorization", "Negotiate abc")),
            ("headers of their own", basic, plain().app_headers(key.id.as_str(), "wrong")),
            ("the body", basic, app.post(path, &format!("{GRANT}&client_id={}&client_secret=wrong", key.id))),
        ];
        for (tried, challenge, request) in rows {
            let answer = request.send().await;
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, challenge),
                "{tried} at {path}"
            );
            assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1);
        }
    }
}

#[tokio::test]
async fn failures_beyond_patience_are_told_when_to_come_back_and_the_right_secret_still_passes() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let mut last = None;
    for _ in 0..11 {
        last = Some(app.post("/oauth/token", GRANT).basic(key.id.as_str(), "wrong").send().await);
    }
    let last = last.unwrap();
    assert_eq!(last.refusal(), (429, "temporarily_unavailable".into()));
    assert_eq!(last.header("cache-control"), "no-store");
    assert!((1..=61).contains(&last.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(key.ask("").send().await.status, 200);
}

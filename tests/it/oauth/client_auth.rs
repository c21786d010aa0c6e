//! Client authentication at every endpoint that asks for it: threats S5 to S9.

use axum::http::Method;
use portcullis::domain::{ProjectKind, Secret};
use portcullis::keys::acts::KeyAct;

use crate::support::{App, Key, Send};

const GRANT: &str = "grant_type=client_credentials&token=x";
const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];

/// A way to present an id and a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Basic,
    Post,
    AppHeaders,
    Bearer,
}

const WAYS: [Way; 4] = [Way::Basic, Way::Post, Way::AppHeaders, Way::Bearer];

impl Way {
    /// Adds the credentials to a request with this form.
    fn present(self, request: Send, form: &mut String, id: &str, secret: &str) -> Send {
        match self {
            Self::Basic => request.basic(id, secret),
            Self::AppHeaders => request.app_headers(id, secret),
            Self::Bearer => request.bearer(secret),
            Self::Post => {
                form.extend(["&client_id=", id, "&client_secret=", secret]);
                request
            }
        }
    }
}

/// A request with credentials presented in each of these ways.
fn request(app: &App, path: &str, more: &str, ways: &[(Way, &str, &str)]) -> Send {
    let mut form = format!("{GRANT}{more}");
    let blank = app.post(path, "");
    let presented =
        |request, (way, id, secret): &(Way, &str, &str)| way.present(request, &mut form, id, secret);
    let request = ways.iter().fold(blank, presented);
    request.body(form.as_bytes())
}

/// The same secret with another character in one place.
fn with_other(secret: &str, place: usize) -> String {
    let other = if &secret[place..=place] == "x" { "y" } else { "x" };
    format!("{}{other}{}", &secret[..place], &secret[place + 1..])
}

/// A secret that nobody has, with a checksum that holds, naming this key.
fn well_formed(key: &Key<'_>) -> String {
    Secret::regenerate(&key.id, ProjectKind::Live, &[7; 32]).expose().to_owned()
}

#[tokio::test]
async fn every_way_works_for_every_key_at_every_endpoint() {
    // S9: no key is registered for one way yet, so there is none to be lured into a weaker one.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    for way in WAYS {
        for path in ENDPOINTS {
            let answer = request(&app, path, "", &[(way, key.id.as_str(), &key.secret)]).send().await;
            assert_eq!(answer.status, 200, "{way:?} at {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_stranger_learns_nothing_from_a_refusal_and_costs_the_same() {
    // S5. Who has the right secret is told more: see the next test.
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let blocked = shop.key("orders:read").create().await;
    blocked.act(KeyAct::Block).await;
    let deleted = shop.key("orders:read").create().await;
    deleted.act(KeyAct::Delete).await;
    let soon = app.server.clock.now().after(std::time::Duration::from_secs(5));
    let expired = shop.key("orders:read").with(|details| details.expires_at = Some(soon)).create().await;
    app.pass(std::time::Duration::from_secs(6)).await;
    let (nobody, nobodys) = Secret::generate(ProjectKind::Live, &[9; 48]);
    let last = key.secret.len() - 1;
    let cases: [(&str, &str, String); 11] = [
        ("unknown id", nobody.as_str(), nobodys.expose().to_owned()),
        ("no id at all", "nobody home", nobodys.expose().to_owned()),
        ("first byte wrong", key.id.as_str(), with_other(&key.secret, 0)),
        ("last byte wrong", key.id.as_str(), with_other(&key.secret, last)),
        ("checksum right, secret wrong", key.id.as_str(), well_formed(&key)),
        ("no secret of ours", key.id.as_str(), "wrong".to_owned()),
        ("another key's secret with a wrong byte", key.id.as_str(), with_other(&blocked.secret, 30)),
        ("blocked, wrong", blocked.id.as_str(), well_formed(&blocked)),
        ("expired, wrong", expired.id.as_str(), well_formed(&expired)),
        ("deleted, wrong", deleted.id.as_str(), well_formed(&deleted)),
        ("deleted, once right", deleted.id.as_str(), deleted.secret.clone()),
    ];
    for way in WAYS {
        for path in ENDPOINTS {
            let mut seen = std::collections::BTreeMap::<String, Vec<&str>>::new();
            for (name, id, secret) in &cases {
                let id = if way == Way::Post { id.replace(' ', "+") } else { (*id).to_owned() };
                let before = app.server.authenticator.digests();
                let answer = request(&app, path, "", &[(way, &id, secret)]).send().await;
                let digests = app.server.authenticator.digests() - before;
                seen.entry(format!("{digests} digests, {}", answer.whole())).or_default().push(name);
            }
            assert_eq!(seen.len(), 1, "{way:?} at {path}: {seen:#?}");
            let only = seen.keys().next().unwrap();
            assert!(only.starts_with("1 digests, 401 "), "{only}");
        }
    }
}

#[tokio::test]
async fn only_who_has_the_right_secret_is_told_blocked_or_expired() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let blocked = shop.key("orders:read").create().await;
    blocked.act(KeyAct::Block).await;
    let soon = app.server.clock.now().after(std::time::Duration::from_secs(5));
    let expired = shop.key("orders:read").with(|details| details.expires_at = Some(soon)).create().await;
    app.pass(std::time::Duration::from_secs(5)).await;
    for path in ENDPOINTS {
        for (key, said) in [(&blocked, "the API key is blocked"), (&expired, "the API key has expired")] {
            for way in WAYS {
                let answer = request(&app, path, "", &[(way, key.id.as_str(), &key.secret)]).send().await;
                assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{way:?} at {path}");
                assert_eq!(answer.json()["error_description"], said);
                assert!(!answer.header("www-authenticate").is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_secret_counts_to_its_last_byte_and_no_further() {
    // S6: bcrypt would look at 72 bytes, C at those before a NUL.
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let long = "s".repeat(100);
    let key = shop.import("imported", &long, "orders:read").await;
    let status =
        async |secret: &str| app.post("/oauth/token", GRANT).basic("imported", secret).send().await.status;
    assert_eq!(status(&long).await, 200);
    let beyond = [
        &long[..99],
        &long[..72],
        &format!("{long}s"),
        &format!("{long}\0"),
        &format!("{long}\0tail"),
        &format!("{long} "),
        &format!(" {long}"),
        &"s".repeat(40_000),
        "",
        &format!("{}t", &long[..99]),
    ];
    for wrong in beyond {
        assert_eq!(status(wrong).await, 401, "{} bytes", wrong.len());
    }
    let ours = shop.key("orders:read").create().await;
    for wrong in [
        format!("{}x", ours.secret),
        format!("{}\0", ours.secret),
        ours.secret[1..].to_owned(),
        ours.secret.to_uppercase(),
    ] {
        assert_eq!(
            ours.app.post("/oauth/token", GRANT).basic(ours.id.as_str(), &wrong).send().await.status,
            401
        );
    }
    assert_eq!(key.ask("").send().await.status, 200);
}

#[tokio::test]
async fn basic_is_decoded_as_rfc_6749_says_and_never_fails_the_server() {
    // S7. Form-encoded, any character passes; raw, only those that form-decoding leaves alone.
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let (id, secret) = ("a:b%c+d", "s:e%c+r é:tttttttt");
    shop.import(id, secret, "orders:read").await;
    shop.import("plain", "s:e c é:tttttttttt", "orders:read").await;
    let ask = |pair: &[u8]| app.post("/oauth/token", GRANT).basic_raw(pair).send();

    assert_eq!(app.post("/oauth/token", GRANT).basic(id, secret).send().await.status, 200);
    assert_eq!(ask(b"a%3Ab%25c%2Bd:s%3ae%25c%2br+%c3%a9%3Atttttttt").await.status, 200);
    assert_eq!(ask("plain:s:e c é:tttttttttt".as_bytes()).await.status, 200, "no escape, no plus");
    let broken: [&[u8]; 14] = [
        "a:b%c+d:s:e%c+r é:tttttttt".as_bytes(),
        "a%3Ab%25c+d:s%3ae%25c%2br+%c3%a9%3Atttttttt".as_bytes(),
        b"plain:s:e c \xe9:tttttttttt",
        b"plain:s:e c %e9:tttttttttt",
        b"plain",
        b"",
        b":",
        b"plain:",
        b":s:e c",
        b"\0:\0",
        b"plain\0:s:e c",
        b"%00:%00",
        b"\xff\xfe:\xff",
        b"plain:%",
    ];
    for pair in broken {
        let answer = ask(pair).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{}", String::from_utf8_lossy(pair));
    }
    for header in [
        "Basic",
        "Basic ",
        "Basic =",
        "Basic !!!!",
        "Basic cGxhaW46eA",
        "Basic cGxhaW46eA=",
        "Basic cGxh aW46eA==",
        "Basic Pz8_Pz8-",
        "Basic\tcGxhaW46eA==",
        "Basic é",
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer é",
        "Negotiate x",
        "=",
        "Basic,cGxhaW46eA==",
    ] {
        let answer = app.post("/oauth/token", GRANT).header("authorization", header).send().await;
        assert_eq!(answer.refusal(), (401, "invalid_client".into()), "{header:?}");
    }
    let answer = app.post("/oauth/token", GRANT).app_headers("plain", "é").send().await;
    assert_eq!(answer.refusal(), (401, "invalid_client".into()));
}

#[tokio::test]
async fn two_credentials_are_refused_even_if_each_alone_is_right() {
    // S8: never "the first wins".
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
    let (id, secret) = (key.id.as_str(), key.secret.as_str());
    let refused = (400, "invalid_request".to_owned());
    for path in ENDPOINTS {
        for first in WAYS {
            for second in WAYS {
                if first == Way::Post && second == Way::Post {
                    continue;
                }
                for (other_id, other_secret) in
                    [(id, secret), (other.id.as_str(), &*other.secret), (id, "wrong")]
                {
                    let ways = [(first, id, secret), (second, other_id, other_secret)];
                    let answer = request(&app, path, "", &ways).send().await;
                    assert_eq!(answer.refusal(), refused, "{first:?} and {second:?} at {path}");
                }
            }
            for assertion in ["client_assertion=a.b.c", "client_assertion_type=urn%3Ax"] {
                let more = format!("&{assertion}");
                let answer = request(&app, path, &more, &[(first, id, secret)]).send().await;
                assert_eq!(answer.refusal(), refused, "{first:?} and {assertion} at {path}");
            }
        }
        let alone = app.post(path, &format!("{GRANT}&client_assertion=a.b.c")).send().await;
        assert_eq!(alone.refusal(), (401, "invalid_client".into()), "no method that is offered");
        for half in ["x-app-id", "x-app-token"] {
            let whole = app.post(path, GRANT);
            assert_eq!(whole.header(half, id).send().await.refusal(), refused, "{half} alone");
            let with_basic = key.post(path, GRANT).header(half, id).send().await;
            assert_eq!(with_basic.refusal(), refused, "{half} and Basic");
        }
    }
    assert_eq!(app.request(Method::POST, "/oauth/token").send().await.refusal(), refused, "nothing at all");
}

#[tokio::test]
async fn a_client_id_in_the_body_is_the_one_of_the_credentials_or_refused() {
    // S8. The secret of an imported key does not name it, so that is told only after the look-up.
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let imported = shop.import("imported", "a secret of its own", "orders:read").await;
    for path in ENDPOINTS {
        for key in [&key, &imported] {
            let secret = key.secret.replace(' ', "+");
            for way in WAYS.into_iter().filter(|way| *way != Way::Post) {
                let ask = async |id: &str| {
                    let ways = [(way, key.id.as_str(), &*key.secret)];
                    request(&app, path, &format!("&client_id={id}"), &ways).send().await.refusal()
                };
                let case = format!("{way:?} of {} at {path}", key.id);
                assert_eq!(ask(key.id.as_str()).await, (200, String::new()), "{case}");
                assert_eq!(ask("").await, (200, String::new()), "{case}, empty as if omitted");
                assert_eq!(ask("somebody").await, (400, "invalid_request".into()), "{case}");
            }
            let twice = format!("{GRANT}&client_id={}&client_id={}&client_secret={secret}", key.id, key.id);
            assert_eq!(app.post(path, &twice).send().await.refusal(), (400, "invalid_request".into()));
        }
    }
}

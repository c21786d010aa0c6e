//! `POST /oauth/token`: what a token says (RFC 9068), and how large it may become.

use insta::assert_json_snapshot;
use portcullis::keys::acts::KeyAct;
use serde_json::{Value, json};

use crate::support::{App, part};

/// Replaces a member by its name, once its shape is checked.
fn redact(value: &mut Value, name: &str, fits: impl Fn(&str) -> bool) {
    let text = value[name].as_str().map_or_else(|| value[name].to_string(), str::to_owned);
    assert!(fits(&text), "{name}: {text}");
    value[name] = json!(format!("[{name}]"));
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[tokio::test]
async fn a_key_becomes_a_narrowed_token_that_lives_until_the_key_is_blocked() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read orders:write").await;
    let key = shop.key("api").create().await;

    let granted = key.ask("scope=orders:read").send().await;

    let body = granted.json();
    assert_eq!(granted.status, 200, "{body}");
    assert_eq!(body["scope"], "orders:read");
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(body["expires_at"], app.now() + 900);
    assert_eq!(granted.header("cache-control"), "no-store");
    let token = granted.token();
    let seen = key.introspect(&token).await;
    assert!(seen.is_active());
    assert_eq!(seen.json()["prj"], shop.project.id.as_str());

    key.act(KeyAct::Block).await;
    app.follow().await;
    let other = shop.key("orders:read portcullis:introspect").create().await;
    assert!(!other.introspect(&token).await.is_active());
    assert_eq!(key.ask("").send().await.refusal(), (401, "invalid_client".into()));
}

#[tokio::test]
async fn a_token_is_that_of_rfc_9068_and_the_answer_that_of_rfc_6749() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read orders:write").await;
    let key = shop.key("api").allow("192.0.2.0/24 2001:db8::/32").create().await;
    let is_key = |text: &str| text == key.id.as_str();

    let granted = key.ask("").send().await;

    let token = granted.token();
    let (mut header, mut claims, mut answer) = (part(&token, 0), part(&token, 1), granted.json());
    redact(&mut header, "kid", |kid| kid.len() == 43 && is_base64url(kid));
    assert_json_snapshot!(header, @r#"
    {
      "alg": "ES256",
      "kid": "[kid]",
      "typ": "at+jwt"
    }
    "#);
    redact(&mut claims, "jti", |jti| jti.len() == 22 && is_base64url(jti));
    redact(&mut claims, "client_id", is_key);
    redact(&mut claims, "sub", is_key);
    redact(&mut claims, "prj", |prj| prj == shop.project.id.as_str());
    redact(&mut claims, "pos", |pos| pos.parse::<i64>().unwrap() > 0);
    redact(&mut claims, "aud", |aud| {
        aud == format!("https://tokens.example.com/projects/{}", shop.project.id)
    });
    assert_json_snapshot!(claims, @r#"
    {
      "aud": "[aud]",
      "client_id": "[client_id]",
      "exp": 1795328100,
      "iat": 1795327200,
      "ips": [
        "192.0.2.0/24",
        "2001:db8::/32"
      ],
      "iss": "https://tokens.example.com",
      "jti": "[jti]",
      "pos": "[pos]",
      "prj": "[prj]",
      "scope": "api orders:read orders:write",
      "sub": "[sub]"
    }
    "#);
    redact(&mut answer, "access_token", |text| text == token);
    redact(&mut answer, "client_id", is_key);
    assert_json_snapshot!(answer, @r#"
    {
      "access_token": "[access_token]",
      "client_id": "[client_id]",
      "expires_at": 1795328100,
      "expires_in": 900,
      "scope": "api",
      "token_type": "Bearer"
    }
    "#);
}

#[tokio::test]
async fn two_tokens_of_one_request_have_names_of_their_own() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let names: std::collections::BTreeSet<String> =
        [key.token("").await, key.token("").await, key.token("").await]
            .iter()
            .map(|token| part(token, 1)["jti"].as_str().unwrap().to_owned())
            .collect();
    assert_eq!(names.len(), 3);
}

#[tokio::test]
async fn a_token_that_nobody_would_look_at_is_not_minted() {
    // 4 KiB: the guard refuses longer ones before it looks at them.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let wide: Vec<String> = (0..200).map(|n| format!("orders:{n:030}")).collect();
    let key = shop.key(&wide.join(" ")).create().await;
    let mut longest = String::new();
    for count in 1.. {
        let answer = key.ask(&format!("scope={}", wide[..count].join("+"))).send().await;
        if answer.status != 200 {
            assert_eq!(answer.refusal(), (400, "invalid_scope".into()));
            break;
        }
        longest = answer.token();
    }
    // A value more would have been about 50 characters more.
    assert!((4_040..=4_096).contains(&longest.len()), "{}", longest.len());
    assert!(key.introspect(&longest).await.is_active());
    assert_eq!(key.ask("").send().await.refusal(), (400, "invalid_scope".into()), "all of it");
}

#[tokio::test]
async fn the_longest_allowlist_fits_into_a_token() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let networks: Vec<String> = (0..32).map(|n| format!("2001:db8:{n:x}:1111:2222:3333:4444:5555")).collect();
    let key = shop.key("orders:read").allow(&networks.join(" ")).create().await;

    let granted = key.ask("").from("2001:db8:1f:1111:2222:3333:4444:5555").send().await;

    let token = granted.token();
    assert_eq!(part(&token, 1)["ips"].as_array().unwrap().len(), 32);
    assert!(token.len() <= 4096, "{}", token.len());
}

#[tokio::test]
async fn a_stale_server_mints_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    app.clock.advance(std::time::Duration::from_secs(31));

    let answer = key.ask("").send().await;

    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".into()));
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
    app.follow().await;
    assert_eq!(key.ask("").send().await.status, 200);
}

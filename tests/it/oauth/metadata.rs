//! The two published documents: RFC 8414, RFC 7517, and the serving side of threat S31.

use insta::assert_json_snapshot;
use serde_json::Value;

use crate::support::{App, Build, part};

const METADATA: &str = "/.well-known/oauth-authorization-server";
const JWKS: &str = "/.well-known/jwks.json";

#[tokio::test]
async fn the_metadata_names_what_is_there_and_nothing_else() {
    let app = App::start().await;

    let answer = app.get(METADATA).send().await;

    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_json_snapshot!(answer.json(), @r#"
    {
      "grant_types_supported": [
        "client_credentials"
      ],
      "introspection_endpoint": "https://tokens.example.com/oauth/introspect",
      "introspection_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post"
      ],
      "introspection_signing_alg_values_supported": [
        "ES256",
        "EdDSA",
        "RS256"
      ],
      "issuer": "https://tokens.example.com",
      "jwks_uri": "https://tokens.example.com/.well-known/jwks.json",
      "portcullis_feed_endpoint": "https://tokens.example.com/oauth/revocations",
      "portcullis_feed_jwks_uri": "https://tokens.example.com/.well-known/portcullis-feed-jwks.json",
      "response_types_supported": [],
      "revocation_endpoint": "https://tokens.example.com/oauth/revoke",
      "revocation_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post"
      ],
      "token_endpoint": "https://tokens.example.com/oauth/token",
      "token_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post"
      ]
    }
    "#);
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    for (member, url) in answer.json().as_object().unwrap() {
        let Some(path) = url.as_str().and_then(|url| url.strip_prefix("https://tokens.example.com/")) else {
            continue;
        };
        let path = format!("/{path}");
        let answer = if member.ends_with("jwks_uri") {
            app.get(&path).send().await
        } else if member == "portcullis_feed_endpoint" {
            let guard = shop.key("portcullis:revocations").create().await;
            let ask = app.get(&format!("{path}?nonce=0123456789abcdef"));
            ask.basic(guard.id.as_str(), &guard.secret).send().await
        } else {
            key.post(&path, "grant_type=client_credentials&token=x").send().await
        };
        assert_eq!(answer.status, 200, "{member}");
    }
}

#[tokio::test]
async fn the_metadata_of_an_issuer_with_a_path_stands_between_host_and_path_too() {
    // RFC 8414 §3.1.
    let issuer = "https://example.com/auth/tokens";
    let app = Build::default().set("PORTCULLIS_ISSUER", issuer).start().await;
    for path in [METADATA.to_owned(), format!("{METADATA}/auth/tokens")] {
        let answer = app.get(&path).send().await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["issuer"], issuer);
        assert_eq!(answer.json()["token_endpoint"], format!("{issuer}/oauth/token"));
    }
    for path in [format!("{METADATA}/auth"), format!("{METADATA}/"), format!("{METADATA}/other")] {
        assert_eq!(app.get(&path).send().await.status, 404, "{path}");
    }
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let claims = part(&key.token("").await, 1);
    assert_eq!(claims["iss"], issuer);
    assert_eq!(claims["aud"], format!("{issuer}/projects/{}", shop.project.id));
}

#[tokio::test]
async fn an_issuers_path_is_taken_as_it_is_written() {
    // A router reads `:x` and `*x` as placeholders, or refuses to start for them.
    for segment in [":x", "*x", "a%20b", "%7Bx%7D"] {
        let issuer = format!("https://example.com/{segment}");
        let app = Build::default().set("PORTCULLIS_ISSUER", &issuer).start().await;
        assert_eq!(app.get(&format!("{METADATA}/{segment}")).send().await.json()["issuer"], issuer);
        assert_eq!(app.get(&format!("{METADATA}/y")).send().await.status, 404, "{segment}");
    }
}

#[tokio::test]
async fn the_metadata_follows_the_setting_and_not_the_request() {
    let app = App::start().await;
    let plain = app.get(METADATA).send().await;
    for header in ["host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "forwarded"] {
        let spoofed = app.get(METADATA).without(header).header(header, "evil.example.com").send().await;
        assert_eq!(spoofed.whole(), plain.whole(), "{header}");
    }
}

#[tokio::test]
async fn the_published_keys_are_public_halves_and_hold_the_one_that_signs() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let kid = part(&key.token("").await, 0)["kid"].clone();

    let answer = app.get(JWKS).send().await;

    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let document = answer.json();
    assert_eq!(document.as_object().unwrap().keys().collect::<Vec<_>>(), ["keys"]);
    let keys = document["keys"].as_array().unwrap();
    assert_eq!(keys.iter().filter(|jwk| jwk["kid"] == kid).count(), 1);
    for jwk in keys {
        let members: Vec<&String> = jwk.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            ["alg", "crv", "kid", "kty", "use", "x", "y"],
            "no private member, nothing unknown"
        );
        let of = |name: &str| jwk[name].as_str().unwrap();
        assert_eq!((of("alg"), of("crv"), of("kty"), of("use")), ("ES256", "P-256", "EC", "sig"));
    }
}

#[tokio::test]
async fn whoever_reads_the_published_keys_can_judge_a_token_alone() {
    use portcullis_guard::jwks::KeySet;
    use portcullis_guard::{Unverified, Verifier};
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let keys = KeySet::from_json(&app.get(JWKS).send().await.text()).unwrap();
    let issuer = app.server.issuer.clone();
    let verifier = Verifier::new(issuer.clone(), shop.project.id.clone(), keys.into());
    let verified = verifier.check_signature(&Unverified::read(&token).unwrap()).unwrap();
    assert_eq!(verified.claims().client_id, key.id);

    // S49: shared issuer, shared keys; another project's judge refuses it all the same.
    let view = app.server.copy.view();
    let gate = view.gate();
    let required = portcullis_guard::Required {
        scope: &portcullis_guard::ScopeSet::default(),
        audience: portcullis_guard::Whose::Any,
        address: portcullis_guard::Place::NotJudged,
        origin: None,
    };
    assert_eq!(verifier.judge_verified(&verified, &required, &gate), Ok(()));
    let rivals = app.server.verifier(&rival.project.id);
    let refused = rivals.judge_verified(&verified, &required, &gate);
    assert_eq!(refused, Err(portcullis_guard::Refusal::Project));
}

#[tokio::test]
async fn the_documents_are_there_while_nobody_can_be_admitted() {
    let app = App::start().await;
    app.clock.advance(std::time::Duration::from_secs(31));
    assert_eq!(app.get("/readyz").send().await.status, 503);
    for path in [METADATA, JWKS, "/healthz"] {
        let answer = app.get(path).send().await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!matches!(answer.json(), Value::Null));
    }
}

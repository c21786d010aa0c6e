//! `POST /oauth/introspect` as a JWT (RFC 9701), and that it is nothing but that (threat S15).

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use portcullis::domain::SigningAlgorithm;
use portcullis_guard::Claims;
use serde_json::{Value, json};

use crate::support::{Answer, App, Key, part, signed_by};

const JWT: &str = "application/token-introspection+jwt";
const METADATA: &str = "/.well-known/oauth-authorization-server";

async fn ask(asker: &Key<'_>, token: &str) -> Answer {
    asker.post("/oauth/introspect", &format!("token={token}")).header("accept", JWT).send().await
}

/// The claims, after the signature was checked by the published keys.
async fn checked(app: &App, answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, JWT), "{}", answer.text());
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    let keys: JwkSet = serde_json::from_value(app.get("/.well-known/jwks.json").send().await.json()).unwrap();
    let header = jsonwebtoken::decode_header(answer.text()).unwrap();
    assert_eq!(header.typ.as_deref(), Some("token-introspection+jwt"));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut wanted = Validation::new(header.alg);
    wanted.required_spec_claims.clear();
    (wanted.validate_exp, wanted.validate_aud) = (false, false);
    jsonwebtoken::decode(answer.text(), &key, &wanted).unwrap().claims
}

#[tokio::test]
async fn a_live_token_is_described_in_a_jwt_for_the_resource_server_that_asked() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let api = shop.key("portcullis:introspect").create().await;
    let token = key.token("").await;

    let said = checked(&app, &ask(&api, &token).await).await;

    let plain = api.introspect(&token).await.json();
    assert_eq!(
        said,
        json!({ "iss": &*app.server.issuer, "aud": api.id, "iat": app.now(), "token_introspection": plain }),
        "and neither `sub` nor `exp`"
    );
}

#[tokio::test]
async fn of_whatever_is_not_live_or_not_the_askers_only_that_is_said() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let key = shop.key("orders:read").create().await;
    let plain = shop.key("orders:read").create().await;
    let rivals = rival.key("portcullis:introspect").create().await;
    let (live, revoked) = (key.token("").await, key.token("").await);
    key.post("/oauth/revoke", &format!("token={revoked}")).send().await;
    for (what, asker, token) in [
        ("revoked", &key, &*revoked),
        ("unknown", &key, "unknown"),
        ("another key's, without permission", &plain, &live),
        ("another project's", &rivals, &live),
    ] {
        let said = checked(&app, &ask(asker, token).await).await;
        assert_eq!(said["token_introspection"], json!({ "active": false }), "{what}");
        assert_eq!(said["aud"], asker.id.as_str(), "{what}");
    }
}

#[tokio::test]
async fn it_is_signed_as_the_projects_tokens_are_by_an_algorithm_that_the_metadata_names() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let metadata = app.get(METADATA).send().await.json();
    let promised = metadata["introspection_signing_alg_values_supported"].as_array().unwrap();
    let mut seen = Vec::new();
    for algorithm in SigningAlgorithm::ALL {
        app.shell.edit_project(&shop.project.id, signed_by(algorithm)).await.unwrap();
        app.follow().await;
        for _ in 0..31 {
            app.pass(Duration::from_secs(20)).await;
        }
        let token = key.token("").await;
        let answer = ask(&key, &token).await;
        assert_eq!(checked(&app, &answer).await["token_introspection"]["active"], true);
        let alg = part(&answer.text(), 0)["alg"].clone();
        assert_eq!(alg, part(&token, 0)["alg"]);
        seen.push(alg);
    }
    assert_eq!(&seen, promised);
}

#[tokio::test]
async fn it_is_given_to_whoever_accepts_it_and_json_to_everybody_else() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    for (accept, content_type) in [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json, application/token-introspection+jwt;q=0.5", "application/json"),
        ("application/token-introspection+jwt, application/json;q=0.5", JWT),
        ("application/token-introspection+jwt", JWT),
    ] {
        let form = format!("token={token}");
        let answer = key.post("/oauth/introspect", &form).header("accept", accept).send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type), "{accept}");
    }
    let form = format!("access_token={token}");
    let other_shape = key.post("/v1/oauth/introspect", &form).header("accept", JWT).send().await;
    assert!(other_shape.is_active(), "Voucherify's shape is JSON");
}

/// S15: signed by the very keys that sign tokens, and worth nothing where a token belongs.
#[tokio::test]
async fn it_passes_nowhere_as_an_access_token() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read portcullis:introspect portcullis:revocations").create().await;
    let token = key.token("").await;
    let answer = ask(&key, &token).await;
    let (said, jwt) = (checked(&app, &answer).await, answer.text());

    let judged = app.get("/v1/auth/verify").bearer(&jwt).send().await;
    assert_eq!((judged.status, judged.json()["reason"].as_str()), (401, Some("wrong_type")));
    let proxied = app.get(&format!("/verify?project={}", shop.project.id)).bearer(&jwt).send().await;
    assert_eq!((proxied.status, proxied.json()["reason"].as_str()), (401, Some("wrong_type")));
    assert!(!key.introspect(&jwt).await.is_active());
    assert_eq!(key.post("/oauth/revoke", &format!("token={jwt}")).send().await.status, 200);
    assert!(key.introspect(&token).await.is_active(), "the token that it is about lives on");
    let feed = app.get("/oauth/revocations?nonce=0123456789abcdef").bearer(&jwt).send().await;
    assert_eq!(feed.status, 401);
    let minted = app.post("/oauth/token", "grant_type=client_credentials").bearer(&jwt).send().await;
    assert_eq!(minted.refusal(), (401, "invalid_client".into()));
    // Not even what is in it would, under the type of a token.
    assert!(serde_json::from_value::<Claims>(said).is_err());
}

#[tokio::test]
async fn what_is_refused_is_refused_in_json() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let form = format!("token={token}");
    let stranger = app.post("/oauth/introspect", &form).header("accept", JWT).send().await;
    assert_eq!(stranger.refusal(), (401, "invalid_client".into()));
    let unreadable = key.post("/oauth/introspect", &format!("{form}&client_ip=x")).header("accept", JWT);
    assert_eq!(unreadable.send().await.refusal(), (400, "invalid_request".into()));
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(ask(&key, &token).await.refusal(), (503, "temporarily_unavailable".into()));
}

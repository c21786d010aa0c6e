//! RFC 8414 and RFC 9068: what the server and its tokens say of themselves.

use serde_json::json;

use super::{Row, Stage, row};

const METADATA: &str = "/.well-known/oauth-authorization-server";
const ISSUER: &str = "https://tokens.example.com";

pub(super) fn rows(stage: &Stage<'_>) -> Vec<Row> {
    [metadata(stage), tokens(stage)].into_iter().flatten().collect()
}

fn metadata(stage: &Stage<'_>) -> Vec<Row> {
    let get = |path| stage.app.get(path);
    vec![
        row("RFC 8414 §2", "the issuer is an https URL", get(METADATA)).says("issuer", ISSUER),
        row("RFC 8414 §2", "the endpoints are URLs", get(METADATA))
            .says("token_endpoint", format!("{ISSUER}/oauth/token"))
            .says("introspection_endpoint", format!("{ISSUER}/oauth/introspect"))
            .says("revocation_endpoint", format!("{ISSUER}/oauth/revoke"))
            .says("jwks_uri", format!("{ISSUER}/.well-known/jwks.json")),
        row("RFC 8414 §2", "response_types_supported is required", get(METADATA))
            .says("response_types_supported", json!([])),
        row("RFC 8414 §2", "what is not offered is not named", get(METADATA))
            .says("authorization_endpoint", ()),
        row("RFC 8414 §3.1", "the document is had by GET", get(METADATA)),
        row("RFC 8414 §3.1", "and by GET only", stage.nobody(METADATA, ""))
            .refused(405, "invalid_request")
            .header("allow", "GET,HEAD"),
        row("RFC 8414 §3.2", "the document is JSON", get(METADATA))
            .header("content-type", "application/json"),
        row("RFC 7517 §5", "the keys are JSON", get("/.well-known/jwks.json"))
            .header("content-type", "application/json"),
    ]
}

fn tokens(stage: &Stage<'_>) -> Vec<Row> {
    let now = stage.app.now();
    let token = |section, must| row(section, must, stage.ask("scope=orders:read"));
    vec![
        token("RFC 9068 §2.1", "a token is signed, and says that it is an access token")
            .says("header.typ", "at+jwt")
            .says("header.alg", "ES256"),
        token("RFC 9068 §2.2", "a token says who made it and when")
            .says("claims.iss", ISSUER)
            .says("claims.iat", now)
            .says("claims.exp", now + 900),
        token("RFC 9068 §2.2", "a token says whose it is")
            .says("claims.sub", stage.key.id.as_str())
            .says("claims.client_id", stage.key.id.as_str()),
        token("RFC 9068 §2.2.3", "a token has the scope that was granted")
            .says("claims.scope", "orders:read"),
        token("RFC 9068 §3", "without a resource the default is the audience")
            .says("claims.aud", "https://api.example.com"),
        row("RFC 9068 §3", "the resource is the audience", stage.ask("resource=urn%3Asecond"))
            .says("claims.aud", "urn:second"),
    ]
}

//! `GET /.well-known/oauth-authorization-server` and `/.well-known/jwks.json` (RFC 8414, RFC 7517).
//!
//! The metadata is made from the table of what is mounted, so it cannot promise what is not there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{ENDPOINTS, GRANT_TYPES, client_auth};
use crate::domain::SigningAlgorithm;
use crate::web::Server;

/// How long caches may keep the answers: less than a signing key is announced before it signs.
pub(super) const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The metadata of RFC 8414 §2.
pub(super) async fn metadata(State(server): State<Arc<Server>>) -> Response {
    let issuer = &*server.issuer;
    let mut document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}{}", super::JWKS_PATH),
        "portcullis_feed_endpoint": format!("{issuer}{}", super::FEED_PATH),
        "portcullis_feed_jwks_uri": format!("{issuer}{}", super::FEED_JWKS_PATH),
        "grant_types_supported": GRANT_TYPES,
        // RFC 9701 §7: answers are signed as the tokens of the asker's project are, and it may choose any.
        "introspection_signing_alg_values_supported": SigningAlgorithm::ALL,
        "response_types_supported": [],
    });
    for endpoint in ENDPOINTS {
        document[format!("{}_endpoint", endpoint.name)] = json!(format!("{issuer}{}", endpoint.path));
        let methods = format!("{}_endpoint_auth_methods_supported", endpoint.name);
        document[methods] = json!(client_auth::METHODS);
    }
    cached(document)
}

/// The public signing keys.
pub(super) async fn jwks(State(server): State<Arc<Server>>) -> Response {
    let keys = server.keyring.jwks(server.clock.now());
    cached(serde_json::to_value(keys).expect("a JWK set is JSON"))
}

fn cached(document: Value) -> Response {
    ([(header::CACHE_CONTROL, CACHED)], Json(document)).into_response()
}

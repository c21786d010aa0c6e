//! The OAuth endpoints, one file each; client authentication, one file per method.
//!
//! Strict first: what an RFC forbids is refused with the RFC's error. Not here: what a key may
//! mint (`domain::grant`), what a token is worth (the guard).

mod accept;
mod block;
mod caller;
mod client_auth;
mod error;
mod feed;
mod flow;
mod introspect;
mod metadata;
mod request;
mod revoke;
mod token;
mod verify;
mod voucherify;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use crate::web::Server;

pub use error::error_codes;
pub use feed::{FEED_JWKS_PATH, FEED_PATH, longest_wait};
pub use introspect::SIGNED_MEDIA_TYPE;

/// The grants that the token endpoint knows.
pub const GRANT_TYPES: [&str; 1] = ["client_credentials"];

/// Where whoever holds a key blocks it.
pub const BLOCK_PATH: &str = "/v1/key/block";

/// Where the public signing keys are.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// Where the metadata is (RFC 8414 §3).
pub const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

/// An endpoint for authenticated keys.
struct Endpoint {
    /// As RFC 8414 names it, before `_endpoint`.
    name: &'static str,
    path: &'static str,
    route: fn() -> MethodRouter<Arc<Server>>,
}

/// What is mounted, and what the metadata says of it.
const ENDPOINTS: [Endpoint; 3] = [
    Endpoint { name: "token", path: "/oauth/token", route: || post(token::token) },
    Endpoint { name: "introspection", path: "/oauth/introspect", route: || post(introspect::introspect) },
    Endpoint { name: "revocation", path: "/oauth/revoke", route: || post(revoke::revoke) },
];

/// The endpoints of the metadata: their names there, before `_endpoint`, and their paths.
pub fn endpoints() -> impl Iterator<Item = (&'static str, &'static str)> {
    ENDPOINTS.iter().map(|endpoint| (endpoint.name, endpoint.path))
}

/// The routes of the OAuth endpoints. Where the issuer has a path, the metadata also stands where
/// RFC 8414 §3.1 puts it: between host and path.
pub fn routes(issuer: &str) -> Router<Arc<Server>> {
    // The check is for placeholders of an older router; an issuer's path may begin like one.
    let mut router = Router::new()
        .route(METADATA_PATH, get(metadata::metadata))
        .route(JWKS_PATH, get(metadata::jwks))
        .route(FEED_PATH, get(feed::revocations))
        .route(FEED_JWKS_PATH, get(feed::jwks))
        .route("/v1/auth/verify", get(verify::verify))
        .route(BLOCK_PATH, post(block::block))
        .merge(voucherify::routes())
        .without_v07_checks();
    for endpoint in ENDPOINTS {
        router = router.route(endpoint.path, (endpoint.route)());
    }
    let after_scheme = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    match after_scheme.split_once('/') {
        Some((_, path)) => router.route(&format!("{METADATA_PATH}/{path}"), get(metadata::metadata)),
        None => router,
    }
}

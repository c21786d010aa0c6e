//! `POST /oauth/token`: a key becomes a narrowed token (RFC 6749 §4.4, RFC 9068).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use portcullis_guard::Freshness;
use portcullis_guard::claims::MAX_TOKEN_BYTES;
use serde::Serialize;

use tracing::instrument;

use super::error::{Error, no_store};
use super::flow;
use super::request::KeyRequest;
use crate::domain::grant::Grant;
use crate::domain::{KeyId, ScopeSet};
use crate::issuance::Error as IssuanceError;
use crate::keys::Use;
use crate::store::IssuedToken;
use crate::web::Server;

/// A token that the issuance log holds.
#[derive(Debug)]
pub(super) struct Minted {
    grant: Grant,
    token: String,
}

/// The endpoint.
///
/// # Errors
/// See [`Error`].
pub(super) async fn token(State(server): State<Arc<Server>>, request: KeyRequest) -> Result<Minted, Error> {
    if server.copy.freshness() == Freshness::Stale {
        return Err(Error::Unavailable);
    }
    // Decided on what is remembered, then, if anything moved meanwhile, once more on a read of the
    // database for this request alone.
    for how in [Use::Remembered, Use::Fresh] {
        let Some(grant) = flow::decide(&server, &request, how).await? else { continue };
        let Some(token) = sign_unless_killed(&server, &grant)? else { continue };
        // Durable before anyone holds the token.
        match server.issuance.record(row(&grant, &request)).await {
            Ok(()) => return Ok(Minted { grant, token }),
            Err(IssuanceError::Moved) => {}
            Err(IssuanceError::Quota(full)) => return Err(Error::quota(full, server.clock.now())),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Unavailable)
}

/// A token that our own list already kills is not worth its signature.
#[instrument(name = "sign", level = "debug", skip_all)]
fn sign_unless_killed(server: &Server, grant: &Grant) -> Result<Option<String>, Error> {
    let now = server.clock.now();
    let kid = server.keyring.signs_now(grant.algorithm, now)?;
    if server.copy.list().check(&kid, &grant.claims).is_err() {
        return Ok(None);
    }
    let signed = server.keyring.sign(&grant.claims, grant.algorithm, now)?;
    if signed.token.len() > MAX_TOKEN_BYTES {
        let most = format!("the token would be longer than {MAX_TOKEN_BYTES} bytes; ask for less scope");
        return Err(Error::InvalidScope(most));
    }
    Ok(Some(signed.token))
}

fn row(grant: &Grant, request: &KeyRequest) -> IssuedToken {
    let claims = &grant.claims;
    let audiences: Vec<&str> = claims.aud.iter().map(crate::domain::Audience::as_str).collect();
    IssuedToken {
        jti: claims.jti,
        key: claims.client_id.clone(),
        project: claims.prj.clone(),
        subject: claims.sub.to_string(),
        scope: claims.scope.clone(),
        audience: audiences.join(" "),
        address: request.address.map(|address| address.to_string()),
        issued_at: claims.iat,
        expires_at: claims.exp,
        parent: None,
        position: claims.pos,
        limits: grant.limits,
    }
}

/// RFC 6749 §5.1, and `client_id` and `expires_at` (Unix seconds).
#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u32,
    scope: &'a ScopeSet,
    client_id: &'a KeyId,
    expires_at: i64,
}

impl IntoResponse for Minted {
    fn into_response(self) -> Response {
        let Grant { claims, scope, lifetime, .. } = &self.grant;
        let body = Answer {
            access_token: &self.token,
            token_type: "Bearer",
            expires_in: lifetime.secs(),
            scope,
            client_id: &claims.client_id,
            expires_at: claims.exp.secs(),
        };
        (no_store(), Json(body)).into_response()
    }
}

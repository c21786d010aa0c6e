//! The answer as a JWT (RFC 9701): whoever keeps it can show later what the token server said.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Introspection;
use crate::domain::KeyId;
use crate::oauth::accept::is_preferred_to_json;
use crate::oauth::caller::Caller;
use crate::oauth::error::{Error, no_store};
use crate::web::Server;

/// What a caller accepts that wants the answer signed (§4), and what that answer is (§5).
pub const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// In which shape the caller wants the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::oauth) enum Shape {
    /// JSON.
    Plain,
    /// A JWT.
    Signed,
}

impl<S: Sync> FromRequestParts<S> for Shape {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let wanted = is_preferred_to_json(&parts.headers, MEDIA_TYPE);
        Ok(if wanted { Self::Signed } else { Self::Plain })
    }
}

/// The claims of §5. There is neither `sub` nor `exp` beside them: this must never pass for an access token.
#[derive(Serialize)]
struct Statement<'a> {
    iss: &'a str,
    /// The resource server that asked.
    aud: &'a KeyId,
    iat: i64,
    token_introspection: Introspection<'a>,
}

/// The answer, signed as the tokens of the caller's project are.
///
/// # Errors
/// If nothing can be signed.
pub(super) fn answer(
    server: &Server,
    caller: &Caller,
    token_introspection: Introspection<'_>,
) -> Result<Response, Error> {
    let (now, key) = (server.clock.now(), &caller.record.key.id);
    let statement = Statement { iss: &server.issuer, aud: key, iat: now.secs(), token_introspection };
    let jwt = server.keyring.sign_introspection(&statement, caller.record.project.algorithm, now)?;
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))];
    Ok((no_store(), content_type, jwt).into_response())
}

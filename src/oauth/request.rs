//! A request in a key's name, read and not yet believed.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};

use super::client_auth::{self, Presented};
use super::error::Error;
use crate::domain::grant::Ask;
use crate::domain::{Audience, Lifetime};
use crate::web::{ClientAddress, Form, Server};

/// A form and the credentials that came with it (RFC 6749 §2.3).
#[derive(Debug)]
pub(super) struct KeyRequest {
    /// The credentials.
    pub presented: Presented,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The form.
    pub form: Form,
}

impl FromRequest<Arc<Server>> for KeyRequest {
    type Rejection = Error;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(&mut parts, server).await;
        let form = Form::of_request(&parts, body).await?;
        let presented = client_auth::read(&parts.headers, &form)?;
        Ok(Self { presented, address, form })
    }
}

/// What a form asks for. What cannot be read is refused, never passed over (threat S14).
///
/// # Errors
/// `invalid_scope`, `invalid_target`, `invalid_request`.
pub(super) fn read_ask(form: &Form) -> Result<Ask, Error> {
    let scope = form.get("scope").unwrap_or_default().parse();
    let scope = scope.map_err(|error: crate::domain::InvalidScope| Error::InvalidScope(error.to_string()))?;
    let resources = form.all("resource").map(read_resource);
    let audiences = form.all("audience").map(read_audience);
    Ok(Ask {
        scope,
        audiences: resources.chain(audiences).collect::<Result<_, _>>()?,
        lifetime: read_lifetime(form)?,
    })
}

fn read_audience(raw: &str) -> Result<Audience, Error> {
    raw.parse().map_err(|_| Error::InvalidTarget("`audience` is not a name of visible ASCII without `#`"))
}

/// An absolute URI without a fragment (RFC 8707 §2).
fn read_resource(raw: &str) -> Result<Audience, Error> {
    let invalid = || Error::InvalidTarget("`resource` is not an absolute URI without a fragment");
    let (scheme, rest) = raw.split_once(':').ok_or_else(invalid)?;
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|b| b.is_ascii_alphabetic())
        && letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !is_scheme || rest.is_empty() {
        return Err(invalid());
    }
    raw.parse().map_err(|_| invalid())
}

/// `expires_in`, ours: whole seconds above zero; more than the longest is the longest.
fn read_lifetime(form: &Form) -> Result<Option<Lifetime>, Error> {
    let Some(raw) = form.get("expires_in") else { return Ok(None) };
    let digits = raw.bytes().all(|b| b.is_ascii_digit()) && raw.bytes().any(|b| b != b'0');
    if !digits {
        return Err(Error::InvalidRequest("`expires_in` is not a positive whole number of seconds"));
    }
    Ok(Some(raw.parse().ok().and_then(Lifetime::from_secs).unwrap_or(Lifetime::LONGEST)))
}

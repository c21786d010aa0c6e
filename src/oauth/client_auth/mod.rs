//! Client authentication: exactly one method in a request (RFC 6749 §2.3), each in a file.

mod app_headers;
mod basic;
mod bearer_secret;
mod post;

use axum::http::{HeaderMap, header};

use super::error::{Challenge, Error};
use crate::domain::{AuthMethod, KeyId};
use crate::keys::Credentials;
use crate::web::Form;

/// The methods by their registered names (RFC 8414 §2), as the metadata lists them. The headers
/// `X-App-Id` and `X-App-Token`, and a secret as a bearer token, have no registered names.
pub(super) const METHODS: [AuthMethod; 2] = [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost];

/// Credentials of a method that is not offered are credentials all the same (RFC 7521 §4.2).
const ASSERTION: [&str; 2] = ["client_assertion", "client_assertion_type"];

/// What a caller presented, and how.
#[derive(Debug)]
pub(super) struct Presented {
    /// The credentials.
    pub credentials: Credentials,
    /// How they were presented.
    pub method: AuthMethod,
    /// What a 401 challenges with.
    pub challenge: Challenge,
}

/// Reads the credentials of a request.
///
/// # Errors
/// `invalid_request` for more than one method, or parts of one; `invalid_client` for none, or for
/// what cannot be decoded.
pub(super) fn read(headers: &HeaderMap, form: &Form) -> Result<Presented, Error> {
    let in_header = from_authorization(headers)?;
    let in_app_headers = app_headers::read(headers)?;
    let methods = [
        in_header.is_some(),
        in_app_headers.is_some(),
        form.get("client_secret").is_some(),
        ASSERTION.iter().any(|name| form.get(name).is_some()),
    ];
    if methods.into_iter().filter(|used| *used).count() > 1 {
        return Err(Error::InvalidRequest("the request carries more than one set of credentials"));
    }
    Ok(match (in_header, in_app_headers) {
        (Some(presented), _) => presented,
        (None, Some(credentials)) => {
            Presented { credentials, method: AuthMethod::AppHeaders, challenge: Challenge::Basic }
        }
        (None, None) => Presented {
            credentials: post::read(form)?,
            method: AuthMethod::ClientSecretPost,
            challenge: Challenge::Basic,
        },
    })
}

fn from_authorization(headers: &HeaderMap) -> Result<Option<Presented>, Error> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Error::InvalidRequest("the request carries more than one set of credentials"));
    }
    let undecodable = || Error::unauthenticated(Challenge::Basic);
    let line = line.to_str().map_err(|_| undecodable())?;
    let (scheme, value) = line.split_once(' ').ok_or_else(undecodable)?;
    let value = value.trim_matches(' ');
    let (credentials, method, challenge) = match scheme.to_ascii_lowercase().as_str() {
        "basic" => (basic::read(value), AuthMethod::ClientSecretBasic, Challenge::Basic),
        "bearer" => (bearer_secret::read(value), AuthMethod::Bearer, Challenge::Bearer),
        _ => return Err(undecodable()),
    };
    let credentials = credentials.ok_or_else(|| Error::unauthenticated(challenge))?;
    Ok(Some(Presented { credentials, method, challenge }))
}

/// That the body names no other client than the key that was proven. Many clients repeat their id
/// there; another one is a second client. Asked after the look-up: a secret alone may not name its
/// key.
///
/// # Errors
/// `invalid_request`.
pub(super) fn check_client_id(form: &Form, key: &KeyId) -> Result<(), Error> {
    match form.get("client_id") {
        Some(in_body) if in_body != key.as_str() => {
            Err(Error::InvalidRequest("`client_id` is not the one of the credentials"))
        }
        _ => Ok(()),
    }
}

//! The headers `X-App-Id` and `X-App-Token`, as Voucherify's clients send them.

use axum::http::HeaderMap;
use zeroize::Zeroizing;

use crate::domain::Secret;
use crate::keys::Credentials;
use crate::oauth::error::{Challenge, Error};

/// The id and secret in the two headers; none if neither is there.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Credentials>, Error> {
    let (id, secret) = (one(headers, "x-app-id")?, one(headers, "x-app-token")?);
    match (id, secret) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => {
            let secret = Secret::presented(Zeroizing::new(secret.to_owned()));
            Ok(Some(Credentials::IdAndSecret(id.to_owned(), secret)))
        }
        _ => Err(Error::InvalidRequest("`X-App-Id` and `X-App-Token` go together")),
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Error> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Error::InvalidRequest("the request carries more than one set of credentials"));
    }
    line.to_str().map(Some).map_err(|_| Error::unauthenticated(Challenge::Basic))
}

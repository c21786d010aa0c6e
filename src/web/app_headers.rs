//! The headers `X-App-Id` and `X-App-Token`, as Voucherify's clients send them.

use axum::http::HeaderMap;
use zeroize::Zeroizing;

use crate::domain::Secret;
use crate::keys::Credentials;

/// Why the two are no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAppHeaders {
    /// One of them alone.
    Incomplete,
    /// One of them more than once.
    Repeated,
    /// Not visible ASCII.
    Unreadable,
}

/// The id and secret in the two headers; none if neither is there.
///
/// # Errors
/// See [`NoAppHeaders`].
pub fn app_headers(headers: &HeaderMap) -> Result<Option<Credentials>, NoAppHeaders> {
    match (one(headers, "x-app-id")?, one(headers, "x-app-token")?) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => {
            let secret = Secret::presented(Zeroizing::new(secret.to_owned()));
            Ok(Some(Credentials::IdAndSecret(id.to_owned(), secret)))
        }
        _ => Err(NoAppHeaders::Incomplete),
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, NoAppHeaders> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(NoAppHeaders::Repeated);
    }
    line.to_str().map(Some).map_err(|_| NoAppHeaders::Unreadable)
}

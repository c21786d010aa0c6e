//! The headers `X-App-Id` and `X-App-Token`, as Voucherify's clients send them.

use axum::http::HeaderMap;

use crate::keys::Credentials;
use crate::oauth::error::{Challenge, Error};
use crate::web::{NoAppHeaders, app_headers};

/// The id and secret in the two headers; none if neither is there.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Credentials>, Error> {
    app_headers(headers).map_err(|why| match why {
        NoAppHeaders::Incomplete => Error::InvalidRequest("`X-App-Id` and `X-App-Token` go together"),
        NoAppHeaders::Repeated => {
            Error::InvalidRequest("the request carries more than one set of credentials")
        }
        NoAppHeaders::Unreadable => Error::unauthenticated(Challenge::Basic),
    })
}

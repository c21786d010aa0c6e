//! What the client presented: exactly one credential, or it is refused (RFC 6749 §2.3, RFC 6750 §2).

use axum::http::{HeaderMap, StatusCode, header};
use zeroize::Zeroizing;

use crate::domain::{AuthMethod, Secret};
use crate::keys::Credentials;
use crate::web::{Bearer, NoAppHeaders, NoBearer, Refused, app_headers};

/// How secrets of ours begin, and no token does.
const SECRET: &str = "psk_";

/// A credential, not yet believed.
#[derive(Debug)]
pub(super) enum Presented<'a> {
    /// An access token.
    Token(&'a str),
    /// An API key itself.
    RawKey(Credentials, AuthMethod),
}

impl<'a> Presented<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// A refusal with 401: proxies know no other of a request that cannot be read, and nginx makes
    /// a fault of its own of any other.
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Self, Refused> {
        let malformed = |why| Err(Refused::malformed(StatusCode::UNAUTHORIZED, why));
        match app_headers(headers) {
            Ok(Some(_)) if headers.contains_key(header::AUTHORIZATION) => {
                malformed("the request carries more than one set of credentials")
            }
            Ok(Some(credentials)) => Ok(Self::RawKey(credentials, AuthMethod::AppHeaders)),
            Ok(None) => Self::in_authorization(headers),
            Err(NoAppHeaders::Incomplete) => malformed("`X-App-Id` and `X-App-Token` go together"),
            Err(NoAppHeaders::Repeated) => malformed("the request carries more than one set of credentials"),
            Err(NoAppHeaders::Unreadable) => malformed("`X-App-Id` and `X-App-Token` are visible ASCII"),
        }
    }

    fn in_authorization(headers: &'a HeaderMap) -> Result<Self, Refused> {
        match Bearer::read(headers) {
            Ok(Bearer(secret)) if secret.starts_with(SECRET) => {
                let secret = Secret::presented(Zeroizing::new(secret.to_owned()));
                Ok(Self::RawKey(Credentials::SecretAlone(secret), AuthMethod::Bearer))
            }
            Ok(Bearer(token)) => Ok(Self::Token(token)),
            Err(NoBearer::Absent) => Err(Refused::absent()),
            Err(NoBearer::Malformed) => {
                let why = "the request must carry exactly one bearer token";
                Err(Refused::malformed(StatusCode::UNAUTHORIZED, why))
            }
        }
    }
}

//! What the OAuth endpoints answer when they refuse: RFC 6749 §5.2, and nothing of the input.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use crate::domain::grant::Refusal;
use crate::domain::{LimitOf, QuotaFull, Timestamp};
use crate::issuance::Error as IssuanceError;
use crate::keys::Denied;
use crate::signing::Error as SigningError;
use crate::store::Error as StoreError;
use crate::web::{FormError, RefusedFor};

pub(super) use crate::web::no_store;

/// A refusal of an OAuth endpoint.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The request itself is wrong.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// Nobody was authenticated, or a key that may not be used.
    #[error("{description}")]
    InvalidClient {
        /// What to tell.
        description: String,
        /// The scheme that was tried.
        challenge: Challenge,
    },
    /// The key may not be used from there.
    #[error("the API key may not be used from this address")]
    UnauthorizedClient,
    /// The key may not do this.
    #[error("the API key does not hold the permission that this needs")]
    NotPermitted,
    /// A grant that is not offered.
    #[error("this grant type is not supported")]
    UnsupportedGrantType,
    /// The scope is unreadable, or beyond the key.
    #[error("{0}")]
    InvalidScope(String),
    /// The resource or audience is not the key's.
    #[error("{0}")]
    InvalidTarget(&'static str),
    /// Too many failures, or too many acts.
    #[error("too many requests of this kind; wait before the next one")]
    TooMany(Duration),
    /// As many tokens live as may live.
    #[error("{} has as many live tokens as it may have; wait until some end, or revoke some", owner(*.limit_of))]
    Quota {
        /// Whose limit is reached.
        limit_of: LimitOf,
        /// How long until there is a place.
        wait: Duration,
    },
    /// It cannot be done, or not be known, now.
    #[error("the server cannot answer at the moment; try again shortly")]
    Unavailable,
    /// Our own fault.
    #[error("the server failed")]
    Server,
}

/// The authentication scheme that a 401 challenges with: the one that was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Challenge {
    /// `Basic`; also for credentials in the body or in headers of their own.
    #[default]
    Basic,
    /// `Bearer`.
    Bearer,
}

/// Who has that limit, as the answer calls it.
const fn owner(limit_of: LimitOf) -> &'static str {
    match limit_of {
        LimitOf::Key => "the API key",
        LimitOf::Project => "the API key's project",
    }
}

impl Challenge {
    const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Basic => "Basic realm=\"portcullis\", charset=\"UTF-8\"",
            Self::Bearer => "Bearer realm=\"portcullis\"",
        })
    }
}

/// The `error` values that an OAuth endpoint answers with this status.
#[must_use]
pub fn error_codes(status: StatusCode) -> Vec<&'static str> {
    let every = [
        Error::InvalidRequest(""),
        Error::unauthenticated(Challenge::Basic),
        Error::UnauthorizedClient,
        Error::NotPermitted,
        Error::UnsupportedGrantType,
        Error::InvalidScope(String::new()),
        Error::InvalidTarget(""),
        Error::TooMany(Duration::ZERO),
        Error::Unavailable,
        Error::Server,
    ];
    every.iter().map(Error::code).filter(|(_, its)| *its == status).map(|(code, _)| code).collect()
}

impl Error {
    /// The `error` value and status of RFC 6749 §5.2, or RFC 6750 §3.1; 429 and 503 are ours.
    #[must_use]
    pub(crate) fn code(&self) -> (&'static str, StatusCode) {
        match self {
            Self::InvalidRequest(_) => ("invalid_request", StatusCode::BAD_REQUEST),
            Self::InvalidClient { .. } => ("invalid_client", StatusCode::UNAUTHORIZED),
            Self::UnauthorizedClient => ("unauthorized_client", StatusCode::BAD_REQUEST),
            Self::NotPermitted => ("insufficient_scope", StatusCode::FORBIDDEN),
            Self::UnsupportedGrantType => ("unsupported_grant_type", StatusCode::BAD_REQUEST),
            Self::InvalidScope(_) => ("invalid_scope", StatusCode::BAD_REQUEST),
            Self::InvalidTarget(_) => ("invalid_target", StatusCode::BAD_REQUEST),
            Self::TooMany(_) | Self::Quota { .. } => {
                ("temporarily_unavailable", StatusCode::TOO_MANY_REQUESTS)
            }
            Self::Unavailable => ("temporarily_unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Server => ("server_error", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// There is no place for the token, and when there will be one.
    #[must_use]
    pub(super) fn quota(full: QuotaFull, now: Timestamp) -> Self {
        Self::Quota { limit_of: full.limit_of, wait: full.until.since(now) }
    }

    /// Nobody was authenticated by the scheme that was tried.
    #[must_use]
    pub(crate) fn unauthenticated(challenge: Challenge) -> Self {
        Self::InvalidClient { description: "client authentication failed".to_owned(), challenge }
    }

    /// What a failed authentication means to the caller.
    #[must_use]
    pub(crate) fn denied(denied: Denied, challenge: Challenge) -> Self {
        match denied {
            Denied::Unknown => Self::unauthenticated(challenge),
            Denied::TooMany { wait } => Self::TooMany(wait),
            Denied::Store(error) => error.into(),
        }
    }

    /// What a refused exchange means to the caller.
    #[must_use]
    pub(crate) fn refused(refusal: &Refusal, challenge: Challenge) -> Self {
        match refusal {
            Refusal::Blocked | Refusal::Deleted | Refusal::Expired | Refusal::Method => {
                Self::InvalidClient { description: refusal.to_string(), challenge }
            }
            Refusal::Address => Self::UnauthorizedClient,
            Refusal::Scope(_) | Refusal::ScopeRequired | Refusal::NoPermissions => {
                Self::InvalidScope(refusal.to_string())
            }
            Refusal::Target => Self::InvalidTarget("the API key may not ask for this resource or audience"),
        }
    }

    /// Seconds to wait before the next try.
    fn retry_after(&self) -> Option<u64> {
        match self {
            // Rounded up: who waits as long as told is not told to wait again.
            Self::TooMany(wait) => Some(wait.as_secs() + 1),
            Self::Quota { wait, .. } => {
                Some(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1))
            }
            Self::Unavailable => Some(1),
            _ => None,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (code, status) = self.code();
        let body = json!({ "error": code, "error_description": self.to_string() });
        let told = Extension(RefusedFor(code));
        let mut response = (status, no_store(), told, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Self::InvalidClient { challenge, .. } = self {
            headers.insert(header::WWW_AUTHENTICATE, challenge.header());
        }
        if let Some(secs) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        response
    }
}

impl From<FormError> for Error {
    fn from(error: FormError) -> Self {
        Self::InvalidRequest(error.text())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Full(_)) {
            return Self::TooMany(Duration::from_mins(1));
        }
        tracing::error!(error = &error as &dyn std::error::Error, "the database did not answer as it should");
        Self::Unavailable
    }
}

impl From<IssuanceError> for Error {
    fn from(_: IssuanceError) -> Self {
        Self::Unavailable
    }
}

impl From<SigningError> for Error {
    fn from(error: SigningError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a token could not be signed");
        // The clock was set back, or the next key begins later: waiting helps.
        if matches!(error, SigningError::NoneSigns) { Self::Unavailable } else { Self::Server }
    }
}

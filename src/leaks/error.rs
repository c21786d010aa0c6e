//! What is answered to a report that is not taken; nothing of it is repeated.

use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use crate::domain::leak::report::Unreadable;
use crate::keys::Denied;
use crate::keys::acts::Error as ActError;
use crate::store::Error as StoreError;
use crate::web::{RefusedFor, no_store};

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It cannot be read.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// Nobody who is known here has signed it.
    #[error("the report is not signed by a key that is known here")]
    InvalidSignature,
    /// There were too many from there.
    #[error("too many reports; wait before the next one")]
    TooMany(Duration),
    /// It cannot be done now; whoever repeats it does no harm.
    #[error("the server cannot answer at the moment; report it again shortly")]
    Unavailable,
}

impl Error {
    fn code(&self) -> (&'static str, StatusCode) {
        match self {
            Self::InvalidRequest(_) => ("invalid_request", StatusCode::BAD_REQUEST),
            Self::InvalidSignature => ("invalid_signature", StatusCode::FORBIDDEN),
            Self::TooMany(_) => ("temporarily_unavailable", StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable => ("temporarily_unavailable", StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

/// The `error` values of refused reports with this status.
#[must_use]
pub fn error_codes(status: StatusCode) -> Vec<&'static str> {
    let every = [
        Error::InvalidRequest(""),
        Error::InvalidSignature,
        Error::TooMany(Duration::ZERO),
        Error::Unavailable,
    ];
    every.iter().map(Error::code).filter(|(_, its)| *its == status).map(|(code, _)| code).collect()
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (code, status) = self.code();
        let body = json!({ "error": code, "error_description": self.to_string() });
        let mut response = (status, no_store(), Extension(RefusedFor(code)), Json(body)).into_response();
        let wait = match self {
            // Rounded up: who waits as long as told is not told to wait again.
            Self::TooMany(wait) => Some(wait.as_secs() + 1),
            Self::Unavailable => Some(1),
            _ => None,
        };
        if let Some(secs) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, secs.into());
        }
        response
    }
}

impl From<Unreadable> for Error {
    fn from(why: Unreadable) -> Self {
        Self::InvalidRequest(match why {
            Unreadable::Shape => "the body is not what a report looks like",
            Unreadable::Nothing => "the report names no secret",
            Unreadable::TooMany => "the report names too many secrets; send several",
        })
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::TooMany { wait } => Self::TooMany(wait),
            Denied::Unknown => Self::InvalidSignature,
            Denied::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a leak report could not be answered");
        Self::Unavailable
    }
}

impl From<ActError> for Error {
    fn from(error: ActError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a leak report could not be answered");
        Self::Unavailable
    }
}

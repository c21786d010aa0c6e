//! What the administrators' API answers when it refuses: problem details (RFC 9457), whose `code` never
//! changes its meaning, and nothing of the input.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::keys::acts::Error as ActError;
use crate::store::Error as StoreError;
use crate::web::{Refused, RefusedFor};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The request cannot be read.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// Whoever asks may not, or nobody knows who asks.
    #[error("{}", .0.why)]
    Token(Refused),
    /// A cursor that this list never gave, or gave for another question.
    #[error("the cursor is not one that this list gave for this question")]
    Cursor,
    /// What the request is about is not there, as far as whoever asks may see.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// It cannot be done in the state that things are in.
    #[error("{0}")]
    Refused(Cow<'static, str>),
    /// It has changed since whoever asks has seen it.
    #[error("it was changed since; read it again, and decide again")]
    Changed,
    /// The same, where nobody said what they had seen.
    #[error("it was changed by somebody else meanwhile")]
    Conflict,
    /// It has to be said what was seen.
    #[error("an edit needs the header If-Match with the ETag of what is edited")]
    Unconditional,
    /// The same name for another request.
    #[error("another request has had this Idempotency-Key; take a new one for what is not the same")]
    Renamed,
    /// The body is longer than any request.
    #[error("the body is too long")]
    TooLong,
    /// The body is of another type.
    #[error("{0}")]
    MediaType(&'static str),
    /// The body holds what cannot be.
    #[error("{why}")]
    Value {
        /// Which member; empty, if it is one that is not known.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A limit is reached.
    #[error("the limit of {0} is reached")]
    TooMany(&'static str),
    /// It cannot be done, or not be known, now.
    #[error("the server cannot answer at the moment; try again shortly")]
    Unavailable,
    /// Our own fault.
    #[error("the server failed")]
    Server,
}

impl Problem {
    /// The `code` and status.
    fn code(&self) -> (&'static str, StatusCode) {
        match self {
            Self::InvalidRequest(_) => ("invalid_request", StatusCode::BAD_REQUEST),
            Self::Token(refused) => (refused.error, refused.status),
            Self::Cursor => ("invalid_cursor", StatusCode::BAD_REQUEST),
            Self::Missing(_) => ("not_found", StatusCode::NOT_FOUND),
            Self::Refused(_) => ("refused", StatusCode::CONFLICT),
            Self::Conflict => ("conflict", StatusCode::CONFLICT),
            Self::Changed => ("precondition_failed", StatusCode::PRECONDITION_FAILED),
            Self::Unconditional => ("precondition_required", StatusCode::PRECONDITION_REQUIRED),
            Self::Renamed => ("idempotency_key_reused", StatusCode::UNPROCESSABLE_ENTITY),
            Self::TooLong => ("too_long", StatusCode::PAYLOAD_TOO_LARGE),
            Self::MediaType(_) => ("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::Value { .. } => ("invalid_value", StatusCode::UNPROCESSABLE_ENTITY),
            Self::TooMany(_) => ("limit", StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable => ("temporarily_unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Server => ("server_error", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// A member of the body that cannot be.
    pub(super) fn value(field: &'static str, why: impl Into<String>) -> Self {
        Self::Value { field, why: why.into() }
    }

    /// What a conflict means to somebody who said what they had seen.
    pub(super) fn of_edit(error: ActError) -> Self {
        if matches!(error, ActError::Store(StoreError::Conflict)) { Self::Changed } else { error.into() }
    }

    /// Seconds to wait before the next try.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(_) => Some(60),
            Self::Unavailable => Some(1),
            _ => None,
        }
    }
}

/// Every `code` that this listener answers with.
#[must_use]
pub fn problem_codes() -> Vec<&'static str> {
    let status = StatusCode::BAD_REQUEST;
    let every = [
        Problem::InvalidRequest(""),
        Problem::Cursor,
        Problem::Missing(""),
        Problem::Refused("".into()),
        Problem::Changed,
        Problem::Conflict,
        Problem::Unconditional,
        Problem::Renamed,
        Problem::TooLong,
        Problem::MediaType(""),
        Problem::value("", ""),
        Problem::TooMany(""),
        Problem::Unavailable,
        Problem::Server,
        Refused::absent().into(),
        Refused { error: "insufficient_scope", ..Refused::malformed(status, "") }.into(),
    ];
    every.iter().map(|problem| problem.code().0).collect()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (code, status) = self.code();
        let mut body = details(status, code, &self.to_string());
        match &self {
            Self::Token(refused) => body["reason"] = json!(refused.reason),
            Self::Value { field, .. } if !field.is_empty() => body["field"] = json!(field),
            _ => {}
        }
        let mut response = answer(status, body);
        let reason = if let Self::Token(refused) = &self { refused.reason } else { code };
        response.extensions_mut().insert(RefusedFor(reason));
        let headers = response.headers_mut();
        if let Some(secs) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if let Self::Token(refused) = &self {
            headers.insert(header::WWW_AUTHENTICATE, refused.challenge());
        }
        response
    }
}

/// A problem that is no resource's: what HTTP itself has to say.
#[must_use]
pub fn problem(status: StatusCode, code: &'static str, why: &'static str) -> Response {
    answer(status, details(status, code, why))
}

fn details(status: StatusCode, code: &str, why: &str) -> Value {
    json!({
        "type": format!("urn:portcullis:problem:{code}"),
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": code,
        "detail": why,
    })
}

fn answer(status: StatusCode, details: Value) -> Response {
    let mut response = (status, Json(details)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
    response
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::Token(refused)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            StoreError::Missing(what) => Self::Missing(what),
            StoreError::Taken(_) | StoreError::InUse { .. } => Self::Refused(error.to_string().into()),
            StoreError::Full(what) => Self::TooMany(what),
            error => {
                let told = &error as &dyn std::error::Error;
                tracing::error!(error = told, "the database did not answer as it should");
                Self::Unavailable
            }
        }
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        let text = error.to_string();
        match error {
            ActError::Store(error) => error.into(),
            ActError::Beyond(beyond) => beyond.into(),
            ActError::Edit(_)
            | ActError::BuiltIn
            | ActError::Over
            | ActError::KnownSigningKey { .. }
            | ActError::DisabledWebhook => Self::Refused(text.into()),
            ActError::Webhook(invalid) => Self::value(invalid.field(), text),
            ActError::Details(invalid) => Self::value(invalid.field(), text),
            ActError::Scope(invalid) => Self::value(invalid.field(), text),
            // The audience may be longer than an answer should be.
            ActError::ForeignAudience(_) => Self::value(
                "audiences",
                "one of them is no audience of this project; add it to the project first",
            ),
            ActError::OwnAudience => Self::value("audience", text),
            ActError::PrivateKey(_) => Self::InvalidRequest("this is no private key"),
            ActError::Signing(error) => {
                let told = &error as &dyn std::error::Error;
                tracing::error!(error = told, "a signing key could not be used");
                Self::Server
            }
        }
    }
}

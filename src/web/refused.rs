//! How a request to a protected resource is refused: the status, challenge and `error` of RFC 6750
//! §3, and a reason code of ours that never changes its meaning.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use portcullis_guard::Class;
use serde_json::json;

use super::RefusedFor;
use crate::domain::{ScopeSet, TokenRefusal};

/// A refusal. Its texts are ours, or have passed the scope grammar: none has a quote.
#[derive(Debug)]
pub struct Refused {
    /// The status.
    pub status: StatusCode,
    /// The `error` of RFC 6750 §3.1.
    pub error: &'static str,
    /// The stable code.
    pub reason: &'static str,
    /// The same for people.
    pub why: Cow<'static, str>,
    /// The scope that is needed, if that is what is missing.
    pub scope: Option<ScopeSet>,
}

impl Refused {
    /// No credentials were presented.
    pub const ABSENT: &'static str = "absent";
    /// The request cannot be read.
    pub const INVALID_REQUEST: &'static str = "invalid_request";

    /// Nothing was presented: the challenge names no error (RFC 6750 §3.1).
    #[must_use]
    pub fn absent() -> Self {
        let why = Cow::Borrowed("the request carries no bearer token");
        let (status, error) = (StatusCode::UNAUTHORIZED, "invalid_token");
        Self { status, error, reason: Self::ABSENT, why, scope: None }
    }

    /// The request cannot be read.
    #[must_use]
    pub fn malformed(status: StatusCode, why: &'static str) -> Self {
        let (error, reason) = (Self::INVALID_REQUEST, Self::INVALID_REQUEST);
        Self { status, error, reason, why: Cow::Borrowed(why), scope: None }
    }

    /// What was presented is refused; none if the judge cannot know.
    #[must_use]
    pub fn of(class: Class, reason: &'static str, why: String, needed: &ScopeSet) -> Option<Self> {
        let (status, error) = match class {
            Class::Unknown => return None,
            Class::Invalid => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Class::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Class::Forbidden => (StatusCode::FORBIDDEN, "invalid_token"),
        };
        let scope = (class == Class::InsufficientScope).then(|| needed.clone());
        Some(Self { status, error, reason, why: Cow::Owned(why), scope })
    }

    /// A token is refused; none if the judge cannot know.
    #[must_use]
    pub fn token(refusal: TokenRefusal, needed: &ScopeSet) -> Option<Self> {
        Self::of(refusal.class(), refusal.reason(), refusal.to_string(), needed)
    }

    /// The challenge that goes with it.
    #[must_use]
    pub fn challenge(&self) -> HeaderValue {
        const BARE: &str = "Bearer realm=\"portcullis\"";
        if self.reason == Self::ABSENT {
            return HeaderValue::from_static(BARE);
        }
        let (error, why, reason) = (self.error, &self.why, self.reason);
        let mut challenge =
            format!("{BARE}, error=\"{error}\", error_description=\"{why}\", reason=\"{reason}\"");
        if let Some(scope) = &self.scope {
            challenge = format!("{challenge}, scope=\"{scope}\"");
        }
        HeaderValue::from_str(&challenge).expect("what we say is visible ASCII")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let challenge = [(header::WWW_AUTHENTICATE, self.challenge())];
        let body = json!({
            "active": false, "error": self.error, "error_description": self.why, "reason": self.reason,
        });
        let told = Extension(RefusedFor(self.reason));
        (self.status, no_store(), challenge, told, Json(body)).into_response()
    }
}

/// What keeps an answer out of every cache (RFC 6749 §5.1).
#[must_use]
pub const fn no_store() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

/// The web origin that a request names (RFC 6454 §7); one that names several names none.
#[must_use]
pub fn origin(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(header::ORIGIN).iter();
    lines.next().filter(|_| lines.next().is_none())?.to_str().ok()
}

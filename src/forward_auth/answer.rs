//! What a proxy is told: whether the request passes, in whose name, and for how long it may keep
//! the answer.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use portcullis_guard::{ForwardedHeader, VerifiedClaims};
use serde_json::json;

use super::raw_key::Passing;
use crate::domain::{ScopeSet, Timestamp};
use crate::web::{Refused, Server, no_store};

const KEY_ID: HeaderName = HeaderName::from_static("x-auth-key-id");
const PROJECT: HeaderName = HeaderName::from_static("x-auth-project");
const SUBJECT: HeaderName = HeaderName::from_static("x-auth-subject");
const SCOPE: HeaderName = HeaderName::from_static("x-auth-scope");
const TOKEN_ID: HeaderName = HeaderName::from_static("x-auth-token-id");
const EXPIRES: HeaderName = HeaderName::from_static("x-auth-expires");

/// The headers that say in whose name a request passes; on every answer, empty where there is
/// nothing to say.
pub const IDENTITY_HEADERS: [HeaderName; 6] = [KEY_ID, PROJECT, SUBJECT, SCOPE, TOKEN_ID, EXPIRES];

/// How long nginx may keep an answer, in seconds.
const ACCEL_EXPIRES: HeaderName = HeaderName::from_static("x-accel-expires");

/// How long a proxy may keep an answer (design section 7).
const LONGEST_KEPT: Duration = Duration::from_secs(20);

/// In whose name a request passes.
#[derive(Debug)]
pub(super) struct Identity<'a> {
    key: &'a str,
    project: &'a str,
    subject: &'a str,
    scope: &'a ScopeSet,
    /// The name of the token, if it is one.
    token: String,
    /// When it ends, if it does.
    ends: Option<Timestamp>,
}

impl<'a> Identity<'a> {
    /// What a token says.
    pub(super) fn of_token(token: &'a VerifiedClaims) -> Self {
        let claims = token.claims();
        Self {
            key: claims.client_id.as_str(),
            project: claims.prj.as_str(),
            subject: &claims.sub,
            scope: &claims.scope,
            token: claims.jti.to_string(),
            ends: Some(claims.exp),
        }
    }

    /// What is known of a key that passes itself.
    pub(super) fn of_key(passing: &'a Passing) -> Self {
        let key = &passing.record.key;
        Self {
            key: key.id.as_str(),
            project: key.project.as_str(),
            subject: key.id.as_str(),
            scope: &passing.scope,
            token: String::new(),
            ends: passing.ends,
        }
    }

    fn tell(&self, headers: &mut HeaderMap) {
        let ends = self.ends.map_or_else(String::new, |ends| ends.secs().to_string());
        for (name, value) in [
            (KEY_ID, visible(self.key)),
            (PROJECT, value(self.project)),
            (SUBJECT, visible(self.subject)),
            (SCOPE, value(&self.scope.to_string())),
            (TOKEN_ID, value(&self.token)),
            (EXPIRES, value(&ends)),
        ] {
            headers.insert(name, value);
        }
    }
}

/// The request passes.
pub(super) fn admit(identity: &Identity<'_>, server: &Server) -> Response {
    let secs = kept_for(identity.ends, server.clock.now());
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    identity.tell(headers);
    headers.insert(ACCEL_EXPIRES, secs.into());
    headers.insert(header::CACHE_CONTROL, value(&format!("private, max-age={secs}")));
    headers.insert(header::VARY, depends_on(server.client_address.header));
    response
}

/// The headers of a request that its answer depends on.
fn depends_on(forwarded: ForwardedHeader) -> HeaderValue {
    HeaderValue::from_static(match forwarded {
        ForwardedHeader::XForwardedFor => {
            "Authorization, X-App-Id, X-App-Token, X-Required-Scope, Origin, X-Forwarded-For"
        }
        ForwardedHeader::Forwarded => {
            "Authorization, X-App-Id, X-App-Token, X-Required-Scope, Origin, Forwarded"
        }
    })
}

/// The request is refused.
pub(super) fn refuse(refused: Refused) -> Response {
    nobody(refused)
}

/// It cannot be known now whether the request may pass.
pub(super) fn unavailable() -> Response {
    let why = "it cannot be known at the moment whether the request may pass; try again shortly";
    let retry = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
    nobody((StatusCode::SERVICE_UNAVAILABLE, retry, told("temporarily_unavailable", why)))
}

/// Too many keys were refused.
pub(super) fn too_many(wait: Duration) -> Response {
    let why = "too many API keys were refused; wait before the next one";
    // Rounded up: who waits as long as told is not told to wait again.
    let retry = [(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))];
    nobody((StatusCode::TOO_MANY_REQUESTS, retry, told("temporarily_unavailable", why)))
}

/// The proxy asks wrongly. 400 is neither an admission nor a refusal: no proxy tells its client that
/// the token is bad.
pub(super) fn misconfigured(why: &str) -> Response {
    tracing::debug!(why, "a proxy asks wrongly");
    let why = format!("the proxy in front asks wrongly: {why}");
    nobody((StatusCode::BAD_REQUEST, told("invalid_request", &why)))
}

fn told(error: &str, why: &str) -> Json<serde_json::Value> {
    Json(json!({ "error": error, "error_description": why }))
}

/// Nobody is admitted, and no cache keeps that.
fn nobody(answer: impl IntoResponse) -> Response {
    let mut response = (no_store(), answer).into_response();
    let headers = response.headers_mut();
    for name in IDENTITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(""));
    }
    headers.insert(ACCEL_EXPIRES, HeaderValue::from_static("0"));
    response
}

/// Whole seconds for which an answer may be kept. One less than there is time: nginx counts whole
/// seconds too, and keeps an answer through the last of them.
fn kept_for(ends: Option<Timestamp>, now: Timestamp) -> u64 {
    let left = ends.map_or(LONGEST_KEPT, |ends| ends.since(now).min(LONGEST_KEPT));
    left.as_secs().saturating_sub(1)
}

/// A text of ours: visible ASCII and spaces.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids, scopes and numbers are visible ASCII")
}

/// A name that somebody else made up, percent-encoded (RFC 3986 §2.1) where it is not visible ASCII
/// and where it has a `%`: no two names are written alike.
fn visible(name: &str) -> HeaderValue {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
    value(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_less_than_is_left_and_less_than_20_seconds() {
        let now = Timestamp::from_millis(1_000_500);
        for (ends, secs) in [
            (None, 19),
            (Some(2_000_000), 19),
            (Some(1_020_500), 19),
            (Some(1_020_499), 18),
            (Some(1_005_000), 3),
        ] {
            assert_eq!(kept_for(ends.map(Timestamp::from_millis), now), secs, "{ends:?}");
        }
        for ends in [1_001_000, 1_002_499, 1_000_500, 0] {
            assert_eq!(kept_for(Some(Timestamp::from_millis(ends)), now), 0, "{ends}");
        }
    }

    #[test]
    fn no_two_names_are_written_alike() {
        for (name, written) in [
            ("pk_live_x", "pk_live_x"),
            ("a b", "a%20b"),
            ("a%20b", "a%2520b"),
            ("é\r\n", "%C3%A9%0D%0A"),
            ("", ""),
        ] {
            assert_eq!(visible(name), written);
        }
    }
}

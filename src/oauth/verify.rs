//! `GET /v1/auth/verify`: what the judge says of the token in the request, as JSON, for people
//! and integrations (RFC 6750). Judged against the token's own project and audiences.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use portcullis_guard::{Class, Place, Required, VerifiedClaims, Whose};
use serde_json::{Value, json};

use super::error::{Error, no_store};
use crate::domain::{ScopeSet, TokenRefusal};
use crate::web::{Bearer, ClientAddress, Form, NoBearer, Server};

/// The longest query, in bytes: the scope in it comes back in a header.
const MAX_QUERY_BYTES: usize = 2048;

/// The endpoint.
pub(super) async fn verify(
    State(server): State<Arc<Server>>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let required = match read_scope(query.as_deref()) {
        Ok(scope) => scope,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, "invalid_request", why, None, None),
    };
    match Bearer::read(&headers) {
        Err(NoBearer::Absent) => challenge(),
        Err(NoBearer::Malformed) => {
            let why = "the request must carry exactly one bearer token";
            refuse(StatusCode::BAD_REQUEST, "invalid_request", why, None, None)
        }
        Ok(Bearer(token)) => match judge(&server, token, &required, address, origin(&headers)) {
            Ok(token) => accept(&token),
            Err(refusal) => refuse_token(refusal, &required),
        },
    }
}

fn judge(
    server: &Server,
    token: &str,
    scope: &ScopeSet,
    address: Option<IpAddr>,
    origin: Option<&str>,
) -> Result<Arc<VerifiedClaims>, TokenRefusal> {
    let verified = server.check_signature(token)?;
    let required = Required { scope, audience: Whose::Any, address: Place::From(address), origin };
    let judge = server.verifier(&verified.claims().prj);
    judge.judge_verified(&verified, &required, &server.copy.view().gate())?;
    Ok(verified)
}

fn read_scope(query: Option<&str>) -> Result<ScopeSet, &'static str> {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        return Err("the query is too long");
    }
    let form = Form::read(query.as_bytes()).map_err(|_| "the query cannot be read")?;
    form.get("scope").unwrap_or_default().parse().map_err(|_| "`scope` is not a list of scope values")
}

fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN)?.to_str().ok()
}

fn accept(token: &VerifiedClaims) -> Response {
    let claims = token.claims();
    let mut body: Value = serde_json::to_value(claims).expect("claims are JSON");
    body["active"] = json!(true);
    (no_store(), Json(body)).into_response()
}

/// No token was presented: the challenge names no error (RFC 6750 §3.1).
fn challenge() -> Response {
    let bare = HeaderValue::from_static("Bearer realm=\"portcullis\"");
    let body = json!({
        "active": false, "error": "invalid_token", "error_description": "the request carries no bearer token",
        "reason": "absent",
    });
    (StatusCode::UNAUTHORIZED, no_store(), [(header::WWW_AUTHENTICATE, bare)], Json(body)).into_response()
}

fn refuse_token(refusal: TokenRefusal, required: &ScopeSet) -> Response {
    let (status, error) = match refusal.class() {
        Class::Unknown => return Error::Unavailable.into_response(),
        Class::Invalid => (StatusCode::UNAUTHORIZED, "invalid_token"),
        Class::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope"),
        Class::Forbidden => (StatusCode::FORBIDDEN, "invalid_token"),
    };
    let wanted = (refusal.class() == Class::InsufficientScope).then_some(required);
    refuse(status, error, &refusal.to_string(), Some(refusal.reason()), wanted)
}

/// The challenge of RFC 6750 §3. What it says is ours or has passed the scope grammar, which has
/// no quote.
fn refuse(
    status: StatusCode,
    error: &str,
    why: &str,
    reason: Option<&str>,
    scope: Option<&ScopeSet>,
) -> Response {
    let mut challenge =
        format!("Bearer realm=\"portcullis\", error=\"{error}\", error_description=\"{why}\"");
    if let Some(scope) = scope {
        challenge = format!("{challenge}, scope=\"{scope}\"");
    }
    let challenge = HeaderValue::from_str(&challenge).expect("what we say is visible ASCII");
    let body = json!({
        "active": false, "error": error, "error_description": why, "reason": reason.unwrap_or(error),
    });
    (status, no_store(), [(header::WWW_AUTHENTICATE, challenge)], Json(body)).into_response()
}

//! What the administrators' API answers when it refuses: problem details (RFC 9457), whose `code` never
//! changes its meaning, and nothing of the input.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

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

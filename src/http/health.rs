//! Whether the process is alive, and whether it can admit anybody.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use portcullis_guard::Freshness;
use serde_json::json;

use super::drain::Drain;
use crate::web::Server;

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// `GET /readyz`: the copy of the revocation list is fresh enough to admit anybody, and the server is
/// not about to stop. 503 if not.
pub(super) fn ready(State(server): State<Arc<Server>>, drain: &Drain) -> Response {
    let (mut status, word) = match server.copy.freshness() {
        Freshness::Fresh => (StatusCode::OK, "fresh"),
        Freshness::Late => (StatusCode::OK, "late"),
        Freshness::Stale => (StatusCode::SERVICE_UNAVAILABLE, "stale"),
    };
    let age = server.copy.age().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let mut body = json!({ "revocation_list": word, "age_ms": age });
    if drain.has_begun() {
        status = StatusCode::SERVICE_UNAVAILABLE;
        body["stopping"] = true.into();
    }
    let mut response = (status, Json(body)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, 1.into());
    }
    response
}

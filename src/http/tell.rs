//! What is told of a request: its id, to whoever asks and in every line that is logged meanwhile,
//! and in the end what became of it. Never its path, query, headers or body: those carry secrets.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use tracing::{Instrument as _, Span, field};

use crate::metrics::Endpoint;
use crate::telemetry;
use crate::web::{ClientAddress, RefusedFor, RequestId, Server, is_from_proxy};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a request its id, and tells what became of it.
pub(super) async fn tell(
    server: &Server,
    request: Request,
    answer: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let id = RequestId::of(request.headers(), request.extensions(), server);
    let endpoint = Endpoint::of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let (span, began) = (span(&id, &request, server), server.clock.monotonic());
    let is_from_proxy = is_from_proxy(request.extensions(), server);
    telemetry::continues(&span, is_from_proxy.then(|| request.headers()));
    let mut response = answer(request).instrument(span.clone()).await;
    let took = server.clock.monotonic().saturating_sub(began);
    if telemetry::are_sent() {
        span.record("http.response.status_code", i64::from(response.status().as_u16()));
    }
    span.in_scope(|| ended(response.status(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
    count(server, endpoint, &response, took);
    let id = HeaderValue::from_str(id.as_str()).expect("an id is of letters, digits, `.`, `_` and `-`");
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// An answer that does not say why it refuses has a reason by its status.
fn count(server: &Server, endpoint: Endpoint, answer: &Response, took: Duration) {
    let status = answer.status();
    server.metrics.answered(endpoint, status.as_u16(), took);
    if let Some(RefusedFor(reason)) = answer.extensions().get() {
        server.metrics.refused(endpoint, reason);
    } else if status.is_client_error() || status.is_server_error() {
        server.metrics.refused(endpoint, reason_of(status));
    }
}

fn reason_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "invalid_request",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::REQUEST_TIMEOUT => "timeout",
        StatusCode::TOO_MANY_REQUESTS => "too_many",
        StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        _ if status.is_server_error() => "server_error",
        _ => "other",
    }
}

/// At the highest level, so that it is in every line, however little is logged.
fn span(id: &RequestId, request: &Request, server: &Server) -> Span {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let name =
        telemetry::are_sent().then(|| format!("{} {}", method(request.method()), route.unwrap_or("none")));
    let ClientAddress(address) = ClientAddress::of(request.headers(), request.extensions(), server);
    tracing::error_span!(
        "request",
        request.id = id.as_str(),
        http.method = method(request.method()),
        http.route = route.unwrap_or("none"),
        client.network = ClientAddress(address).network().map(field::display),
        trace.id = field::Empty,
        otel.name = name.as_deref(),
        otel.kind = name.as_ref().map(|_| "server"),
        http.response.status_code = field::Empty,
    )
}

/// Strangers may call a method what they like, also by a secret.
fn method(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.as_str(),
        _ => "other",
    }
}

/// Whose fault it was decides how loud; the fault itself was told where it happened.
fn ended(status: StatusCode, duration_ms: u64) {
    let status_code = status.as_u16();
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            tracing::warn!(http.status = status_code, duration_ms, "a request could not be answered now");
        }
        _ if status.is_server_error() => {
            tracing::error!(http.status = status_code, duration_ms, "a request failed, and it is our fault");
        }
        _ if status.is_client_error() => {
            tracing::debug!(http.status = status_code, duration_ms, "a request was refused");
        }
        _ => tracing::debug!(http.status = status_code, duration_ms, "a request was answered"),
    }
}

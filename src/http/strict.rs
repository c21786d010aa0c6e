//! What HTTP demands and hyper leaves to us: exactly one host in a request of HTTP/1.1, and an end
//! to every request. Refusals say so in the shape of all others.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;

use super::plain;

/// RFC 9112 §3.2: no `Host`, or more than one, and it cannot be told who is meant.
pub(super) async fn one_host(request: Request, next: Next) -> Response {
    let version = request.version();
    if version == Version::HTTP_11 && request.headers().get_all(header::HOST).iter().count() != 1 {
        let why = "a request of HTTP/1.1 has exactly one `Host` header";
        return last(version, plain(StatusCode::BAD_REQUEST, "invalid_request", why));
    }
    next.run(request).await
}

/// A request ends in time, its body and our answer included.
pub(super) async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    let version = request.version();
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    answered.unwrap_or_else(|_| {
        let why = "the request took too long";
        last(version, plain(StatusCode::REQUEST_TIMEOUT, "invalid_request", why))
    })
}

/// The last answer of its connection: what follows cannot be told from what was meant to come
/// before. HTTP/2 knows no such header.
fn last(version: Version, mut response: Response) -> Response {
    if version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

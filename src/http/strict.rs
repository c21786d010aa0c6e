//! What HTTP demands and hyper leaves to us: one host that a request is meant for, and an end to
//! every request. Refusals say so in the shape of all others.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::Say;

/// The answer, unless it is not clear who is meant, or it takes longer than `limit`, the request's body
/// included; of a panic as well.
///
/// RFC 9112 §3.2: no `Host`, or more than one, and it cannot be told who is meant. In HTTP/2 that is what
/// `:authority` says, and a `Host` may only repeat it (RFC 9113 §8.3.1).
pub(super) async fn answer(limit: Duration, say: Say, request: Request, next: Next) -> Response {
    let version = request.version();
    if !is_clear(&request) {
        let why = match version {
            Version::HTTP_2 => "a request of HTTP/2 has one `:authority`, and no other `Host`",
            _ => "a request of HTTP/1.1 has exactly one `Host` header",
        };
        return last(version, say(StatusCode::BAD_REQUEST, "invalid_request", why));
    }
    // Nothing of a request outlives it here, so nothing half done is left behind by a panic.
    match timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
        Ok(Ok(response)) => response,
        // What it says may hold anything; where it happened, the panic hook has told.
        Ok(Err(_panic)) => say(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the server failed"),
        Err(_late) => {
            let why = "the request took too long";
            last(version, say(StatusCode::REQUEST_TIMEOUT, "invalid_request", why))
        }
    }
}

fn is_clear(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let authority = request.uri().authority();
    match (request.version(), host) {
        (Version::HTTP_11, host) => host.is_some() && more.is_none(),
        (Version::HTTP_2, None) => authority.is_some(),
        (Version::HTTP_2, Some(host)) => {
            let same =
                |authority: &Authority| host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes());
            more.is_none() && authority.is_none_or(same)
        }
        _ => true,
    }
}

/// The last answer of its connection: what follows cannot be told from what was meant to come
/// before. HTTP/2 knows no such header.
fn last(version: Version, mut response: Response) -> Response {
    if version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn it_is_clear_who_is_meant_if_one_host_is_named() {
        let named = |version, uri: &str, hosts: &[&str]| {
            let request = Request::builder().version(version).uri(uri);
            let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
            is_clear(&request.body(Body::empty()).unwrap())
        };
        for (version, uri, hosts, clear) in [
            (Version::HTTP_10, "/", &[][..], true),
            (Version::HTTP_11, "/", &["a"], true),
            (Version::HTTP_11, "/", &[], false),
            (Version::HTTP_11, "/", &["a", "a"], false),
            (Version::HTTP_2, "https://a/", &[], true),
            (Version::HTTP_2, "https://a:1/", &["A:1"], true),
            (Version::HTTP_2, "/", &["a"], true),
            (Version::HTTP_2, "/", &[], false),
            (Version::HTTP_2, "https://a/", &["b"], false),
            (Version::HTTP_2, "https://a/", &["a", "a"], false),
        ] {
            assert_eq!(named(version, uri, hosts), clear, "{version:?} {uri} {hosts:?}");
        }
    }
}

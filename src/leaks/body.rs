//! The bytes of a report: JSON, whole, within a limit.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, header};

use super::error::Error;

/// Reads the body of a request.
///
/// # Errors
/// [`Error::InvalidRequest`].
pub(super) async fn read(request: Request, most: usize) -> Result<Bytes, Error> {
    if request.uri().query().is_some() {
        return Err(Error::InvalidRequest("a report belongs in the body, not in the URL"));
    }
    let headers = request.headers();
    let media_type = one(headers, header::CONTENT_TYPE).and_then(|line| line.split(';').next());
    if !media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Error::InvalidRequest("the body must be application/json"));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Error::InvalidRequest("the body must not be compressed or otherwise encoded"));
    }
    let body = to_bytes(request.into_body(), most).await;
    body.map_err(|_| Error::InvalidRequest("the body is too long or was cut short"))
}

/// The value of a header that stands once and can be read.
pub(super) fn one(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none()).and_then(|line| line.to_str().ok())
}

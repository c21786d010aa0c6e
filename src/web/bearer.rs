//! The token of a request to a protected resource (RFC 6750 §2.1).

use axum::http::{HeaderMap, header};

/// The one token in the `Authorization` header.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a>(pub &'a str);

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBearer {
    /// No credentials at all, or of another scheme: the challenge names no error (§3.1).
    Absent,
    /// More than one, or nothing that could be a token: `invalid_request`.
    Malformed,
}

impl<'a> Bearer<'a> {
    /// Reads the token.
    ///
    /// # Errors
    /// See [`NoBearer`].
    pub fn read(headers: &'a HeaderMap) -> Result<Self, NoBearer> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let line = lines.next().ok_or(NoBearer::Absent)?;
        if lines.next().is_some() {
            return Err(NoBearer::Malformed);
        }
        let line = line.to_str().map_err(|_| NoBearer::Malformed)?;
        let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(NoBearer::Absent);
        }
        let token = token.trim_matches(' ');
        if token.is_empty() || token.contains([' ', '\t', ',']) {
            return Err(NoBearer::Malformed);
        }
        Ok(Self(token))
    }
}

//! Form-encoded bodies, read strictly: nothing twice, nothing unreadable passed over (threats S14,
//! S34). A parameter without a value is as if it were not there (RFC 6749 §3.2).

use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use zeroize::Zeroizing;

/// The longest body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// The most parameters.
const MOST_PARAMETERS: usize = 64;
/// What may stand more than once: RFC 8707 §2, RFC 8693 §2.1.
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// The parameters of a request.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, Value)>);

/// A value; it may be a secret, so it is wiped and not shown.
struct Value(Zeroizing<String>);

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

/// Why a body is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormError {
    /// Another content type, or none.
    ContentType,
    /// It is compressed.
    Encoded,
    /// Parameters in the URL end up in logs.
    InQuery,
    /// Longer than any request, or cut short.
    TooLong,
    /// More parameters than any request.
    TooMany,
    /// Not form-encoded UTF-8.
    Undecodable,
    /// The same parameter more than once.
    Repeated,
}

impl FormError {
    /// What to tell the caller.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::ContentType => "the body must be application/x-www-form-urlencoded",
            Self::Encoded => "the body must not be compressed or otherwise encoded",
            Self::InQuery => "parameters belong in the body, not in the URL",
            Self::TooLong => "the body is too long or was cut short",
            Self::TooMany => "there are too many parameters",
            Self::Undecodable => "the body is not form-encoded UTF-8",
            Self::Repeated => "a parameter stands more than once",
        }
    }
}

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// See [`FormError`].
    pub fn read(body: &[u8]) -> Result<Self, FormError> {
        let body = std::str::from_utf8(body).map_err(|_| FormError::Undecodable)?;
        let mut form = Self::default();
        for pair in body.split('&').filter(|pair| !pair.is_empty()) {
            if form.0.len() == MOST_PARAMETERS {
                return Err(FormError::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or(FormError::Undecodable)?;
            let value = decode(value).map(Zeroizing::new).ok_or(FormError::Undecodable)?;
            if !REPEATABLE.contains(&name.as_str()) && form.0.iter().any(|(known, _)| *known == name) {
                return Err(FormError::Repeated);
            }
            form.0.push((name, Value(value)));
        }
        Ok(form)
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// See [`FormError`].
    pub async fn of_request(parts: &Parts, body: Body) -> Result<Self, FormError> {
        if parts.uri.query().is_some() {
            return Err(FormError::InQuery);
        }
        check_headers(&parts.headers)?;
        let body = to_bytes(body, MAX_BODY_BYTES).await;
        Self::read(&body.map_err(|_| FormError::TooLong)?)
    }

    /// The value of a parameter; none if it is absent or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether a parameter is there at all, empty or not.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Every parameter and its value, empty ones too.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.0.as_str()))
    }

    /// The values of a parameter that may stand more than once, without empty ones.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.0.as_str()).filter(|value| !value.is_empty())
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), FormError> {
    let one = |name| {
        let mut lines = headers.get_all(name).iter();
        lines.next().filter(|_| lines.next().is_none()).and_then(|line| line.to_str().ok())
    };
    let media_type = one(header::CONTENT_TYPE).and_then(|line| line.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(FormError::ContentType);
    }
    let encoded = headers.contains_key(header::CONTENT_ENCODING)
        && !one(header::CONTENT_ENCODING).is_some_and(|line| line.trim().eq_ignore_ascii_case("identity"));
    if encoded { Err(FormError::Encoded) } else { Ok(()) }
}

/// Decodes `application/x-www-form-urlencoded`: `+` is a space, `%41` is `A`; `None` for a `%`
/// without two hex digits and for what is not UTF-8.
#[must_use]
pub fn decode(raw: &str) -> Option<String> {
    if !raw.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return Some(raw.to_owned());
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_strictly() {
        let form = Form::read(b"a=1&b=x+%3A%C3%A9&resource=r1&resource=r2&empty=&flag").unwrap();
        assert_eq!((form.get("a"), form.get("b")), (Some("1"), Some("x :é")));
        assert_eq!(form.all("resource").collect::<Vec<_>>(), ["r1", "r2"]);
        assert_eq!((form.get("empty"), form.get("flag"), form.get("absent")), (None, None, None));
        assert_eq!(Form::read(b"a=1&a=1").unwrap_err(), FormError::Repeated);
        assert_eq!(Form::read(b"a=&a=1").unwrap_err(), FormError::Repeated);
        assert_eq!(Form::read(b"a=1&%61=2").unwrap_err(), FormError::Repeated);
        for wrong in [&b"a=%"[..], b"a=%4", b"a=%zz", b"%=1", b"a=%ff", b"a=\xff", b"a=%+1"] {
            assert_eq!(Form::read(wrong).unwrap_err(), FormError::Undecodable, "{wrong:?}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("p{n}=")).collect();
        assert_eq!(Form::read(many.join("&").as_bytes()).unwrap_err(), FormError::TooMany);
    }

    #[test]
    fn a_form_never_shows_its_values() {
        let form = Form::read(b"client_secret=hunter2").unwrap();
        assert!(!format!("{form:?}").contains("hunter2"));
    }
}

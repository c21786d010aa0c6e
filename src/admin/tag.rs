//! What somebody has seen of a thing before they edit it: `ETag` and `If-Match` (RFC 9110 §8.8.3, §13.1.1).
//!
//! The tag is the position of the thing's last entry in the feed: every edit moves it. When a secret was
//! used last is no edit.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};

use crate::domain::Position;

use super::problem::Problem;

/// The tag of something as it is.
pub(super) fn etag(position: Position) -> [(header::HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{position}\"")).expect("digits in quotes");
    [(header::ETAG, value)]
}

/// What whoever edits has seen; none, if anything will do (`If-Match: *`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen(pub(super) Option<Position>);

impl<S: Send + Sync> FromRequestParts<S> for Seen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(header::IF_MATCH).iter();
        let line = lines.next().ok_or(Problem::Unconditional)?;
        if lines.next().is_some() {
            return Err(Problem::InvalidRequest("there must be one If-Match header, with one tag"));
        }
        match line.as_bytes().trim_ascii() {
            b"*" => Ok(Self(None)),
            // A weak tag, and whatever we never gave, is the tag of nothing that is there.
            tag => tagged(tag).map(|position| Self(Some(position))).ok_or(Problem::Changed),
        }
    }
}

fn tagged(tag: &[u8]) -> Option<Position> {
    let digits = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let digits = std::str::from_utf8(digits).ok()?;
    let position = Position::new(digits.parse().ok()?);
    (position.to_string() == digits).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_one_spelling() {
        assert_eq!(tagged(b"\"17\""), Some(Position::new(17)));
        for wrong in ["17", "W/\"17\"", "\"017\"", "\"+17\"", "\"17\", \"18\"", "\"\"", "\"x\"", "\"", ""] {
            assert_eq!(tagged(wrong.as_bytes()), None, "{wrong}");
        }
    }
}

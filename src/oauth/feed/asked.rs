//! What is asked of the feed, in the query.

use std::time::Duration;

use portcullis_guard::feed_rules::Nonce;

use super::LONGEST_WAIT;
use crate::domain::Position;
use crate::oauth::error::Error;
use crate::web::Form;

/// The longest query, in bytes.
const MAX_QUERY_BYTES: usize = 1024;
/// What must never stand in a URL: it ends up in logs.
const SECRETS: [&str; 5] =
    ["client_secret", "client_assertion", "client_assertion_type", "access_token", "client_id"];

/// A question.
#[derive(Debug)]
pub(super) struct Asked {
    /// How far the asker knows the feed.
    pub(super) since: Position,
    /// What ties the answer to the question.
    pub(super) nonce: Nonce,
    /// How long the answer may wait for news.
    pub(super) wait: Duration,
}

impl Asked {
    /// # Errors
    /// `invalid_request`.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Error> {
        let query = query.unwrap_or_default();
        if query.len() > MAX_QUERY_BYTES {
            return Err(Error::InvalidRequest("the query is too long"));
        }
        let form = Form::read(query.as_bytes())?;
        if SECRETS.iter().any(|name| form.is_named(name)) {
            return Err(Error::InvalidRequest("credentials belong in headers, not in the URL"));
        }
        let since = form.get("since").map_or(Some(0), number);
        let since = since.ok_or(Error::InvalidRequest("`since` is not a whole number"))?;
        let nonce = form.get("nonce").ok_or(Error::InvalidRequest("`nonce` is missing"))?;
        let nonce = nonce
            .parse()
            .map_err(|_| Error::InvalidRequest("`nonce` is not 16 to 128 letters, digits, `-` and `_`"))?;
        let wait = form.get("wait").map_or(Some(0), number);
        let wait = wait.ok_or(Error::InvalidRequest("`wait` is not a whole number of seconds"))?;
        let wait = Duration::from_secs(wait).min(LONGEST_WAIT);
        Ok(Self { since: Position::new(since), nonce, wait })
    }
}

fn number(raw: &str) -> Option<u64> {
    raw.parse().ok().filter(|_| raw.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_strictly() {
        let nonce = "0123456789abcdef";
        let asked = Asked::read(Some(&format!("since=7&nonce={nonce}&wait=60"))).unwrap();
        assert_eq!((asked.since, asked.wait), (Position::new(7), LONGEST_WAIT));
        let asked = Asked::read(Some(&format!("nonce={nonce}"))).unwrap();
        assert_eq!((asked.since, asked.wait), (Position::START, Duration::ZERO));
        for wrong in [
            String::new(),
            "nonce=short".to_owned(),
            format!("nonce={nonce}&nonce={nonce}"),
            format!("nonce={nonce}&since=-1"),
            format!("nonce={nonce}&since=%2B1"),
            format!("nonce={nonce}&since=1.5"),
            format!("nonce={nonce}&since=18446744073709551616"),
            format!("nonce={nonce}&wait=x"),
            format!("nonce={nonce}&client_secret=x"),
            format!("nonce={nonce}&client_secret="),
            format!("nonce={nonce}&access_token=x"),
            format!("nonce={}", "a".repeat(129)),
            format!("nonce={nonce}&x={}", "a".repeat(MAX_QUERY_BYTES)),
        ] {
            assert!(Asked::read(Some(&wrong)).is_err(), "{wrong}");
        }
    }
}

//! `GET /oauth/revocations`: what guards follow (design section 4). One answer at once, one that waits
//! for news, or a stream of events; each signed, and about the caller's project alone.
//!
//! Everything is answered from memory. Not here: what a guard makes of an answer
//! (`portcullis_guard::feed_rules`), and the order of the entries (`revocation::Log`).

mod asked;
mod asker;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use portcullis_guard::Freshness;
use portcullis_guard::feed_rules::{self, Statement};

use super::accept::is_preferred_to_json;
use super::error::{Error, no_store};
use crate::domain::Position;
use crate::revocation::{Body, Slice};
use crate::web::{ClientAddress, Server, Turns};
use asked::Asked;
use asker::{Asker, No};

/// Where the feed is.
pub const FEED_PATH: &str = "/oauth/revocations";
/// Where the public halves of the keys that sign it are.
pub const FEED_JWKS_PATH: &str = "/.well-known/portcullis-feed-jwks.json";
/// How long an answer waits for news, at most.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(20);

const STATEMENT: HeaderName = HeaderName::from_static(feed_rules::HEADER);

/// How long this request may take beyond what any may: an answer of the feed waits for news.
#[must_use]
pub fn longest_wait(path: &str) -> Duration {
    if path == FEED_PATH { LONGEST_WAIT } else { Duration::ZERO }
}

/// The endpoint.
///
/// # Errors
/// See [`No`].
pub(super) async fn revocations(
    State(server): State<Arc<Server>>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, No> {
    let arrived = server.clock.monotonic();
    let (headers, turns) = (request.headers(), request.extensions().get::<Arc<Turns>>().cloned());
    let asked = Asked::read(query.as_deref())?;
    let asker = Asker::admit(&server, headers, address).await?;
    let wait = asked.wait;
    let question = Question { since: asked.since, server, asker, asked, arrived };
    if is_preferred_to_json(headers, stream::MEDIA_TYPE) {
        return Ok(stream::answer(question, turns)?);
    }
    if !wait.is_zero() {
        question.wait_for_news(wait).await;
        question.asker.is_still_admitted(&question.server).await?;
    }
    let told = question.tell()?;
    Ok(answer(told, headers))
}

/// `GET` of the public halves of the feed's keys (RFC 7517 §5).
pub(super) async fn jwks(State(server): State<Arc<Server>>) -> Response {
    let keys = server.keyring.feed_jwks(server.clock.now());
    ([(header::CACHE_CONTROL, super::metadata::CACHED)], Json(keys)).into_response()
}

/// Who asks for what, and since when.
struct Question {
    server: Arc<Server>,
    asker: Asker,
    asked: Asked,
    /// Where the asker stands. In a stream it moves.
    since: Position,
    arrived: Duration,
}

/// An answer: what is said of it, and its body.
struct Told {
    statement: String,
    body: Arc<Body>,
    position: Position,
}

impl Question {
    /// # Errors
    /// [`Error::Unavailable`], if the copy is too old or nothing can be signed.
    fn tell(&self) -> Result<Told, Error> {
        let server = &self.server;
        // Before the entries are read: they may be younger than it says, and never older.
        let age = server.copy.age().filter(|_| server.copy.freshness() != Freshness::Stale);
        let age = age.ok_or(Error::Unavailable)?;
        let Slice { since_tag, position, tag, body } = self.slice().ok_or(Error::Unavailable)?;
        let elapsed = server.clock.monotonic().saturating_sub(self.arrived);
        let now = server.clock.now();
        let statement = Statement {
            iss: (*server.issuer).into(),
            prj: self.asker.project().clone(),
            nonce: self.asked.nonce.clone(),
            since: self.since,
            since_tag,
            snapshot: since_tag.is_none(),
            position,
            tag,
            age: u64::try_from(age.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
            elapsed: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            now,
            sha256: body.sha256,
        };
        let statement = serde_json::to_vec(&statement).expect("a statement is JSON");
        Ok(Told { statement: server.keyring.sign_feed(&statement, now)?, body, position })
    }

    fn slice(&self) -> Option<Slice> {
        self.server.copy.log().since(self.asker.project(), self.since)
    }

    /// Whether there is anything that the asker does not know. Where nobody knows the asker's place,
    /// there is.
    fn is_news(&self) -> bool {
        self.slice().is_none_or(|slice| slice.since_tag.is_none() || !slice.body.is_empty())
    }

    /// Waits until there is something to tell, or the server stops, or for so long.
    async fn wait_for_news(&self, at_most: Duration) {
        let mut news = self.server.copy.log().news();
        let come = async {
            while !news.borrow_and_update().ends && !self.is_news() && news.changed().await.is_ok() {}
        };
        let _ = tokio::time::timeout(at_most, come).await;
    }
}

fn answer(told: Told, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", told.body.sha256);
    let is_known = is_named(headers, &tag);
    let values = [(STATEMENT, told.statement), (header::ETAG, tag)];
    let values = values.map(|(name, value)| {
        (name, HeaderValue::from_str(&value).expect("base64url, dots and quotes are visible ASCII"))
    });
    if is_known {
        return (StatusCode::NOT_MODIFIED, no_store(), values).into_response();
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (no_store(), values, json, Bytes::from_owner(told.body.bytes.clone())).into_response()
}

/// `If-None-Match` (RFC 9110 §13.1.2).
fn is_named(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut named = lines.flat_map(|line| line.split(',')).map(str::trim);
    named.any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag)
}

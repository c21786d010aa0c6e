//! `?wait=applied&timeout=S`: the answer to an act waits until every server that may admit anybody has applied
//! it, and says who has. That it takes too long is no error: the act is done.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;

use crate::domain::Position;
use crate::keys::applied::{Applied, wait};
use crate::web::Server;

use super::problem::Problem;
use super::query::Query;
use super::view::Awaited;

/// How long is waited, if nobody says; longer than a copy of the feed may be old.
const USUAL: u32 = 40;
/// How long is waited at most, in seconds.
pub const LONGEST: u32 = 60;
/// The word for it.
pub const WORD: &str = "applied";

/// How long this request may take beyond what any may: whoever waits says so in the query.
#[must_use]
pub fn longest_wait(uri: &Uri) -> Duration {
    let asks = uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("wait=")));
    if asks && uri.path().starts_with("/admin/") {
        Duration::from_secs(LONGEST.into())
    } else {
        Duration::ZERO
    }
}

/// How long whoever acts wants to wait; not at all, if none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting(Option<Duration>);

impl<S: Send + Sync> FromRequestParts<S> for Waiting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        const WHY: &str = "`timeout` is a number of seconds from 1 to 60, beside `wait`";
        let mut query = Query::from_request_parts(parts, state).await?;
        let waits = query.one_of("wait", &[WORD])?.is_some();
        let secs: Option<u32> = query.take("timeout", WHY)?;
        query.end()?;
        let fits = secs.is_none_or(|secs| waits && (1..=LONGEST).contains(&secs));
        if !fits {
            return Err(Problem::InvalidRequest(WHY));
        }
        Ok(Self(waits.then(|| Duration::from_secs(secs.unwrap_or(USUAL).into()))))
    }
}

impl Waiting {
    /// What was done at this position, and whom it has reached, once that is known.
    pub(super) async fn until_applied<T>(self, server: &Server, position: Position, done: T) -> Awaited<T> {
        let Some(at_most) = self.0 else { return Awaited { done, applied: None } };
        let mut last = Applied { position, nodes: None };
        let mut news = server.copy.log().news();
        let stops = async { while !news.borrow_and_update().ends && news.changed().await.is_ok() {} };
        let parts = (server.store.as_ref(), server.clock.as_ref());
        // A server that stops does not leave whoever acted without an answer.
        tokio::select! {
            applied = wait(parts, position, at_most, |now| last = now.clone()) => {
                Awaited { done, applied: Some(applied.into()) }
            }
            () = stops => Awaited { done, applied: Some(last.into()) },
        }
    }
}

//! The feed as server-sent events (WHATWG HTML §9.2): whatever comes, and a sign of life every five
//! seconds, which is what makes a guard's copy fresh.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::{Question, Told};
use crate::oauth::error::{Error, no_store};
use crate::web::{OpenStream, Turns};

/// What a client accepts that wants a stream.
pub(super) const MEDIA_TYPE: &str = "text/event-stream";
/// How often something is said.
const PULSE: Duration = Duration::from_secs(5);
/// The least time between two events: each costs a signature for each follower.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a stream lasts. Then the guard asks anew: with another nonce, by clocks that had no time to
/// drift apart, and perhaps at another node.
const LONGEST: Duration = Duration::from_mins(10);

/// The first event is made before anything is answered, so that a refusal has a status.
///
/// # Errors
/// [`Error::TooMany`], if the key has as many streams as it may; as [`Question::tell`].
pub(super) fn answer(mut question: Question, turns: Option<Arc<Turns>>) -> Result<Response, Error> {
    let place = question.server.streams.open(question.asker.key()).ok_or(Error::TooMany(PULSE))?;
    let first = question.tell()?;
    question.since = first.position;
    let follow = Follow { question, turns, next: Some(first), _place: place };
    let events = stream::unfold(follow, |mut follow| async move {
        let event = follow.event().await?;
        Some((Ok::<_, Infallible>(event), follow))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        // nginx would wait until it has a page full.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((no_store(), headers, Body::from_stream(events)).into_response())
}

/// A stream that somebody follows.
struct Follow {
    question: Question,
    turns: Option<Arc<Turns>>,
    /// What was told last, until it is sent.
    next: Option<Told>,
    /// Among the streams of its key.
    _place: OpenStream,
}

impl Follow {
    /// The next event, once there is one; none at the end: the copy is stale, key or token may follow no
    /// longer, the server stops, or the time is over.
    async fn event(&mut self) -> Option<String> {
        let told = match self.next.take() {
            Some(first) => first,
            None => self.wait_and_tell().await?,
        };
        self.question.since = told.position;
        if let Some(turns) = &self.turns {
            turns.step();
        }
        let body = str::from_utf8(&told.body.bytes).expect("JSON is UTF-8");
        Some(format!("event: revocations\ndata: {}\ndata: {body}\n\n", told.statement))
    }

    async fn wait_and_tell(&self) -> Option<Told> {
        let Question { server, asker, arrived, .. } = &self.question;
        tokio::time::sleep(PAUSE).await;
        // A token's end is an end of the stream, and no news.
        let pulse = PULSE.min(asker.is_left(server.clock.now()));
        self.question.wait_for_news(pulse.saturating_sub(PAUSE)).await;
        let lasted = server.clock.monotonic().saturating_sub(*arrived);
        let ends = server.copy.log().news().borrow().ends;
        if ends || lasted >= LONGEST {
            return None;
        }
        asker.is_still_admitted(server).await.ok()?;
        self.question.tell().ok()
    }
}

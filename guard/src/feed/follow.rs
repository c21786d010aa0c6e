//! Follows the feed: by a stream of events, or by polling where there is none to be had.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Core;
use super::client::{Client, Error, Question};
use crate::clock::Moment;
use crate::event_stream::statement_and_body;
use crate::feed_rules::{Expected, InvalidAnswer, Nonce, Unfitting, read};
use crate::jwks::KeySet;
use crate::random::random;
use crate::revocation::Freshness;

/// How often a stream is tried anew where streams are silent: something in between keeps them back.
const STREAM_AGAIN: Duration = Duration::from_mins(10);
/// How long feed keys are not fetched again after an unknown one.
const KEYS_REST: Duration = Duration::from_secs(30);

/// How the feed is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// How often it is polled.
    pub(super) poll: Duration,
    /// Whether it is streamed where that can be.
    pub(super) streams: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { poll: Duration::from_secs(5), streams: true }
    }
}

/// What follows the feed.
pub(super) struct Follower {
    core: Arc<Core>,
    client: Arc<Client>,
    manner: Manner,
    keys: Option<KeySet>,
    is_pinned: bool,
    keys_fetched: Option<Moment>,
    /// When a stream was silent last.
    silent: Option<Moment>,
}

impl Follower {
    pub(super) fn new(core: Arc<Core>, client: Arc<Client>, manner: Manner, pinned: Option<KeySet>) -> Self {
        let is_pinned = pinned.is_some();
        Self { core, client, manner, keys: pinned, is_pinned, keys_fetched: None, silent: None }
    }

    /// Follows for ever.
    pub(super) async fn run(mut self) {
        let mut fails = false;
        loop {
            let done = self.turn().await;
            match &done {
                Ok(()) if fails => tracing::info!("the feed is heard again"),
                Err(error) if !fails => {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(error, "the feed is not heard; soon nobody is admitted");
                }
                _ => {}
            }
            fails = done.is_err();
            if fails {
                sleep(self.manner.poll).await;
            }
        }
    }

    /// A stream to its end, or one poll and a pause. A stream that fails is followed by a poll: it
    /// tells whether the server is there, and the guard may still be fresh by it.
    async fn turn(&mut self) -> Result<(), Error> {
        if self.may_stream() {
            match self.stream().await {
                Ok(()) => return Ok(()),
                Err(Error::Silent) => self.silent = Some(Moment::now(self.core.clock.as_ref())),
                Err(_) => {}
            }
        }
        self.poll().await?;
        sleep(self.manner.poll).await;
        Ok(())
    }

    fn may_stream(&self) -> bool {
        let is_over = |silent: Moment| silent.age(self.core.clock.as_ref()) >= STREAM_AGAIN;
        self.manner.streams && self.silent.is_none_or(is_over)
    }

    async fn poll(&mut self) -> Result<(), Error> {
        // What was missed, or is of another history, is asked for once more, from where that leaves us.
        for again in [true, false] {
            let (question, sent) = self.question();
            let (statement, body) = self.client.poll(&question).await?;
            match self.take(&statement, &body, &question.nonce, sent).await {
                Err(Error::Unfitting(Unfitting::OtherHistory)) if again => {}
                done => return done,
            }
        }
        Ok(())
    }

    async fn stream(&mut self) -> Result<(), Error> {
        let (question, sent) = self.question();
        let mut events = self.client.stream(&question).await?;
        let mut heard = false;
        while let Some(event) = events.next().await? {
            let (statement, body) = statement_and_body(&event).ok_or(InvalidAnswer::Malformed)?;
            self.take(statement, body, &question.nonce, sent).await?;
            heard = true;
            // Perhaps only our clocks and the server's have come apart: asked anew, they agree.
            if self.core.copy.freshness(self.core.clock.as_ref()) != Freshness::Fresh {
                sleep(self.manner.poll).await;
                return Ok(());
            }
        }
        if heard { Ok(()) } else { Err(Error::Silent) }
    }

    fn question(&self) -> (Question, Moment) {
        let question = Question { since: self.core.copy.position(), nonce: Nonce::from_bytes(random()) };
        (question, Moment::now(self.core.clock.as_ref()))
    }

    /// Believes an answer, or not, and takes it up.
    async fn take(&mut self, statement: &str, body: &[u8], nonce: &Nonce, sent: Moment) -> Result<(), Error> {
        let core = self.core.clone();
        let expected = Expected { issuer: &core.issuer, project: &core.project, nonce };
        let mut answer = read(statement, body, self.keys().await?, &expected);
        if answer == Err(InvalidAnswer::UnknownKey) && self.may_fetch_keys() {
            self.fetch_keys().await?;
            answer = read(statement, body, self.keys().await?, &expected);
        }
        core.copy.apply(&answer?, sent, core.clock.as_ref())?;
        core.tell_learnt();
        Ok(())
    }

    async fn keys(&mut self) -> Result<&KeySet, Error> {
        if self.keys.is_none() {
            self.fetch_keys().await?;
        }
        Ok(self.keys.get_or_insert_default())
    }

    fn may_fetch_keys(&self) -> bool {
        let is_over = |fetched: Moment| fetched.age(self.core.clock.as_ref()) >= KEYS_REST;
        !self.is_pinned && self.keys_fetched.is_none_or(is_over)
    }

    async fn fetch_keys(&mut self) -> Result<(), Error> {
        self.keys = Some(self.client.feed_keys().await?);
        self.keys_fetched = Some(Moment::now(self.core.clock.as_ref()));
        Ok(())
    }
}

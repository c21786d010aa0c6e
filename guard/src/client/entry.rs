//! What is known of one thing that is wanted, and what follows from it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::NoToken;
use super::answer::Refused;
use super::pace::{REFUSED_REST, Worth, YOUNGEST_FORGOTTEN};
use super::token::Token;
use crate::clock::{Clock, Moment};

/// Something that is so for a while.
#[derive(Clone, Debug)]
pub(super) struct Pause<T> {
    pub(super) began: Moment,
    pub(super) span: Duration,
    pub(super) because: T,
}

impl<T: Clone> Pause<T> {
    /// How much of it is left, and why it is; nothing once it is over.
    pub(super) fn left(&self, clock: &dyn Clock) -> Option<(Duration, T)> {
        let left = self.span.saturating_sub(self.began.age(clock));
        (!left.is_zero()).then(|| (left, self.because.clone()))
    }
}

/// What is known of one thing that is wanted.
#[derive(Debug, Default)]
pub(super) struct Entry {
    known: Mutex<Known>,
    moved: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    token: Option<Token>,
    refused: Option<Pause<Refused>>,
    /// The number of the exchange whose answer counts, while it is under way.
    flight: Option<u64>,
    flights: u64,
}

/// What follows from what is known.
#[derive(Debug)]
pub(super) enum Course {
    /// This one serves.
    Give(Token),
    /// An exchange is under way.
    Wait,
    /// Nothing can be asked for.
    Rest(NoToken),
}

impl Entry {
    /// Tells when what is known may have changed.
    pub(super) fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// What follows, and the number of the exchange that is to begin now, if one is: at most one is under
    /// way, and none begins while something `holds` the source up.
    pub(super) fn course(
        &self,
        clock: &dyn Clock,
        margin: Duration,
        holds: impl FnOnce() -> Option<NoToken>,
    ) -> (Course, Option<u64>) {
        let mut known = self.known();
        let worth = known.token.as_ref().map_or(Worth::Over, |token| token.worth(clock, margin));
        let token = known.token.clone().filter(|_| worth != Worth::Over);
        if let (Worth::Fresh, Some(token)) = (worth, &token) {
            return (Course::Give(token.clone()), None);
        }
        let refused = known.refused.as_ref().and_then(|refused| refused.left(clock));
        // Looked at under the lock: whoever ends an exchange says first what holds the source up.
        let held_up = refused.map(|(_, refused)| NoToken::Refused(refused)).or_else(holds);
        let begins = known.flight.is_none() && held_up.is_none();
        let flight = begins.then(|| known.begin());
        let course = match (token, held_up) {
            (Some(token), _) => Course::Give(token),
            (None, Some(held_up)) if known.flight.is_none() => Course::Rest(held_up),
            (None, _) => Course::Wait,
        };
        (course, flight)
    }

    /// The end of an exchange, with what it brought. One that began before a token was forgotten may
    /// have been decided before whatever made that one worthless, and is not used.
    pub(super) fn land(&self, flight: u64, brought: Option<Result<Token, Pause<Refused>>>) {
        let mut known = self.known();
        if known.flight == Some(flight) {
            known.flight = None;
            match brought {
                Some(Ok(token)) => (known.token, known.refused) = (Some(token), None),
                Some(Err(refused)) => known.refused = Some(refused),
                None => {}
            }
        }
        drop(known);
        self.moved.send_replace(());
    }

    /// Drops the token, if it is still this one and not just made: what refuses a new one would refuse
    /// the next one too.
    pub(super) fn forget(&self, token: &Token, clock: &dyn Clock) {
        let mut known = self.known();
        let is_it = known.token.as_ref().is_some_and(|held| held.is(token));
        if is_it && token.age(clock) >= YOUNGEST_FORGOTTEN {
            (known.token, known.flight) = (None, None);
            drop(known);
            self.moved.send_replace(());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn begin(&mut self) -> u64 {
        self.flights += 1;
        self.flight = Some(self.flights);
        self.flights
    }
}

/// A refusal that is remembered from now on.
pub(super) fn remembered(refused: Refused, clock: &dyn Clock) -> Pause<Refused> {
    Pause { began: Moment::now(clock), span: REFUSED_REST, because: refused }
}

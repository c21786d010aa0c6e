//! A guard's copy of the feed: what it has been told, and what that is worth at this moment.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::feed_rules::{Answer, Course, Known, Standing, Unfitting, age, course, is_behind};
use crate::id::Position;
use crate::revocation::{Freshness, Revocation, RevocationList};

/// Beyond this age nobody is admitted (design section 7). A guard may be stricter, never laxer.
pub const MAX_AGE: Duration = Duration::from_secs(45);
/// Within this age nothing is missing: a poll or a sign of life every five seconds, of a node whose
/// own copy is five seconds old, and some for the way.
pub const LATE_AFTER: Duration = Duration::from_secs(15);

/// A guard's copy of the feed.
pub struct FeedCopy {
    list: RwLock<Arc<RevocationList>>,
    state: Mutex<State>,
    max_age: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    known: Option<Known>,
    told: Option<Told>,
}

/// What the copy's age is measured from.
#[derive(Clone, Copy, Debug)]
struct Told {
    sent: Moment,
    at_server: Duration,
    servers_age: Duration,
}

impl Told {
    fn age(&self, clock: &dyn Clock) -> Duration {
        age(self.sent.age(clock), self.at_server, self.servers_age)
    }
}

impl FeedCopy {
    /// An empty copy: stale until it is told anything. Older than `max_age`, [`MAX_AGE`] at most, it
    /// is stale again.
    #[must_use]
    pub fn new(max_age: Duration) -> Self {
        Self { list: RwLock::default(), state: Mutex::default(), max_age: max_age.min(MAX_AGE) }
    }

    /// The revocations.
    #[must_use]
    pub fn list(&self) -> Arc<RevocationList> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the copy is worth.
    pub fn freshness(&self, clock: &dyn Clock) -> Freshness {
        let of = |age| Freshness::of(age, LATE_AFTER.min(self.max_age), self.max_age);
        self.age(clock).map_or(Freshness::Stale, of)
    }

    /// How old it is; none if it was never told anything that holds.
    pub fn age(&self, clock: &dyn Clock) -> Option<Duration> {
        let told = self.lock().told;
        told.map(|told| told.age(clock))
    }

    /// How far it is complete: where the next question begins.
    #[must_use]
    pub fn position(&self) -> Position {
        self.lock().known.map_or(Position::START, |known| known.position)
    }

    /// Takes up an answer to a request that was sent at this moment.
    ///
    /// # Errors
    /// See [`Unfitting`]; then the list is as it was, and after [`Unfitting::OtherHistory`] stale.
    pub fn apply(&self, answer: &Answer, sent: Moment, clock: &dyn Clock) -> Result<(), Unfitting> {
        let is_stale = self.freshness(clock) == Freshness::Stale;
        let now = clock.now();
        let mut state = self.lock();
        let known = self.list();
        let standing = Standing { known: state.known, is_stale, list: &known };
        let list = match course(answer, &standing) {
            Ok(Course::Extend) => known,
            // Whoever judges meanwhile does so by the old list, never by half of a new one.
            Ok(Course::Replace) => Arc::default(),
            Err(unfitting) => {
                if unfitting == Unfitting::OtherHistory {
                    *state = State::default();
                }
                return Err(unfitting);
            }
        };
        list.free(clock.monotonic());
        answer.entries.iter().map(Revocation::from).for_each(|revocation| list.apply(&revocation, now));
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = list;
        let statement = &answer.statement;
        state.known = Some(Known { position: statement.position, tag: statement.tag });
        let told = Told {
            sent,
            at_server: Duration::from_millis(statement.elapsed),
            servers_age: Duration::from_millis(statement.age),
        };
        let younger = |old: &Told| old.age(clock) < told.age(clock);
        // What is revoked is known, whatever the clocks say; but by a wrong one nobody is admitted.
        state.told = (!is_behind(now, statement)).then(|| state.told.filter(younger).unwrap_or(told));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FeedCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedCopy").field("state", &*self.lock()).finish_non_exhaustive()
    }
}

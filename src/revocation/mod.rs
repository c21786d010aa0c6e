//! The revocation list, kept current: what this node knows of the feed, and what that is worth.
//!
//! Not here: what revokes what (`portcullis_guard::revocation`), and who may revoke (`keys`).

mod sync;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portcullis_guard::Gate;

use crate::domain::feed::Published;
use portcullis_guard::RevocationList;

use crate::domain::{Freshness, Position, Tag, Timestamp};
use crate::time::{Clock, Moment};

pub use sync::{Follower, Parts, Sync};

/// This node's copy of the feed.
pub struct Copy {
    list: RevocationList,
    clock: Arc<dyn Clock>,
    limits: Limits,
    state: Mutex<State>,
}

/// How old a copy may become.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A copy is fresh within this time.
    pub poll: Duration,
    /// Beyond this one nobody is admitted.
    pub max_age: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// How far the copy is complete, and the mark of the newest entry then.
    applied: Option<(Position, Tag)>,
    /// When the last good read began.
    read: Option<Moment>,
}

impl Copy {
    /// An empty copy: stale until it is read for the first time.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self { list: RevocationList::new(), clock, limits, state: Mutex::default() }
    }

    /// What the judge needs to know at this moment.
    #[must_use]
    pub fn gate(&self) -> Gate<'_> {
        Gate { list: &self.list, freshness: self.freshness(), now: self.clock.now() }
    }

    /// The revocations.
    #[must_use]
    pub fn list(&self) -> &RevocationList {
        &self.list
    }

    /// What the copy is worth.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.age().map_or(Freshness::Stale, |age| Freshness::of(age, self.limits.poll, self.limits.max_age))
    }

    /// How old the copy is; none if there never was one.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.state().read.map(|read| read.age(self.clock.as_ref()))
    }

    /// How far the copy is complete.
    #[must_use]
    pub fn applied(&self) -> Position {
        self.state().applied.map_or(Position::START, |(position, _)| position)
    }

    /// Takes up an entry that this node published itself, at once. The copy is not more complete
    /// for it: entries of others may stand before it.
    pub fn apply_own(&self, entry: &Published) {
        self.apply(entry, self.clock.now());
    }

    fn apply(&self, entry: &Published, now: Timestamp) {
        if let Some(revocation) = entry.revocation() {
            self.list.apply(&revocation, now);
        }
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copy").field("state", &self.state()).finish_non_exhaustive()
    }
}

//! The revocation list, kept current: what this node knows of the feed, and what that is worth.
//!
//! Not here: what revokes what (`portcullis_guard::revocation`), and who may revoke (`keys`).

mod log;
mod signs;
mod sync;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use portcullis_guard::Gate;

use crate::domain::feed::Published;
use portcullis_guard::RevocationList;

use crate::domain::{Freshness, Position, Revocation, Tag, Timestamp};
use crate::store::FeedRead;
use crate::time::{Clock, Moment};

pub use log::{Body, Log, News, Slice};
pub use sync::{Follower, Parts, Sync};

/// This node's copy of the feed.
pub struct Copy {
    list: RwLock<Arc<RevocationList>>,
    /// The same in order, for guards.
    log: Arc<Log>,
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

#[derive(Debug, Default)]
struct State {
    /// How far the copy is complete, and the mark of the newest entry then.
    applied: Option<(Position, Tag)>,
    /// When the last good poll began.
    read: Option<Moment>,
    /// What this node published beyond that.
    own: Vec<Revocation>,
}

impl Copy {
    /// An empty copy: stale until it is read for the first time.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self { list: RwLock::default(), log: Arc::default(), clock, limits, state: Mutex::default() }
    }

    /// What the judge needs to know at this moment.
    #[must_use]
    pub fn view(&self) -> View {
        View { list: self.list(), freshness: self.freshness(), now: self.clock.now() }
    }

    /// The revocations.
    #[must_use]
    pub fn list(&self) -> Arc<RevocationList> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The revocations in order, for guards.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// How old it may become.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// What the copy is worth.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.age().map_or(Freshness::Stale, |age| Freshness::of(age, self.limits.poll, self.limits.max_age))
    }

    /// How old the copy is; none if there never was one.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.state().1.map(|read| read.age(self.clock.as_ref()))
    }

    /// How far the copy is complete.
    #[must_use]
    pub fn applied(&self) -> Position {
        self.state().0.map_or(Position::START, |(position, _)| position)
    }

    /// Takes up an entry that this node published itself, at once. The copy is not more complete
    /// for it: entries of others may stand before it.
    pub fn apply_own(&self, entry: &Published) {
        let Some(revocation) = entry.revocation() else { return };
        let mut state = self.lock();
        self.list().apply(&revocation, self.clock.now());
        state.own.push(revocation);
    }

    /// Takes up what a read of the feed found; one that proves the database, begun at this moment,
    /// makes the copy fresh. In another history the revocations are gathered in
    /// a list of their own first: whoever judges meanwhile does so by the old one, never by half.
    fn apply(&self, found: &FeedRead, began: Option<Moment>, restart: bool) {
        let list = if restart { Arc::default() } else { self.list() };
        list.free(self.clock.monotonic());
        let (revocations, now) = (found.entries.iter().filter_map(Published::revocation), self.clock.now());
        revocations.for_each(|revocation| list.apply(&revocation, now));
        // Before the copy becomes younger for it: whoever asks for its age first and its entries then is
        // never told that they are younger than they are.
        self.log.extend(found, restart);
        let mut state = self.lock();
        // Published by this node after the read began: not in it, and not to be lost with the old list.
        state.own.retain(|own| own.position > found.position || restart);
        state.own.iter().for_each(|own| list.apply(own, now));
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = list;
        state.applied = Some((found.position, found.newest));
        state.read = began.or(state.read);
    }

    /// The copy is of a history that is no more: stale until another one is read.
    fn distrust(&self) {
        self.lock().read = None;
    }

    fn state(&self) -> (Option<(Position, Tag)>, Option<Moment>) {
        let state = self.lock();
        (state.applied, state.read)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known at one moment.
#[derive(Debug)]
pub struct View {
    list: Arc<RevocationList>,
    freshness: Freshness,
    now: Timestamp,
}

impl View {
    /// As the judge takes it.
    #[must_use]
    pub fn gate(&self) -> Gate<'_> {
        Gate { list: &self.list, freshness: self.freshness, now: self.now }
    }
}

impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copy").field("state", &self.state()).finish_non_exhaustive()
    }
}

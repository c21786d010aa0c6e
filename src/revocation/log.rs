//! The revocations in their order, for guards that follow over the wire: whoever asks for what lies
//! beyond a position is answered from memory, and the same question is serialized once.
//!
//! Kept small: a million entries lie here beside the list that judges by them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use moka::sync::Cache;
use portcullis_guard::feed_rules::{self, BodyHash, Entry, NO_ENTRIES};
use tokio::sync::watch;

use crate::domain::feed::Published;
use crate::domain::{Position, ProjectId, Tag, Target, Timestamp, TokenId};
use crate::store::FeedRead;

/// How much of serialized bodies is remembered, in bytes, and for how long.
const REMEMBERED_BYTES: u64 = 32 * 1024 * 1024;
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// What this node knows of the feed, in order. Empty until the feed was read.
pub struct Log {
    state: RwLock<State>,
    bodies: Cache<BodyName, Arc<Body>>,
    /// Moves with every entry for guards; closed when nobody is to wait any longer.
    news: watch::Sender<News>,
}

/// What those who wait are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// How often something came.
    came: u64,
    /// Whether the server is about to stop.
    pub ends: bool,
}

#[derive(Default)]
struct State {
    /// How far it is complete, and the mark of the entry there.
    complete: Option<(Position, Tag)>,
    /// Where a guard may stand: every entry's position and mark, guards' or not.
    marks: VecDeque<(Position, Tag)>,
    /// What concerns every project.
    shared: Entries,
    projects: HashMap<ProjectId, Entries>,
    /// How often it began anew.
    history: u64,
}

/// Entries of one project, or of all, in order.
#[derive(Default)]
struct Entries(Vec<Kept>);

/// An entry, small.
struct Kept {
    position: Position,
    /// Milliseconds since 1970; [`NEVER`] is never.
    ends: i64,
    target: KeptTarget,
}

enum KeptTarget {
    /// The many: one token of the project.
    Token(TokenId),
    /// The few.
    Other(Box<Target>),
}

const NEVER: i64 = i64::MAX;

/// A body as it is sent.
#[derive(Debug)]
pub struct Body {
    /// JSON.
    pub bytes: Arc<[u8]>,
    /// Its hash, which is its `ETag` too.
    pub sha256: BodyHash,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct BodyName {
    project: ProjectId,
    from: Position,
    newest: Position,
    history: u64,
}

/// What is known beyond a position.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The mark of the entry where the asker stands; none if nobody knows that place: then this is
    /// everything from the beginning.
    pub since_tag: Option<Tag>,
    /// How far this is complete.
    pub position: Position,
    /// The mark of the entry there.
    pub tag: Tag,
    /// The entries.
    pub body: Arc<Body>,
}

static NOTHING: LazyLock<Arc<Body>> = LazyLock::new(|| Arc::new(Body::of(NO_ENTRIES)));

impl Body {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), sha256: BodyHash::of(bytes) }
    }

    /// Whether it holds no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self.bytes == *NO_ENTRIES
    }
}

impl Default for Log {
    fn default() -> Self {
        let size = |_: &BodyName, body: &Arc<Body>| u32::try_from(body.bytes.len()).unwrap_or(u32::MAX);
        let bodies = Cache::builder().max_capacity(REMEMBERED_BYTES).weigher(size);
        let bodies = bodies.time_to_live(REMEMBERED_FOR).build();
        Self { state: RwLock::default(), bodies, news: watch::Sender::default() }
    }
}

impl Log {
    /// What is known beyond `since` for a project; none before the feed was read.
    #[must_use]
    pub fn since(&self, project: &ProjectId, since: Position) -> Option<Slice> {
        let state = self.read();
        let (position, tag) = state.complete?;
        let since_tag = state.mark_at(since);
        let from = if since_tag.is_some() { since } else { Position::START };
        let body = self.body(&state, project, from);
        Some(Slice { since_tag, position, tag, body })
    }

    /// Tells of whatever comes from now on.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    /// Nobody waits any longer: the server stops.
    pub fn end(&self) {
        self.news.send_modify(|news| news.ends = true);
    }

    /// Takes up what a read of the feed found.
    pub(super) fn extend(&self, found: &FeedRead, restart: bool) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if restart {
            *state = State { history: state.history + 1, ..State::default() };
        }
        let mut came = restart;
        for entry in &found.entries {
            state.marks.push_back((entry.position, entry.tag));
            came |= state.add(entry);
        }
        state.complete = Some((found.position, found.newest));
        drop(state);
        if came {
            self.news.send_modify(|news| news.came += 1);
        }
    }

    /// Lets go of what has ended among the entries up to `until`: what the database lets go of.
    pub(super) fn forget(&self, now: Timestamp, until: Position) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        while state.marks.len() > 1 && state.marks[0].0 <= until {
            state.marks.pop_front();
        }
        let stays = |kept: &Kept| kept.position > until || kept.ends > now.millis();
        state.shared.0.retain(stays);
        state.projects.retain(|_, entries| {
            entries.0.retain(stays);
            !entries.0.is_empty()
        });
    }

    fn body(&self, state: &State, project: &ProjectId, from: Position) -> Arc<Body> {
        let own = state.projects.get(project).map_or(&[][..], |entries| entries.beyond(from));
        let shared = state.shared.beyond(from);
        let newest = own.last().map(|kept| kept.position).max(shared.last().map(|kept| kept.position));
        let Some(newest) = newest else { return NOTHING.clone() };
        // What was forgotten since then may be in it still.
        let name = BodyName { project: project.clone(), from, newest, history: state.history };
        self.bodies.get_with(name, || {
            let mut entries: Vec<Entry> = own.iter().chain(shared).map(|kept| kept.entry(project)).collect();
            entries.sort_by_key(|entry| entry.position);
            let body = feed_rules::Body { entries };
            Arc::new(Body::of(&serde_json::to_vec(&body).expect("entries are JSON")))
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn mark_at(&self, position: Position) -> Option<Tag> {
        let place = self.marks.binary_search_by_key(&position, |(position, _)| *position).ok()?;
        Some(self.marks[place].1)
    }

    /// Whether it is one for guards.
    fn add(&mut self, entry: &Published) -> bool {
        let Some(revocation) = entry.revocation() else { return false };
        let ends = revocation.ends.map_or(NEVER, Timestamp::millis);
        let kept = |target| Kept { position: entry.position, ends, target };
        match (entry.entry.project(), revocation.target) {
            (Some(project), Target::Token { jti, .. }) => {
                self.projects.entry(project.clone()).or_default().0.push(kept(KeptTarget::Token(jti)));
            }
            (Some(project), target) => {
                let target = KeptTarget::Other(Box::new(target));
                self.projects.entry(project.clone()).or_default().0.push(kept(target));
            }
            (None, target) => self.shared.0.push(kept(KeptTarget::Other(Box::new(target)))),
        }
        true
    }
}

impl Entries {
    fn beyond(&self, position: Position) -> &[Kept] {
        &self.0[self.0.partition_point(|kept| kept.position <= position)..]
    }
}

impl Kept {
    fn entry(&self, project: &ProjectId) -> Entry {
        let target = match &self.target {
            KeptTarget::Token(jti) => Target::Token { project: project.clone(), jti: *jti },
            KeptTarget::Other(target) => (**target).clone(),
        };
        let ends = (self.ends != NEVER).then(|| Timestamp::from_millis(self.ends));
        Entry { position: self.position, ends, target }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("complete", &self.read().complete).finish_non_exhaustive()
    }
}

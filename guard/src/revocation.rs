//! What revokes what, and the list of it in memory.
//!
//! The list never evicts: a revocation that fell out would be a hole. Entries go only to free memory,
//! well after the last token that they could kill has expired; while an entry is here, it kills,
//! whatever the clock says.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use dashmap::DashMap;

use crate::claims::Claims;
use crate::error::Refusal;
use crate::id::{KeyId, Position, ProjectId, SigningKeyId};
use crate::time::Timestamp;

pub use crate::target::Target;

/// A feed entry that kills tokens: those decided before `position`, or, where it names one token
/// or signing key, that one whatever its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What it is aimed at.
    pub target: Target,
    /// Where it stands in the feed.
    pub position: Position,
    /// When it may be forgotten; never, if absent.
    pub ends: Option<Timestamp>,
}

/// How long revocations of keys, subjects, projects and of all are kept after they were published.
/// No token lives as long.
pub const KEPT: Duration = Duration::from_hours(1);

/// How long the revocation of a token is kept after the token's `exp`.
pub const KEPT_AFTER_EXPIRY: Duration = Duration::from_mins(5);

/// How long memory keeps any revocation, whatever the clocks say. A token that it kills was minted
/// before it, so it lives 15 minutes more at most: if our clock ran ahead when the entry came and
/// is put right afterwards, the entry must not be gone before the token (threat S24).
pub const KEPT_AT_LEAST: Duration = Duration::from_mins(20);

/// What a copy of the feed is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Within the poll interval.
    Fresh,
    /// Beyond the poll interval: a poll is missing.
    Late,
    /// Beyond the maximum age: nobody is admitted.
    Stale,
}

impl Freshness {
    /// What a copy of this age is worth.
    #[must_use]
    pub fn of(age: Duration, poll: Duration, limit: Duration) -> Self {
        match age {
            age if age > limit => Self::Stale,
            age if age > poll => Self::Late,
            _ => Self::Fresh,
        }
    }
}

/// How often memory is looked through for entries that nobody needs.
const FREED_EVERY: Duration = Duration::from_mins(1);

/// The revocations that a judge holds in memory. It only grows, but for what can kill nothing any more;
/// a copy that must start again fills a new list and puts it in the place of this one, so that no check
/// ever meets half of one.
#[derive(Debug)]
pub struct RevocationList {
    all: AtomicU64,
    projects: DashMap<ProjectId, Entry>,
    keys: DashMap<(ProjectId, KeyId), Entry>,
    subjects: DashMap<(ProjectId, Box<str>, Box<str>), Entry>,
    /// By `jti` alone: 16 random bytes of ours are one token's in the whole installation.
    tokens: DashMap<[u8; 16], Entry>,
    signing_keys: RwLock<HashSet<SigningKeyId>>,
    /// Seconds since the list was told the time first; entries are kept by them.
    passed_secs: AtomicU32,
    freed: Mutex<Option<Freed>>,
}

/// When memory was freed.
#[derive(Clone, Copy, Debug)]
struct Freed {
    /// What the clock showed when it was told first.
    began: Duration,
    /// How long after that memory was looked through last.
    last: Duration,
}

/// What is remembered of a revocation: where it stands, and until which second memory keeps it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    position: Position,
    kept_until: u32,
}

impl Default for RevocationList {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self {
            all: AtomicU64::new(0),
            projects: DashMap::new(),
            keys: DashMap::new(),
            subjects: DashMap::new(),
            tokens: DashMap::new(),
            signing_keys: RwLock::default(),
            passed_secs: AtomicU32::new(0),
            freed: Mutex::default(),
        }
    }

    /// Takes up a revocation. Applied twice, the larger position and the later end stay.
    pub fn apply(&self, revocation: &Revocation, now: Timestamp) {
        let entry = Entry::of(revocation, now, self.passed_secs.load(Ordering::Acquire));
        match &revocation.target {
            Target::All => {
                self.all.fetch_max(revocation.position.value(), Ordering::AcqRel);
            }
            Target::Project { project } => upsert(&self.projects, project.clone(), entry),
            Target::Key { project, key } => upsert(&self.keys, (project.clone(), key.clone()), entry),
            Target::Subject { project, kind, subject } => {
                upsert(&self.subjects, (project.clone(), kind.clone(), subject.clone()), entry);
            }
            Target::Token { jti, .. } => upsert(&self.tokens, *jti.as_bytes(), entry),
            Target::SigningKey { kid } => {
                self.signing_keys.write().unwrap_or_else(PoisonError::into_inner).insert(kid.clone());
            }
        }
    }

    /// Whether the signing key, then the token, an ancestor, a key of the chain, the subject, the
    /// project or everything was revoked.
    ///
    /// # Errors
    /// [`Refusal::SigningKeyRevoked`] or [`Refusal::Revoked`].
    pub fn check(&self, kid: &SigningKeyId, claims: &Claims) -> Result<(), Refusal> {
        if self.revokes_signing_key(kid) {
            return Err(Refusal::SigningKeyRevoked);
        }
        let oldest = claims.oldest_position();
        let revoked = self.revokes_token(claims)
            || self.revokes_key(claims)
            || self.revokes_subject(claims, oldest)
            || kills(&self.projects, &claims.prj, oldest)
            || oldest.value() < self.all.load(Ordering::Acquire);
        if revoked { Err(Refusal::Revoked) } else { Ok(()) }
    }

    /// Whether a signing key was revoked.
    #[must_use]
    pub fn revokes_signing_key(&self, kid: &SigningKeyId) -> bool {
        self.signing_keys.read().unwrap_or_else(PoisonError::into_inner).contains(kid)
    }

    /// Lets go of what can kill nothing any more; to be told the time every now and then, by a clock that
    /// nobody sets. An entry that comes between two tellings counts from the first of them.
    pub fn free(&self, monotonic: Duration) {
        let mut freed = self.freed.lock().unwrap_or_else(PoisonError::into_inner);
        let Freed { began, last } = *freed.get_or_insert(Freed { began: monotonic, last: Duration::ZERO });
        let passed = monotonic.saturating_sub(began);
        let passed_secs = seconds(passed);
        self.passed_secs.store(passed_secs, Ordering::Release);
        if passed.saturating_sub(last) >= FREED_EVERY {
            *freed = Some(Freed { began, last: passed });
            free(&self.projects, passed_secs);
            free(&self.keys, passed_secs);
            free(&self.subjects, passed_secs);
            free(&self.tokens, passed_secs);
        }
    }

    /// How many entries memory holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.projects.len() + self.keys.len() + self.subjects.len() + self.tokens.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn revokes_token(&self, claims: &Claims) -> bool {
        let mut chain = std::iter::once(&claims.jti).chain(claims.anc.iter().map(|link| &link.jti));
        chain.any(|jti| self.tokens.contains_key(jti.as_bytes()))
    }

    /// A key's revocation is compared with the link that names the key.
    fn revokes_key(&self, claims: &Claims) -> bool {
        let own = std::iter::once((&claims.client_id, claims.pos));
        let mut chain = own.chain(claims.anc.iter().map(|link| (&link.key, link.pos)));
        chain.any(|(key, pos)| kills(&self.keys, &(claims.prj.clone(), key.clone()), pos))
    }

    fn revokes_subject(&self, claims: &Claims, oldest: Position) -> bool {
        claims.sub_kind.as_ref().is_some_and(|kind| {
            let subject = (claims.prj.clone(), kind.clone(), claims.sub.clone());
            kills(&self.subjects, &subject, oldest)
        })
    }
}

impl Entry {
    fn of(revocation: &Revocation, now: Timestamp, passed_secs: u32) -> Self {
        // A margin, because the clocks go by different seconds.
        let kept = revocation.ends.map(|ends| (ends.since(now) + KEPT_AFTER_EXPIRY).max(KEPT_AT_LEAST));
        let kept_until = kept.map_or(u32::MAX, |kept| passed_secs.saturating_add(seconds(kept)));
        Self { position: revocation.position, kept_until }
    }

    fn merged(self, other: Self) -> Self {
        Self {
            position: self.position.max(other.position),
            kept_until: self.kept_until.max(other.kept_until),
        }
    }
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

fn kills<K: Hash + Eq>(entries: &DashMap<K, Entry>, name: &K, position: Position) -> bool {
    entries.get(name).is_some_and(|entry| position < entry.position)
}

fn upsert<K: Hash + Eq>(entries: &DashMap<K, Entry>, name: K, entry: Entry) {
    entries.entry(name).and_modify(|old| *old = old.merged(entry)).or_insert(entry);
}

fn free<K: Hash + Eq>(entries: &DashMap<K, Entry>, passed_secs: u32) {
    entries.retain(|_, entry| entry.kept_until > passed_secs);
    // A map keeps its room when entries go. After a leak of many keys that would be for good.
    if entries.capacity() / 4 > entries.len() {
        entries.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TokenId;

    #[test]
    fn a_clock_that_ran_ahead_does_not_make_an_entry_shorter_than_a_tokens_life() {
        let revocation = Revocation {
            target: Target::All,
            position: Position::new(7),
            ends: Some(Timestamp::from_secs(1_000_000)),
        };
        let kept_at = |secs| Entry::of(&revocation, Timestamp::from_secs(secs), 0).kept_until;
        assert_eq!(kept_at(1_000_000 - 3600), seconds(Duration::from_mins(65)));
        assert_eq!(kept_at(1_000_000), seconds(KEPT_AT_LEAST));
        assert_eq!(kept_at(1_900_000), seconds(KEPT_AT_LEAST));
    }

    #[test]
    fn applied_twice_the_larger_position_and_the_later_end_stay() {
        let entry = |position, kept_until| Entry { position: Position::new(position), kept_until };
        for (first, second) in [(entry(5, 90), entry(9, 60)), (entry(9, 60), entry(5, 90))] {
            let merged = first.merged(second);
            assert_eq!((merged.position, merged.kept_until), (Position::new(9), 90));
        }
    }

    #[test]
    fn memory_is_freed_when_the_time_has_passed_by_the_clock_that_nobody_sets() {
        let (list, now) = (RevocationList::new(), Timestamp::from_secs(1_000_000));
        let token =
            |n| Target::Token { project: "prj_x".parse().unwrap(), jti: TokenId::from_bytes([n; 16]) };
        let apply = |n, ends| {
            list.apply(&Revocation { target: token(n), position: Position::new(n.into()), ends }, now);
        };
        let began = Duration::from_hours(99);
        apply(1, Some(now));
        apply(2, None);
        list.free(began);
        apply(3, Some(now.after(Duration::from_hours(1))));
        list.free(began + Duration::from_mins(19));
        assert_eq!(list.len(), 3);
        apply(4, Some(now));
        list.free(began + KEPT_AT_LEAST + FREED_EVERY);
        assert_eq!(list.len(), 3, "the first had its time");
        list.free(began + 2 * KEPT_AT_LEAST + FREED_EVERY);
        assert_eq!(list.len(), 2, "the one that came later had as long");
        list.free(began + Duration::from_hours(9));
        assert_eq!(list.len(), 1, "what never ends stays");
        assert!(list.tokens.contains_key(&[2; 16]));
    }

    #[test]
    fn room_that_a_million_entries_took_is_given_back() {
        let (list, now) = (RevocationList::new(), Timestamp::from_secs(0));
        list.free(Duration::ZERO);
        for number in 0..100_000_u128 {
            let jti = TokenId::from_bytes(number.to_be_bytes());
            let target = Target::Token { project: "prj_x".parse().unwrap(), jti };
            list.apply(&Revocation { target, position: Position::new(1), ends: Some(now) }, now);
        }
        list.free(KEPT_AT_LEAST + FREED_EVERY);
        assert!(list.is_empty());
        assert!(list.tokens.capacity() < 1000, "{}", list.tokens.capacity());
    }
}

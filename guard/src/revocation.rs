//! What revokes what, and the list of it in memory.
//!
//! The list never evicts: a revocation that fell out would be a hole. moka's expiry only frees
//! memory, well after the last token that an entry could kill has expired; while an entry is
//! here, it kills, whatever the clock says.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::claims::Claims;
use crate::error::Refusal;
use crate::id::{KeyId, Position, ProjectId, SigningKeyId, TokenId};
use crate::time::Timestamp;

/// What a revocation is aimed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "revoke", rename_all = "snake_case")]
pub enum Target {
    /// Every token of the installation.
    All,
    /// Every token of a project.
    Project {
        /// The project.
        project: ProjectId,
    },
    /// Every token that an API key minted, and every token exchanged from one.
    Key {
        /// The key's project.
        project: ProjectId,
        /// The key.
        key: KeyId,
    },
    /// Every token that speaks for a subject.
    Subject {
        /// The subject's project.
        project: ProjectId,
        /// What kind of subject it is (`sub_kind`).
        kind: Box<str>,
        /// The subject (`sub`).
        subject: Box<str>,
    },
    /// One token, and every token exchanged from it.
    Token {
        /// The token's project.
        project: ProjectId,
        /// The token.
        jti: TokenId,
    },
    /// Every token that a signing key signed.
    SigningKey {
        /// The signing key.
        kid: SigningKeyId,
    },
}

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

/// The revocations that a judge holds in memory. It only grows; a copy that must start again fills
/// a new list and puts it in the place of this one, so that no check ever meets half of one.
#[derive(Debug)]
pub struct RevocationList {
    all: AtomicU64,
    projects: Cache<ProjectId, Entry>,
    keys: Cache<(ProjectId, KeyId), Entry>,
    subjects: Cache<(ProjectId, Box<str>, Box<str>), Entry>,
    /// By `jti` alone: 16 random bytes of ours are one token's in the whole installation.
    tokens: Cache<[u8; 16], Entry>,
    signing_keys: RwLock<HashSet<SigningKeyId>>,
    /// Held by whoever changes an entry; nobody who judges waits for it. moka's own way to look and write
    /// at once costs three times as much, and a start with a million entries is nothing else.
    writing: Mutex<()>,
}

/// What is remembered of a revocation: where it stands and how long memory keeps it, in seconds.
#[derive(Clone, Copy, Debug)]
struct Entry {
    position: Position,
    kept_secs: u32,
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
            projects: cache(),
            keys: cache(),
            subjects: cache(),
            tokens: cache(),
            signing_keys: RwLock::default(),
            writing: Mutex::default(),
        }
    }

    /// Takes up a revocation. Applied twice, the larger position and the later end stay.
    pub fn apply(&self, revocation: &Revocation, now: Timestamp) {
        let entry = Entry::of(revocation, now);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
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
            || kills(self.projects.get(&claims.prj), oldest)
            || oldest.value() < self.all.load(Ordering::Acquire);
        if revoked { Err(Refusal::Revoked) } else { Ok(()) }
    }

    /// Whether a signing key was revoked.
    #[must_use]
    pub fn revokes_signing_key(&self, kid: &SigningKeyId) -> bool {
        self.signing_keys.read().unwrap_or_else(PoisonError::into_inner).contains(kid)
    }

    fn revokes_token(&self, claims: &Claims) -> bool {
        let mut chain = std::iter::once(&claims.jti).chain(claims.anc.iter().map(|link| &link.jti));
        chain.any(|jti| self.tokens.contains_key(jti.as_bytes()))
    }

    /// A key's revocation is compared with the link that names the key.
    fn revokes_key(&self, claims: &Claims) -> bool {
        let own = std::iter::once((&claims.client_id, claims.pos));
        let mut chain = own.chain(claims.anc.iter().map(|link| (&link.key, link.pos)));
        chain.any(|(key, pos)| kills(self.keys.get(&(claims.prj.clone(), key.clone())), pos))
    }

    fn revokes_subject(&self, claims: &Claims, oldest: Position) -> bool {
        claims.sub_kind.as_ref().is_some_and(|kind| {
            let subject = (claims.prj.clone(), kind.clone(), claims.sub.clone());
            kills(self.subjects.get(&subject), oldest)
        })
    }
}

impl Entry {
    fn of(revocation: &Revocation, now: Timestamp) -> Self {
        // A margin, because moka counts by a clock of its own.
        let kept = revocation.ends.map(|ends| (ends.since(now) + KEPT_AFTER_EXPIRY).max(KEPT_AT_LEAST));
        let kept_secs = kept.map_or(u32::MAX, |kept| u32::try_from(kept.as_secs()).unwrap_or(u32::MAX));
        Self { position: revocation.position, kept_secs }
    }

    fn merged(self, other: Self) -> Self {
        Self { position: self.position.max(other.position), kept_secs: self.kept_secs.max(other.kept_secs) }
    }

    fn kept(self) -> Duration {
        Duration::from_secs(self.kept_secs.into())
    }
}

fn kills(entry: Option<Entry>, position: Position) -> bool {
    entry.is_some_and(|entry| position < entry.position)
}

/// Under the lock of whoever writes.
fn upsert<K: Hash + Eq + Send + Sync + 'static>(cache: &Cache<K, Entry>, key: K, entry: Entry) {
    let entry = cache.get(&key).map_or(entry, |old| old.merged(entry));
    cache.insert(key, entry);
}

/// No capacity limit, on purpose: see the module's documentation.
fn cache<K: Hash + Eq + Send + Sync + 'static>() -> Cache<K, Entry> {
    Cache::builder().expire_after(FreesMemory).build()
}

struct FreesMemory;

impl<K> Expiry<K, Entry> for FreesMemory {
    fn expire_after_create(&self, _: &K, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.kept())
    }

    fn expire_after_update(&self, _: &K, entry: &Entry, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(entry.kept())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_ran_ahead_does_not_make_an_entry_shorter_than_a_tokens_life() {
        let revocation = Revocation {
            target: Target::All,
            position: Position::new(7),
            ends: Some(Timestamp::from_secs(1_000_000)),
        };
        let kept_at = |secs| Entry::of(&revocation, Timestamp::from_secs(secs)).kept();
        assert_eq!(kept_at(1_000_000 - 3600), Duration::from_mins(65));
        assert_eq!(kept_at(1_000_000), KEPT_AT_LEAST);
        assert_eq!(kept_at(1_900_000), KEPT_AT_LEAST);
    }

    #[test]
    fn applied_twice_the_larger_position_and_the_later_end_stay() {
        let entry = |position, kept_secs| Entry { position: Position::new(position), kept_secs };
        for (first, second) in [(entry(5, 90), entry(9, 60)), (entry(9, 60), entry(5, 90))] {
            let merged = first.merged(second);
            assert_eq!((merged.position, merged.kept_secs), (Position::new(9), 90));
        }
    }
}

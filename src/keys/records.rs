//! What this node remembers of API keys, so that not every request reads the database.
//!
//! Bounded, negatives too; a record serves for at most [`LONGEST`] by our own clock and is dropped
//! at once by the feed. Dropping alone would not do: a load that began before an edit can end
//! after it and put the old record back (threat S23). So the newest entry seen for a key, its
//! project and for all is remembered, and a record read at an older position is a miss.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use moka::future::Cache;
use tokio::time::timeout;

use crate::domain::feed::{Changed, FeedEntry, Published};
use crate::domain::grant::MintRecord;
use crate::domain::{KeyId, Position, ProjectId, SecretDigest, Target};
use crate::revocation::Follower;
use crate::store::{Error, Lookup, Snapshot, Store, Unavailable};
use crate::time::{Clock, Moment};

/// How long a record serves at most.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a load may take.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);
/// How many records are remembered.
const CAPACITY: u64 = 10_000;

/// Whether a remembered record will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A remembered record will do.
    Remembered,
    /// A remembered record will do if nothing at all was published since it was read.
    Current,
    /// The database is read for this request alone.
    Fresh,
}

/// The records of API keys.
pub struct Records {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    cache: Cache<Name, Arc<Read>>,
    newest: RwLock<Arc<Newest>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Id(KeyId),
    Digest([u8; 32]),
}

/// A read of the database: of a key, or that there is none of that name.
struct Read {
    record: Option<Arc<MintRecord>>,
    position: Position,
    history: u64,
    began: Moment,
}

impl Records {
    /// Records of the keys in this database.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let cache = Cache::builder().max_capacity(CAPACITY).time_to_live(LONGEST).build();
        Self { store, clock, cache, newest: RwLock::new(Arc::new(Newest::of_history(0))) }
    }

    /// The key of this id.
    ///
    /// # Errors
    /// Whatever kept the database from being read.
    pub async fn by_id(&self, id: &KeyId, how: Use) -> Result<Option<Arc<MintRecord>>, Error> {
        self.find(Name::Id(id.clone()), how).await
    }

    /// The key that has a secret of this digest.
    ///
    /// # Errors
    /// Whatever kept the database from being read.
    pub async fn by_digest(&self, digest: &SecretDigest, how: Use) -> Result<Option<Arc<MintRecord>>, Error> {
        self.find(Name::Digest(*digest.as_bytes()), how).await
    }

    async fn find(&self, name: Name, how: Use) -> Result<Option<Arc<MintRecord>>, Error> {
        if how == Use::Fresh {
            let read = Arc::new(self.load(&name).await?);
            // It serves whoever comes next: a stranger who fails on and on refreshes what is
            // remembered of a key, and does not push it out.
            self.cache.insert(name, read.clone()).await;
            return Ok(read.record.clone());
        }
        let least = if how == Use::Current { self.position().await? } else { Position::START };
        // The second turn loads anew what the first found outdated; if the third still finds it
        // so, the feed moves faster than we read, and a read of our own settles it.
        for _ in 0..2 {
            let read = self.cache.try_get_with(name.clone(), self.load_shared(&name)).await;
            let read = read.map_err(|_| Error::Unavailable(Unavailable::Slow))?;
            if read.position >= least && self.still_serves(&name, &read) {
                return Ok(read.record.clone());
            }
            self.cache.invalidate(&name).await;
        }
        Ok(self.load(&name).await?.record)
    }

    async fn position(&self) -> Result<Position, Error> {
        timeout(LOAD_TIMEOUT, self.store.position()).await.unwrap_or(Err(Unavailable::Slow.into()))
    }

    fn still_serves(&self, name: &Name, read: &Read) -> bool {
        let seen = self.newest();
        let newest = match (&read.record, name) {
            (Some(record), _) => seen.of(&record.key.id, &record.project.id),
            (None, Name::Id(id)) => seen.of_key(id),
            (None, Name::Digest(_)) => seen.of_any_key(),
        };
        read.history == seen.history
            && read.position >= newest
            && read.began.age(self.clock.as_ref()) <= LONGEST
    }

    fn newest(&self) -> Arc<Newest> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn load_shared(&self, name: &Name) -> Result<Arc<Read>, Error> {
        let read = self.load(name).await.map(Arc::new);
        if let Err(error) = &read {
            // Whoever waited for this load gets a copy without the cause; so it is logged here.
            tracing::error!(error = error as &dyn std::error::Error, "a key's record could not be read");
        }
        read
    }

    async fn load(&self, name: &Name) -> Result<Read, Error> {
        let (history, began) = (self.newest().history, Moment::now(self.clock.as_ref()));
        let by = match name {
            Name::Id(id) => Lookup::Id(id.clone()),
            Name::Digest(digest) => Lookup::Digest(SecretDigest::from_bytes(*digest)),
        };
        let answer = timeout(LOAD_TIMEOUT, self.store.mint_record(&by)).await;
        let Snapshot { position, value } = answer.unwrap_or(Err(Unavailable::Slow.into()))?;
        Ok(Read { record: value.map(Arc::new), position, history, began })
    }
}

impl Follower for Records {
    fn entry(&self, entry: &Published) {
        self.newest().note(entry);
    }

    /// In another history positions begin anew; what was read in the old one never serves again.
    fn restart(&self) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        *newest = Arc::new(Newest::of_history(newest.history + 1));
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("remembered", &self.cache.entry_count()).finish_non_exhaustive()
    }
}

/// The newest entry seen for each key, each project, and for all. Kept longer than any record that
/// it could outdate.
struct Newest {
    keys: moka::sync::Cache<KeyId, Position>,
    projects: moka::sync::Cache<ProjectId, Position>,
    any_key: AtomicU64,
    all: AtomicU64,
    history: u64,
}

impl Newest {
    fn of_history(history: u64) -> Self {
        Self {
            keys: remembered(),
            projects: remembered(),
            any_key: AtomicU64::new(0),
            all: AtomicU64::new(0),
            history,
        }
    }

    fn note(&self, entry: &Published) {
        let at = entry.position;
        match &entry.entry {
            FeedEntry::Revocation(Target::Key { key, .. }) | FeedEntry::Changed(Changed::Key { key, .. }) => {
                raise(&self.keys, key.clone(), at);
                self.any_key.fetch_max(at.value(), Ordering::AcqRel);
            }
            FeedEntry::Revocation(Target::Project { project })
            | FeedEntry::Changed(Changed::Project { project }) => raise(&self.projects, project.clone(), at),
            FeedEntry::Revocation(Target::All) => {
                self.all.fetch_max(at.value(), Ordering::AcqRel);
            }
            FeedEntry::Revocation(
                Target::Subject { .. } | Target::Token { .. } | Target::SigningKey { .. },
            )
            | FeedEntry::Changed(Changed::SigningKeys) => {}
        }
    }

    fn of_all(&self) -> Position {
        Position::new(self.all.load(Ordering::Acquire))
    }

    fn of_any_key(&self) -> Position {
        Position::new(self.any_key.load(Ordering::Acquire)).max(self.of_all())
    }

    fn of_key(&self, key: &KeyId) -> Position {
        self.keys.get(key).unwrap_or_default().max(self.of_all())
    }

    fn of(&self, key: &KeyId, project: &ProjectId) -> Position {
        self.of_key(key).max(self.projects.get(project).unwrap_or_default())
    }
}

/// Not bounded: an entry that fell out would let an outdated record serve.
fn remembered<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> moka::sync::Cache<K, Position> {
    moka::sync::Cache::builder().time_to_live(4 * (LONGEST + LOAD_TIMEOUT)).build()
}

fn raise<K>(cache: &moka::sync::Cache<K, Position>, key: K, at: Position)
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
{
    cache.entry(key).and_upsert_with(|old| old.map_or(at, |old| old.into_value().max(at)));
}

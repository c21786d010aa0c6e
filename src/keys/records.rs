//! What this node remembers of API keys, so that not every request reads the database.
//!
//! Bounded, negatives too; a record serves for at most [`LONGEST`] by our own clock and is dropped
//! at once by the feed. Dropping alone would not do: a load that began before an edit can end
//! after it and put the old record back (threat S23). So the newest entry seen for a key, its
//! project and for all is remembered, and a record read at an older position is a miss.
//!
//! What all keys of a project share, its catalogue above all, is remembered once for all of them. A
//! key is always read together with the position of its project's last entry, in one snapshot; a
//! part of that very position is what the snapshot has, however long ago it was read, and any
//! other is not used. So the two never have to be read at once, and the record that they make up
//! is that of one position: none is refused by the issuance log for parts of different age.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use moka::future::Cache;
use tokio::time::timeout;

use tracing::instrument;

use crate::domain::feed::{Changed, FeedEntry, Published};
use crate::domain::grant::{MintRecord, ProjectPart};
use crate::domain::{KeyId, Position, ProjectId, SecretDigest, Target};
use crate::metrics::Count;
use crate::revocation::Follower;
use crate::store::{Error, Lookup, Snapshot, Store, Unavailable};
use crate::time::{Clock, Moment};

/// How long a record serves at most.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a load may take.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);
/// How many records are remembered.
const CAPACITY: u64 = 10_000;
/// How much of projects is remembered, in values that they name.
const PARTS_CAPACITY: u64 = 500_000;

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
    /// Of each project what it was at the position of its last entry.
    parts: Cache<PartName, ProjectPart>,
    newest: RwLock<Arc<Newest>>,
    lookups: Count,
    loads: Count,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Id(KeyId),
    Digest([u8; 32]),
}

/// What a part of a project is remembered by. It never changes, so it never has to be dropped; in
/// another history the same position means something else.
#[derive(Clone, PartialEq, Eq, Hash)]
struct PartName {
    project: ProjectId,
    changed: Position,
    history: u64,
}

/// Why a part of a project was not found.
enum NoPart {
    /// The project was edited since the key was read.
    Edited,
    /// The database says nothing; it was logged.
    Unreadable,
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
        let size = |_: &PartName, part: &ProjectPart| u32::try_from(part.size()).unwrap_or(u32::MAX);
        let parts = Cache::builder().max_capacity(PARTS_CAPACITY).weigher(size).time_to_live(LONGEST).build();
        let newest = RwLock::new(Arc::new(Newest::of_history(0)));
        Self { store, clock, cache, parts, newest, lookups: Count::default(), loads: Count::default() }
    }

    /// How often a record was asked for, and how often the database was.
    #[must_use]
    pub fn lookups(&self) -> (u64, u64) {
        (self.lookups.sum(), self.loads.sum())
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
        self.lookups.add(1);
        if how == Use::Fresh {
            self.loads.add(1);
            let read = Arc::new(self.load_whole(&name).await?);
            // It serves whoever comes next: a stranger who fails on and on refreshes what is
            // remembered of a key, and does not push it out.
            self.cache.insert(name, read.clone()).await;
            return Ok(read.record.clone());
        }
        let least = if how == Use::Current { self.position().await? } else { Position::START };
        // The second turn loads anew what the first found outdated; if the third still finds it
        // so, the feed moves faster than we read, and a read of our own settles it.
        for _ in 0..2 {
            let read = match self.cache.get(&name).await {
                Some(read) => read,
                None => self.loaded(&name).await?,
            };
            if read.position >= least && self.still_serves(&name, &read) {
                return Ok(read.record.clone());
            }
            self.cache.invalidate(&name).await;
        }
        Ok(self.load_whole(&name).await?.record)
    }

    async fn position(&self) -> Result<Position, Error> {
        within(self.store.position()).await
    }

    fn still_serves(&self, name: &Name, read: &Read) -> bool {
        let seen = self.newest();
        let newest = match (&read.record, name) {
            (Some(record), _) => seen.of(&record.key.id, &record.project.id),
            (None, Name::Id(id)) => seen.of_nobody(id),
            (None, Name::Digest(_)) => seen.of_any_key(),
        };
        read.history == seen.history
            && read.position >= newest
            && read.began.age(self.clock.as_ref()) <= LONGEST
    }

    fn newest(&self) -> Arc<Newest> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// However many ask at once, one load serves them all.
    async fn loaded(&self, name: &Name) -> Result<Arc<Read>, Error> {
        let load = Box::pin(self.load_shared(name));
        let read = self.cache.try_get_with(name.clone(), load).await;
        read.map_err(|_| Error::Unavailable(Unavailable::Slow))
    }

    async fn load_shared(&self, name: &Name) -> Result<Arc<Read>, Error> {
        self.loads.add(1);
        let read = self.load(name).await.map(Arc::new);
        if let Err(error) = &read {
            // Whoever waited for this load gets a copy without the cause; so it is logged here.
            tracing::error!(error = error as &dyn std::error::Error, "a key's record could not be read");
        }
        read
    }

    /// A key by itself, with what is remembered of its project if that is what it was then.
    #[instrument(name = "key.load", level = "debug", skip_all)]
    async fn load(&self, name: &Name) -> Result<Read, Error> {
        let (history, began) = (self.newest().history, Moment::now(self.clock.as_ref()));
        let Snapshot { position, value } = within(self.store.key_part(&name.lookup())).await?;
        let Some(key) = value else { return Ok(Read { record: None, position, history, began }) };
        let project = key.key.project.clone();
        let part = self.part(PartName { project, changed: key.project_changed, history }).await;
        match part {
            Ok(part) => {
                let record = Some(Arc::new(MintRecord::of(key, part, position)));
                Ok(Read { record, position, history, began })
            }
            Err(why) => match *why {
                NoPart::Edited => self.load_whole(name).await,
                NoPart::Unreadable => Err(Unavailable::Slow.into()),
            },
        }
    }

    /// All of it in one snapshot.
    async fn load_whole(&self, name: &Name) -> Result<Read, Error> {
        let (history, began) = (self.newest().history, Moment::now(self.clock.as_ref()));
        let Snapshot { position, value } = within(self.store.mint_record(&name.lookup())).await?;
        if let Some(record) = &value {
            let (project, changed) = (record.project.id.clone(), record.project.changed);
            self.parts.insert(PartName { project, changed, history }, record.project_part()).await;
        }
        Ok(Read { record: value.map(Arc::new), position, history, began })
    }

    async fn part(&self, name: PartName) -> Result<ProjectPart, Arc<NoPart>> {
        let (project, changed) = (name.project.clone(), name.changed);
        let load = async move {
            match within(self.store.project_part(&project)).await {
                Ok(Some(part)) if part.changed() == changed => Ok(part),
                Ok(_) => Err(NoPart::Edited),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "a project's catalogue could not be read");
                    Err(NoPart::Unreadable)
                }
            }
        };
        self.parts.try_get_with(name, load).await
    }
}

impl Name {
    fn lookup(&self) -> Lookup {
        match self {
            Self::Id(id) => Lookup::Id(id.clone()),
            Self::Digest(digest) => Lookup::Digest(SecretDigest::from_bytes(*digest)),
        }
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(LOAD_TIMEOUT, answer).await.unwrap_or(Err(Unavailable::Slow.into()))
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
    arrivals: AtomicU64,
    all: AtomicU64,
    history: u64,
}

impl Newest {
    fn of_history(history: u64) -> Self {
        Self {
            keys: remembered(),
            projects: remembered(),
            any_key: AtomicU64::new(0),
            arrivals: AtomicU64::new(0),
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
            // Which keys came it does not say: whoever was not there may be now.
            FeedEntry::Changed(Changed::Keys { .. }) => {
                self.arrivals.fetch_max(at.value(), Ordering::AcqRel);
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

    /// For a key that was not there.
    fn of_nobody(&self, key: &KeyId) -> Position {
        self.of_key(key).max(Position::new(self.arrivals.load(Ordering::Acquire)))
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

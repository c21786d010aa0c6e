//! Keeps the copy current: looks for changes, reads the feed, applies it, gives signs of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis_guard::revocation::KEPT_AT_LEAST;
use portcullis_guard::{CLOCK_TOLERANCE, clock_error};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Copy;
use super::signs::Signs;
use crate::domain::feed::{Changed, FeedEntry, Published};
use crate::domain::{Position, Target, Timestamp};
use crate::signing::{Keyring, Ring, SealingKey};
use crate::store::{Error, FeedRead, Heartbeat, Store, Unavailable};
use crate::time::{Clock, Moment};

/// How long a read of the feed may take.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// How many entries are read at once. Of a million of them, one read would never end in time.
const PAGE: u32 = 5_000;

/// How many forgotten entries are deleted at once.
const FORGET_BATCH: u32 = 500;

/// How many such batches go with one sign of life. More than can be published in the meantime
/// over a long time, or the feed would grow without end.
const FORGET_BATCHES: u32 = 10;

/// What may be forgotten, by the clock that nobody sets: entries that this node has known for so
/// long that the tokens they kill are dead. By the wall clock alone, one that runs two hours ahead
/// for a moment would delete revocations of tokens that live on when it is put right (threat S24).
#[derive(Debug, Default)]
struct LongKnown {
    until: Position,
    next: Option<(Duration, Position)>,
}

impl LongKnown {
    /// Up to where entries have been known for long, if so much is applied at this time.
    fn until(&mut self, monotonic: Duration, applied: Position) -> Position {
        if applied < self.until {
            // Another history: nothing of it has been known for long.
            *self = Self::default();
        }
        match self.next {
            Some((since, next)) if monotonic.saturating_sub(since) >= KEPT_AT_LEAST => {
                self.until = next;
                self.next = Some((monotonic, applied));
            }
            Some(_) => {}
            None => self.next = Some((monotonic, applied)),
        }
        self.until
    }
}

/// What a poll proves beside what it found.
#[derive(Clone, Copy, Debug)]
struct Proof {
    began: Moment,
    /// How far the two clocks are apart.
    clock_error: Duration,
}

/// Something else that must learn of each entry of the feed.
pub trait Follower: Send + std::marker::Sync {
    /// An entry was published.
    fn entry(&self, entry: &Published);

    /// The feed is another one now: whatever was learnt of the old one is worth nothing.
    fn restart(&self);
}

/// What keeps this node's copy current.
pub struct Sync {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    copy: Arc<Copy>,
    keyring: Arc<Keyring>,
    sealing: Arc<SealingKey>,
    followers: Vec<Arc<dyn Follower>>,
    node: String,
    started_at: Timestamp,
    /// When the last poll was begun; held while one runs, so that reads are applied in order.
    polled: Mutex<Option<Moment>>,
    long_known: Mutex<LongKnown>,
    signs: Signs,
    /// Whether all of the feed was ever read.
    was_complete: AtomicBool,
}

/// What a [`Sync`] works with.
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The copy to keep current.
    pub copy: Arc<Copy>,
    /// The signing keys to keep current.
    pub keyring: Arc<Keyring>,
    /// What opens them.
    pub sealing: Arc<SealingKey>,
    /// Who else must learn of each entry.
    pub followers: Vec<Arc<dyn Follower>>,
    /// The name of this node.
    pub node: String,
}

impl Sync {
    /// Something that keeps a copy current.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { store, clock, copy, keyring, sealing, followers, node } = parts;
        let started_at = clock.now();
        Self {
            store,
            clock,
            copy,
            keyring,
            sealing,
            followers,
            node,
            started_at,
            polled: Mutex::default(),
            long_known: Mutex::default(),
            signs: Signs::default(),
            was_complete: AtomicBool::default(),
        }
    }

    /// One turn of the loop: reads the feed if anything may have changed, or if a poll is due; it
    /// is due again at once after a turn that failed, for a change that was seen is not seen twice.
    ///
    /// # Errors
    /// Whatever kept the copy from being brought up to date.
    pub async fn step(&self) -> Result<(), Error> {
        let done = self.turn().await;
        if let Err(Error::Unavailable(Unavailable::Replaced | Unavailable::Clock(_))) = &done {
            // Not a database that is away for a moment: this history is no more, or nobody here knows
            // when a token ends.
            self.copy.distrust();
        }
        done
    }

    async fn turn(&self) -> Result<(), Error> {
        let mut polled = self.polled.lock().await;
        let due = polled.is_none_or(|last| last.age(self.clock.as_ref()) >= self.copy.limits.poll);
        let before = polled.take();
        if due {
            let (mut found, mut proof) = self.poll(self.since()).await?;
            while found.more {
                self.take_up(found, None).await?;
                self.read_on().await?;
                (found, proof) = self.poll(self.since()).await?;
            }
            self.take_up(found, Some(proof)).await?;
            self.clear_away().await;
            *polled = Some(proof.began);
        } else {
            // A look proves nothing of the database: the copy knows more for it, and is no younger.
            if within(self.store.has_changed()).await? {
                self.read_on().await?;
            }
            *polled = before;
        }
        self.signs.give(&self.store, self.clock.monotonic(), || self.sign_of_life());
        Ok(())
    }

    /// Takes up whatever there is beyond what is applied, page by page; while one is taken up, the next
    /// is read.
    async fn read_on(&self) -> Result<(), Error> {
        let mut found = self.read(self.since()).await?;
        loop {
            let (more, position) = (found.more, found.position);
            let next = more.then(|| tokio::spawn(self.read(position)));
            self.take_up(found, None).await?;
            let Some(next) = next else { return Ok(()) };
            found = next.await.unwrap_or(Err(Error::Unavailable(Unavailable::Slow)))?;
            if self.since() != position {
                // It was of a history that is no more.
                found = self.read(self.since()).await?;
            }
        }
    }

    /// A page of what the feed holds beyond `since`.
    fn read(&self, since: Position) -> impl Future<Output = Result<FeedRead, Error>> + Send + 'static {
        let store = self.store.clone();
        async move { within(store.feed_since(since, PAGE)).await }
    }

    /// Waits until the next turn is worth its while.
    pub async fn wait(&self) {
        // A poll that is due is waited for no longer, however rarely there is anything new.
        let _ = timeout(self.copy.limits.poll, self.store.wait_for_change()).await;
    }

    fn since(&self) -> Position {
        self.copy.state().0.map_or(Position::START, |(position, _)| position)
    }

    async fn poll(&self, since: Position) -> Result<(FeedRead, Proof), Error> {
        let began = Moment::now(self.clock.as_ref());
        let found = within(self.store.poll(since, PAGE, &self.sign_of_life())).await?;
        let error = |told| clock_error(told, began.wall(), self.clock.now());
        let clock_error = found.clock.map_or(Duration::ZERO, error);
        Ok((found, Proof { began, clock_error }))
    }

    /// Applies what was found; reads from the beginning, if it is another history. The copy stays
    /// what it was until the whole is read.
    async fn take_up(&self, mut found: FeedRead, mut proof: Option<Proof>) -> Result<(), Error> {
        let (applied, _) = self.copy.state();
        let restart =
            applied.is_some_and(|(position, tag)| found.position < position || found.boundary != Some(tag));
        if restart {
            tracing::warn!("the feed has another history than before: reading it from the beginning");
            self.copy.distrust();
            let (whole, proven) = self.whole().await?;
            (found, proof) = (whole, Some(proven));
        }
        // A beginning ends with a poll anyway, and nobody waits for what was revoked before.
        let waited_for = self.was_complete.load(Ordering::Acquire) && !restart;
        let kills = waited_for && found.entries.iter().any(|entry| entry.revocation().is_some());
        self.tell(&found, restart);
        if restart || found.entries.iter().any(|entry| concerns_signing_keys(&entry.entry)) {
            self.reload_signing_keys().await?;
        }
        // What is revoked is known, whatever the clocks say; but by a wrong one nobody is admitted.
        let off = proof.map(|proof| proof.clock_error).filter(|off| *off > CLOCK_TOLERANCE);
        let began = proof.map(|proof| proof.began).filter(|_| off.is_none());
        self.copy.apply(&found, began, restart);
        if kills {
            self.signs.owe();
        }
        off.map_or(Ok(()), |off| Err(Unavailable::Clock(off).into()))
    }

    /// Tells those who follow. Not of each entry of a whole feed: whatever was learnt before it was read is
    /// worth nothing, and a million entries that outdate nothing would only cost.
    fn tell(&self, found: &FeedRead, restart: bool) {
        let told = |what: &dyn Fn(&dyn Follower)| self.followers.iter().for_each(|f| what(f.as_ref()));
        if self.was_complete.load(Ordering::Acquire) && !restart {
            found.entries.iter().for_each(|entry| told(&|follower| follower.entry(entry)));
        } else if !found.more {
            told(&|follower| follower.restart());
            self.was_complete.store(true, Ordering::Release);
        }
    }

    /// All that the feed holds. What is read after a page is of the same history as the page, or worth
    /// nothing.
    async fn whole(&self) -> Result<(FeedRead, Proof), Error> {
        let (mut whole, mut proof) = self.poll(Position::START).await?;
        while whole.more {
            let (next, proven) = self.poll(whole.position).await?;
            if next.boundary != Some(whole.newest) {
                return Err(Unavailable::Replaced.into());
            }
            let mut entries = whole.entries;
            entries.extend(next.entries);
            (whole, proof) = (FeedRead { entries, ..next }, proven);
        }
        Ok((whole, proof))
    }

    async fn reload_signing_keys(&self) -> Result<(), Error> {
        let stored = within(self.store.signing_keys()).await?;
        match Ring::open(&stored, &self.sealing) {
            Ok(ring) => self.keyring.replace(ring),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "keeping the old signing keys");
            }
        }
        Ok(())
    }

    /// How far this node is. It says so while it reads on: what it finds is applied afterwards.
    fn sign_of_life(&self) -> Heartbeat {
        Heartbeat {
            node: self.node.clone(),
            started_at: self.started_at,
            seen_at: self.clock.now(),
            applied: self.copy.applied(),
            age: self.copy.age().unwrap_or_default(),
            max_age: self.copy.limits().max_age,
        }
    }

    /// Clears away what nobody needs. The copy is as good without.
    async fn clear_away(&self) {
        let now = self.clock.now();
        let until = self.long_known.lock().await.until(self.clock.monotonic(), self.copy.applied());
        self.copy.log.forget(now, until);
        let done = async {
            for _ in 0..FORGET_BATCHES {
                if self.store.forget(now, until, FORGET_BATCH).await? < FORGET_BATCH.into() {
                    break;
                }
            }
            Ok(())
        };
        if let Err(error) = within(done).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what has ended could not be deleted");
        }
    }
}

fn concerns_signing_keys(entry: &FeedEntry) -> bool {
    matches!(
        entry,
        FeedEntry::Changed(Changed::SigningKeys) | FeedEntry::Revocation(Target::SigningKey { .. })
    )
}

pub(super) async fn within<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(READ_TIMEOUT, answer).await.unwrap_or(Err(Error::Unavailable(Unavailable::Slow)))
}

impl std::fmt::Debug for Sync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sync").field("node", &self.node).finish_non_exhaustive()
    }
}

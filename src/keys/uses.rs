//! When and from where each secret was used last, to the minute.
//!
//! A request writes nothing to the database: uses are noted in memory, and the background loop
//! writes them at most once a minute. What a crash loses is at most that minute, and no decision
//! depends on it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{LastUse, SecretDigest};
use crate::store::{Error, SecretUse, Store};
use crate::time::{Clock, Moment};

/// How long uses are gathered.
const EVERY: Duration = Duration::from_mins(1);
/// How many secrets are gathered; the uses of more are not noted until these are written.
const MOST: usize = 10_000;
/// How many are written in one transaction: mints wait for it.
const BATCH: usize = 500;

/// The uses that are not written yet.
pub struct Uses {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    noted: Mutex<HashMap<[u8; 32], LastUse>>,
    /// When they were written last; held meanwhile.
    written: tokio::sync::Mutex<Moment>,
}

impl Uses {
    /// None yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let written = tokio::sync::Mutex::new(Moment::now(clock.as_ref()));
        Self { store, clock, noted: Mutex::default(), written }
    }

    /// Notes that a secret is used now.
    pub fn note(&self, secret: &SecretDigest, from: Option<IpAddr>) {
        let last = LastUse::of(self.clock.now(), from);
        let mut noted = self.noted();
        let has_room = noted.len() < MOST;
        match noted.get_mut(secret.as_bytes()) {
            Some(before) => *before = last,
            None if has_room => drop(noted.insert(*secret.as_bytes(), last)),
            None => {}
        }
    }

    /// One turn of the loop: writes the uses down, if a minute has passed since they were written.
    ///
    /// # Errors
    /// Whatever kept them from being written; they are tried again after a minute.
    pub async fn step(&self) -> Result<(), Error> {
        let mut written = self.written.lock().await;
        if written.age(self.clock.as_ref()) < EVERY {
            return Ok(());
        }
        *written = Moment::now(self.clock.as_ref());
        self.write().await
    }

    /// Writes the uses down now.
    ///
    /// # Errors
    /// Whatever kept them from being written.
    pub async fn write(&self) -> Result<(), Error> {
        let noted = std::mem::take(&mut *self.noted());
        let mut uses = noted
            .into_iter()
            .map(|(digest, last)| SecretUse { digest: SecretDigest::from_bytes(digest), last })
            .collect::<Vec<_>>();
        while !uses.is_empty() {
            let rest = uses.split_off(uses.len().min(BATCH));
            if let Err(error) = self.store.note_uses(&uses).await {
                self.take_back(uses.into_iter().chain(rest));
                return Err(error);
            }
            uses = rest;
        }
        Ok(())
    }

    /// What was noted meanwhile is newer.
    fn take_back(&self, uses: impl Iterator<Item = SecretUse>) {
        let mut noted = self.noted();
        for unwritten in uses {
            noted.entry(*unwritten.digest.as_bytes()).or_insert(unwritten.last);
        }
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<[u8; 32], LastUse>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Uses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uses").field("noted", &self.noted().len()).finish_non_exhaustive()
    }
}

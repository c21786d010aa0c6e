//! Bringing in keys from elsewhere, many at a time.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;

use crate::domain::audit::AuditDraft;
use crate::domain::{FeedDraft, KeyDetails, KeyId, ProjectId, SecretDigest, Timestamp};

use super::error::Error;

/// Keys that come from elsewhere.
#[async_trait]
pub trait KeyImport: Send + Sync {
    /// Makes those keys of a batch of which neither id nor secret is in use, with their secrets, and
    /// tells what became of each, in order. If any was made, the batch has one audit row and one feed
    /// entry; otherwise nothing is written. [`Error::Missing`] if the project is not there,
    /// [`Error::Conflict`] if somebody else made one of these keys at the same time.
    async fn import_keys(&self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error>;

    /// What [`KeyImport::import_keys`] would tell, without doing it.
    async fn foresee_import(&self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error>;
}

/// Keys to be imported at once.
#[derive(Debug)]
pub struct KeyBatch {
    /// Their project.
    pub project: ProjectId,
    /// When the import began that this batch is a part of: its keys are made at this time, and by it
    /// they are told from those that an earlier import has brought.
    pub began: Timestamp,
    /// The keys.
    pub keys: Vec<KeyToImport>,
    /// From which lines they come, the first and the last.
    pub lines: (u64, u64),
    /// What the feed is told.
    pub feed: FeedDraft,
    /// What the audit log is told, but for the account of what was imported.
    pub audit: AuditDraft,
}

/// A key to be imported.
#[derive(Debug)]
pub struct KeyToImport {
    /// Its id.
    pub id: KeyId,
    /// What its owner may edit.
    pub details: KeyDetails,
    /// Its secret.
    pub digest: SecretDigest,
}

/// What became of a key to be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was made.
    Imported,
    /// The project had it, with this secret, before the import began.
    AlreadyThere,
    /// The import has brought it already.
    Repeated,
    /// Its id is in use, or was once.
    IdTaken,
    /// Its secret is that of another key.
    SecretTaken,
}

/// What an engine knows of a key to be imported, before it.
pub(super) struct Known {
    /// The key of this id, if there is one.
    pub(super) key: Option<KnownKey>,
    /// Whether any key has this secret.
    pub(super) secret_in_use: bool,
}

pub(super) struct KnownKey {
    /// Whether it is in this project and has this secret.
    pub(super) is_same: bool,
    pub(super) created_at: Timestamp,
}

impl KeyBatch {
    /// What becomes of each key, of which the database knows this. Of two in the batch that cannot
    /// both be, the first is.
    pub(super) fn sort_out(&self, known: &[Known]) -> Vec<Arrival> {
        let (mut ids, mut secrets) = (HashMap::new(), HashSet::new());
        let mut arrivals = Vec::with_capacity(self.keys.len());
        for (key, known) in self.keys.iter().zip(known) {
            let digest = key.digest.as_bytes();
            arrivals.push(match (&known.key, ids.get(&key.id)) {
                (Some(there), _) if !there.is_same => Arrival::IdTaken,
                (Some(there), _) if there.created_at == self.began => Arrival::Repeated,
                (Some(_), _) => Arrival::AlreadyThere,
                (None, Some(before)) if *before == digest => Arrival::Repeated,
                (None, Some(_)) => Arrival::IdTaken,
                (None, None) if known.secret_in_use || secrets.contains(digest) => Arrival::SecretTaken,
                (None, None) => {
                    ids.insert(&key.id, digest);
                    secrets.insert(digest);
                    Arrival::Imported
                }
            });
        }
        arrivals
    }

    /// Those that are to be made.
    pub(super) fn chosen<'a>(&'a self, arrivals: &[Arrival]) -> Vec<&'a KeyToImport> {
        let keys = self.keys.iter().zip(arrivals);
        keys.filter(|(_, arrival)| **arrival == Arrival::Imported).map(|(key, _)| key).collect()
    }

    /// What the audit log is told if these were imported.
    pub(super) fn audit_of(&self, imported: &[&KeyToImport]) -> AuditDraft {
        let mut audit = self.audit.clone();
        audit.detail = crate::domain::import::account(self.lines, imported.iter().map(|key| &key.id));
        audit
    }
}

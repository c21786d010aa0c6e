//! Bringing in keys from elsewhere, batch by batch.
//!
//! A batch is a transaction of its own, and the database is asked which of its keys are there already:
//! whoever runs an import that was cut off once more goes on where it stopped.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::json;

use crate::domain::audit::Act;
use crate::domain::feed::{Changed, FeedDraft};
use crate::domain::grant::default_audience;
use crate::domain::import::{Field, Newcomer, Refused};
use crate::domain::{KeyId, ProjectId, RoleName, SecretDigest, Timestamp};
use crate::store::{Arrival, Error as StoreError, KeyBatch, KeyToImport};

use super::acts::{Acts, Error};

/// The part of the time for which a batch has held the database that others get before the next.
const SHARE_OF_OTHERS: u32 = 4;

/// An import that is under way.
pub struct Import<'a> {
    acts: &'a Acts,
    project: ProjectId,
    began: Timestamp,
    rehearsal: Option<Rehearsal>,
}

/// A key that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// It was imported; in a rehearsal, it would be.
    Imported,
    /// It was there with this secret before the import began.
    AlreadyThere,
}

/// What became of a key.
pub type Verdict = Result<Arrived, Refused>;

impl Acts {
    /// Begins an import into this project; a rehearsal changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if the project is not there.
    pub async fn import(&self, project: &ProjectId, is_rehearsal: bool) -> Result<Import<'_>, Error> {
        self.store.project(project).await?.ok_or(StoreError::Missing("project"))?;
        Ok(Import {
            acts: self,
            project: project.clone(),
            began: self.clock.now(),
            rehearsal: is_rehearsal.then(Rehearsal::default),
        })
    }
}

impl Import<'_> {
    /// When it began.
    #[must_use]
    pub const fn began(&self) -> Timestamp {
        self.began
    }

    /// Imports a batch of keys that come from these lines; tells what became of each, in order.
    ///
    /// # Errors
    /// See [`Error`]; then nothing of the batch was imported.
    pub async fn batch(&mut self, keys: Vec<Newcomer>, lines: (u64, u64)) -> Result<Vec<Verdict>, Error> {
        let mut verdicts = self.judge(&keys).await?;
        let fine = keys.into_iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
        let batch = self.as_the_store_takes_it(fine.map(|(key, _)| key), lines);
        let mut arrivals = self.bring(&batch).await?.into_iter();
        for verdict in verdicts.iter_mut().filter(|verdict| verdict.is_ok()) {
            *verdict = verdict_on(arrivals.next().ok_or(StoreError::Conflict)?);
        }
        Ok(verdicts)
    }

    /// What is to be said of each key before the database is asked for it.
    async fn judge(&self, keys: &[Newcomer]) -> Result<Vec<Verdict>, Error> {
        let mut audiences = self.acts.store.audiences(&self.project).await?;
        audiences.push(default_audience(&self.project, &self.acts.issuer));
        let roles = self.roles_of(keys).await?;
        let judge = |key: &Newcomer| {
            key.check(&self.project)?;
            if key.details.role.as_ref().is_some_and(|role| !roles.contains(role)) {
                Err(Field::Role.refused("the project has no role of this name; make it first"))
            } else if key.details.audiences.iter().all(|audience| audiences.contains(audience)) {
                Ok(Arrived::Imported)
            } else {
                Err(Field::Audiences.refused("one of them is no audience of this project; add it first"))
            }
        };
        Ok(keys.iter().map(judge).collect())
    }

    /// Those of the roles that these keys name which are there.
    async fn roles_of(&self, keys: &[Newcomer]) -> Result<HashSet<RoleName>, Error> {
        let named: HashSet<&RoleName> = keys.iter().filter_map(|key| key.details.role.as_ref()).collect();
        let mut there = HashSet::new();
        for name in named {
            there.extend(self.acts.store.role(&self.project, name).await?.map(|role| role.name));
        }
        Ok(there)
    }

    fn as_the_store_takes_it(&self, keys: impl Iterator<Item = Newcomer>, lines: (u64, u64)) -> KeyBatch {
        let digested = |Newcomer { id, secret, details }| KeyToImport {
            digest: self.acts.pepper.digest_of(&secret),
            id,
            details,
        };
        let project = self.project.clone();
        let changed = Changed::Keys { project: project.clone() };
        KeyBatch {
            began: self.began,
            keys: keys.map(digested).collect(),
            lines,
            feed: FeedDraft::changed(changed, self.acts.tag()),
            audit: self.acts.audit(Act::ImportKeys, Some(&project), project.as_str(), json!({})),
            project,
        }
    }

    async fn bring(&mut self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error> {
        if let Some(rehearsal) = &mut self.rehearsal {
            let mut arrivals = self.acts.store.foresee_import(batch).await?;
            rehearsal.play(batch, &mut arrivals);
            return Ok(arrivals);
        }
        let began = self.acts.clock.monotonic();
        let store = &self.acts.store;
        let import = || async { Ok(store.import_keys(batch).await?) };
        let arrivals = self.acts.decided_anew(import).await?;
        if arrivals.contains(&Arrival::Imported) {
            let_others_write(self.acts.clock.monotonic().saturating_sub(began)).await;
        }
        Ok(arrivals)
    }
}

/// SQLite's lock is not handed over in turn: whoever takes it again at once keeps a running server
/// from minting.
async fn let_others_write(held: Duration) {
    tokio::time::sleep(held / SHARE_OF_OTHERS).await;
}

fn verdict_on(arrival: Arrival) -> Verdict {
    match arrival {
        Arrival::Imported => Ok(Arrived::Imported),
        Arrival::AlreadyThere => Ok(Arrived::AlreadyThere),
        Arrival::Repeated => Err(Refused::line("this key came before in the same file")),
        Arrival::IdTaken => Err(Field::Id.refused("this id is in use already, or was once")),
        Arrival::SecretTaken => Err(Refused::line("its secret is that of another key")),
    }
}

/// What a rehearsal would have imported by now; a real import asks the database.
#[derive(Default)]
struct Rehearsal {
    /// Ids, and how the digests of their secrets begin.
    ids: HashMap<KeyId, [u8; 8]>,
    secrets: HashSet<[u8; 8]>,
}

impl Rehearsal {
    fn play(&mut self, batch: &KeyBatch, arrivals: &mut [Arrival]) {
        for (key, arrival) in batch.keys.iter().zip(arrivals) {
            if *arrival != Arrival::Imported {
                continue;
            }
            let begin = beginning(&key.digest);
            *arrival = match self.ids.get(&key.id) {
                Some(same) if *same == begin => Arrival::Repeated,
                Some(_) => Arrival::IdTaken,
                None if self.secrets.contains(&begin) => Arrival::SecretTaken,
                None => {
                    self.ids.insert(key.id.clone(), begin);
                    self.secrets.insert(begin);
                    Arrival::Imported
                }
            };
        }
    }
}

fn beginning(digest: &SecretDigest) -> [u8; 8] {
    std::array::from_fn(|at| digest.as_bytes()[at])
}

impl std::fmt::Debug for Import<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import").field("project", &self.project).finish_non_exhaustive()
    }
}

//! The database as a whole: a copy of it, and what becomes of a copy that is restored.

use std::path::PathBuf;

use async_trait::async_trait;

use super::{Error, StoredSigningKey};
use crate::domain::audit::AuditDraft;
use crate::domain::{ApiKey, FeedDraft, Position, SigningKeyId, Timestamp};

/// What is done to a database as a whole.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Writes a consistent and marked copy of the database, on the disk before this returns; then
    /// tells the audit log, which is why the copy does not hold that row. [`Error::Elsewhere`] if the
    /// engine's own tools are the way.
    async fn back_up(&self, backup: &Backup) -> Result<(), Error>;

    /// Makes a marked copy a database that may be served, all or nothing: revokes whatever its
    /// past has issued, blocks its active keys, takes the mark off. [`Error::Conflict`] if it is
    /// not marked although [`Upkeep::back_up`] marks, or has other signing keys than those to be
    /// revoked.
    async fn restore(&self, restoration: &Restoration) -> Result<Restored, Error>;

    /// Waits for what is under way and lets go of the database.
    async fn close(&self);

    /// How the database fares. That there is an answer shows that it can be written.
    async fn health(&self) -> Result<Health, Error>;
}

/// A copy to be made.
#[derive(Debug)]
pub struct Backup {
    /// The file: absent, or empty.
    pub to: PathBuf,
    /// What marks the copy.
    pub mark: String,
    /// What the audit log is told.
    pub audit: AuditDraft,
}

/// What a restored copy begins with.
#[derive(Debug)]
pub struct Restoration {
    /// The first entry stands here or, if the copy has come further, after its last one.
    pub at_least: Position,
    /// Told first: that every token is revoked.
    pub all: FeedDraft,
    /// Told then: that each of the copy's signing keys is revoked, all of them.
    pub revoked: Vec<(SigningKeyId, FeedDraft)>,
    /// The signing keys that take their place.
    pub signing_keys: Vec<StoredSigningKey>,
    /// What the audit log is told.
    pub audit: AuditDraft,
}

/// A copy that was restored.
#[derive(Debug)]
pub struct Restored {
    /// Where its newest entry stands.
    pub position: Position,
    /// The keys that were active, as they were; they are blocked now.
    pub blocked: Vec<ApiKey>,
}

/// How a database fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The engine, and whatever else is worth to be known of it.
    pub engine: String,
    /// Whether a commit is on the disk before it is acknowledged, and in which words the engine
    /// says so.
    pub durable: (bool, String),
    /// What the engine finds wrong with what is stored.
    pub faults: Vec<String>,
    /// What it means that there are none, in words.
    pub sound: &'static str,
    /// The newest time that anybody has recorded: an act, or a sign of life.
    pub newest: Option<Timestamp>,
    /// What the database's own clock says, if it has one.
    pub now: Option<Timestamp>,
}

/// A step of a database's tables from one release to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub number: i64,
    /// What it is about.
    pub name: String,
    /// Whether it was made.
    pub applied: bool,
}

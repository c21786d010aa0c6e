//! What is asked about secrets that somebody reports as leaked, and what is recorded of that.

use std::time::Duration;

use async_trait::async_trait;

use super::Error;
use crate::domain::audit::AuditDraft;
use crate::domain::edit::KeyChange;
use crate::domain::leak::{Earlier, Flag};
use crate::domain::{KeyId, Position, SecretDigest, SecretId};

/// How long the digest of a secret is remembered that is no more.
pub(super) const GONE_FOR: Duration = Duration::from_hours(365 * 24);

/// Reports of leaked secrets.
#[async_trait]
pub trait Leaks: Send + Sync {
    /// The keys that have, or had within the last year, secrets of these digests; in the digests' order.
    async fn owners(&self, digests: &[SecretDigest]) -> Result<Vec<Option<KeyId>>, Error>;

    /// Whether this secret was reported before.
    async fn earlier_report(&self, key: &KeyId, secret: &SecretId) -> Result<Earlier, Error>;

    /// Records what a report does, all or nothing, and tells where in the feed it stands if it is told there.
    /// [`Error::Conflict`] if the secret was reported, or the key changed, meanwhile.
    async fn record_leak(&self, leak: &LeakRecord) -> Result<Option<Position>, Error>;

    /// The reports of these keys' secrets that nobody has cleared, by key and time.
    async fn flags(&self, keys: &[KeyId]) -> Result<Vec<Flag>, Error>;

    /// Clears those of these secrets of a key, and tells the audit log if there were any; tells how many. It is no edit: nothing is
    /// published.
    async fn clear_flags(&self, key: &KeyId, secrets: &[SecretId], audit: &AuditDraft) -> Result<u64, Error>;
}

/// What a report does.
#[derive(Debug)]
pub struct LeakRecord {
    /// Whose secret it is.
    pub key: KeyId,
    /// The position of the state of the key that it was decided on; another one is a conflict.
    pub expected_changed: Position,
    /// Likewise that of its project, whose policy it is.
    pub expected_project: Position,
    /// It is written down.
    pub note: Option<LeakNote>,
    /// The key is blocked.
    pub block: Option<KeyChange>,
}

/// A report that is written down.
#[derive(Debug)]
pub struct LeakNote {
    /// Which secret of which key, when and where.
    pub flag: Flag,
    /// Whether it is a flag; otherwise nothing is left to be done about it.
    pub is_open: bool,
    /// What the decision was made on.
    pub earlier: Earlier,
    /// What the audit log is told.
    pub audit: AuditDraft,
}

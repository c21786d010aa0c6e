//! What is asked of the signing keys.

use async_trait::async_trait;

use super::Error;
use crate::domain::audit::AuditDraft;
use crate::domain::feed::FeedDraft;
use crate::domain::signing_key::{Line, SigningKeyLife, SigningKeyTimes, SigningPurpose};
use crate::domain::{Position, SigningAlgorithm, SigningKeyId, Timestamp};

/// Signing keys.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// All of them, those that are gone too.
    async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, Error>;

    /// Changes the set as it was read; [`Error::Conflict`] if it was changed meanwhile.
    async fn change_signing_keys(&self, change: &SigningKeysChange) -> Result<Position, Error>;
}

/// A change of the set of signing keys.
#[derive(Debug)]
pub struct SigningKeysChange {
    /// The set that it was decided on: ids, and when each retires.
    pub expected: Vec<(SigningKeyId, Option<Timestamp>)>,
    /// The new one, if there is one.
    pub new: Option<StoredSigningKey>,
    /// Those whose lives are shortened.
    pub retired: Vec<SigningKeyLife>,
    /// What the feed is told.
    pub feed: FeedDraft,
    /// What the audit log is told.
    pub audit: AuditDraft,
}

/// A signing key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// Its id.
    pub kid: SigningKeyId,
    /// What it signs.
    pub purpose: SigningPurpose,
    /// Its algorithm.
    pub algorithm: SigningAlgorithm,
    /// The private half (PKCS#8), sealed.
    pub sealed: Vec<u8>,
    /// The public half, a JWK as JSON.
    pub public: String,
    /// Its life.
    pub times: SigningKeyTimes,
}

impl StoredSigningKey {
    /// Which keys it follows.
    #[must_use]
    pub fn line(&self) -> Line {
        Line { purpose: self.purpose, algorithm: self.algorithm }
    }

    /// Its life.
    #[must_use]
    pub fn life(&self) -> SigningKeyLife {
        SigningKeyLife { kid: self.kid.clone(), line: self.line(), times: self.times }
    }
}

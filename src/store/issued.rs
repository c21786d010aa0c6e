//! What is asked of the issuance log.

use async_trait::async_trait;

use super::Error;
use crate::domain::quota::Wanted;
use crate::domain::{KeyId, LiveTokenLimits, Position, ProjectId, QuotaFull, ScopeSet, Timestamp, TokenId};

/// The issuance log.
#[async_trait]
pub trait IssuedTokens: Send + Sync {
    /// Records tokens, durably, all or nothing: each only if its key is active, neither key nor
    /// project has an entry beyond the position that the token was decided at, and its limits of
    /// live tokens leave a place; the tokens before it in `tokens` count. Tells for each, in order,
    /// what became of it. On any error nothing was recorded.
    ///
    /// A token without limits costs one insert and nothing else; see [`crate::domain::quota`] for
    /// how the others are counted.
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error>;

    /// Deletes at most `limit` tokens minted before this time, the oldest first; tells how many.
    async fn forget_issued(&self, before: Timestamp, limit: u32) -> Result<u64, Error>;

    /// Drops the counts of tokens that were over at this time; tells how many.
    async fn forget_counts(&self, until: Timestamp) -> Result<u64, Error>;
}

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// It is in the log.
    Recorded,
    /// It is not: key or project were edited after the decision, or its `jti` is there already.
    Moved,
    /// It is not: as many tokens live as may live.
    Full(QuotaFull),
}

/// A row of the issuance log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token.
    pub jti: TokenId,
    /// The key that minted it.
    pub key: KeyId,
    /// The key's project.
    pub project: ProjectId,
    /// Who it speaks for.
    pub subject: String,
    /// What it may do.
    pub scope: ScopeSet,
    /// Where it may be used: one or more audiences, divided by spaces.
    pub audience: String,
    /// Where it was asked for.
    pub address: Option<String>,
    /// When it was minted.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The token that it was exchanged from.
    pub parent: Option<TokenId>,
    /// The position that it was decided at. Not a column: what the insert is conditional on.
    pub position: Position,
    /// The limits that it was decided under. Not columns: an edit of a limit moves `changed`, so
    /// limits that hold no longer are refused with the position.
    pub limits: LiveTokenLimits,
}

impl IssuedToken {
    /// As it is counted.
    #[must_use]
    pub fn wanted(&self) -> Wanted<'_> {
        let (project, key, limits) = (&self.project, &self.key, self.limits);
        Wanted { project, key, limits, at: self.issued_at, expires_at: self.expires_at }
    }
}

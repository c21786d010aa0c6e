//! What administrators look for.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{Error, IssuedToken, SealedRow};
use crate::domain::authority::Reach;
use crate::domain::feed::Published;
use crate::domain::{ApiKey, KeyId, KeyState, Position, Project, ProjectId, Timestamp, TokenId};

/// Questions of administrators. They may take a while; nothing that a token depends on waits for them.
#[async_trait]
pub trait Search: Send + Sync {
    /// Keys by id.
    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<ApiKey>, Error>;

    /// Projects by id.
    async fn find_projects(&self, wanted: &WantedProjects) -> Result<Vec<Project>, Error>;

    /// Issued tokens, the newest first; their `position` is not read back. What nothing but a rare subject
    /// or address narrows is looked for in all of the log.
    async fn find_tokens(&self, wanted: &WantedTokens) -> Result<Vec<IssuedToken>, Error>;

    /// The issued token of this id.
    async fn issued_token(&self, jti: TokenId) -> Result<Option<IssuedToken>, Error>;

    /// Revocations that have not ended, the newest first.
    async fn find_revocations(&self, wanted: &WantedRevocations) -> Result<Vec<Published>, Error>;

    /// Rows of the audit log by number.
    async fn find_audit(&self, wanted: &WantedAudit) -> Result<Vec<SealedRow>, Error>;
}

/// Which issued tokens are looked for.
#[derive(Clone, Debug)]
pub struct WantedTokens {
    /// Of whose keys.
    pub within: Reach,
    /// Only those that this key minted.
    pub key: Option<KeyId>,
    /// Only those that speak for this subject.
    pub subject: Option<String>,
    /// Only those that were asked for from this address.
    pub address: Option<IpAddr>,
    /// Only those minted at this time or later.
    pub since: Option<Timestamp>,
    /// Only those minted before this time.
    pub until: Option<Timestamp>,
    /// Only those before this one.
    pub before: Option<TokenId>,
    /// At most so many.
    pub limit: u32,
}

/// Which revocations are looked for.
#[derive(Clone, Debug)]
pub struct WantedRevocations {
    /// Of whose tokens; those that concern all projects are always among them.
    pub within: Reach,
    /// Only those of this kind, as [`FeedEntry::kind`](crate::domain::FeedEntry::kind) calls it.
    pub kind: Option<String>,
    /// Only those that have not ended by then.
    pub now: Timestamp,
    /// Only those before this one.
    pub before: Option<Position>,
    /// At most so many.
    pub limit: u32,
}

/// Which rows of the audit log are looked for.
#[derive(Clone, Debug)]
pub struct WantedAudit {
    /// Of what was done where; what belongs to no project is seen by whoever may see everything.
    pub within: Reach,
    /// Only what they did, as the log writes them.
    pub actor: Option<String>,
    /// Only this act, as the log writes it.
    pub act: Option<String>,
    /// Only what was done to this.
    pub target: Option<String>,
    /// Only what was done at this time or later.
    pub since: Option<Timestamp>,
    /// Only what was done before this time.
    pub until: Option<Timestamp>,
    /// The newest first.
    pub newest_first: bool,
    /// Only those that come after this one in that order.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Which keys are looked for.
#[derive(Clone, Debug)]
pub struct WantedKeys {
    /// Whose.
    pub within: Reach,
    /// Only those in this state.
    pub state: Option<KeyState>,
    /// Only those that are flagged because a secret of theirs was reported; or only those that are not.
    pub flagged: Option<bool>,
    /// Only those whose id or name contains this, whatever the case of the letters A to Z.
    pub text: Option<String>,
    /// Only those after this one.
    pub after: Option<KeyId>,
    /// At most so many.
    pub limit: u32,
}

/// Which projects are looked for.
#[derive(Clone, Debug)]
pub struct WantedProjects {
    /// Which of them may be found.
    pub within: Reach,
    /// Only those whose id or name contains this, whatever the case of the letters A to Z.
    pub text: Option<String>,
    /// Only those after this one.
    pub after: Option<ProjectId>,
    /// At most so many.
    pub limit: u32,
}

/// The projects as a JSON array, for engines that take a list apart themselves; none for all.
pub(super) fn listed(within: &Reach) -> Option<String> {
    match within {
        Reach::Everywhere => None,
        Reach::Within(projects) => Some(serde_json::to_string(projects).expect("texts are JSON")),
    }
}

//! What administrators look for.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{Error, IssuedToken, SealedRow};
use crate::domain::authority::Reach;
use crate::domain::feed::Published;
use crate::domain::hygiene::{Life, Neglect};
use crate::domain::{
    ApiKey, KeyId, KeyState, Position, Project, ProjectId, RoleName, ScopeSet, Timestamp, TokenId,
};

/// Questions of administrators. They may take a while; nothing that a token depends on waits for them.
#[async_trait]
pub trait Search: Send + Sync {
    /// Keys by id.
    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<FoundKey>, Error>;

    /// Projects by id.
    async fn find_projects(&self, wanted: &WantedProjects) -> Result<Vec<Project>, Error>;

    /// Issued tokens, the newest first; their `position` is not read back. What nothing but a rare subject
    /// or address narrows is looked for in all of the log.
    async fn find_tokens(&self, wanted: &WantedTokens) -> Result<Vec<IssuedToken>, Error>;

    /// What keys were granted, in the newest rows of a range of the issuance log; it may take many such looks to
    /// see all of it.
    async fn find_grants(&self, wanted: &WantedGrants) -> Result<FoundGrants, Error>;

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
    /// Only this one.
    pub key: Option<KeyId>,
    /// Only those in this state.
    pub state: Option<KeyState>,
    /// Only those that have this role.
    pub role: Option<RoleName>,
    /// Only those whose life is like this.
    pub neglect: Neglect,
    /// Only those whose id or name contains this, whatever the case of the letters A to Z.
    pub text: Option<String>,
    /// Only those after this one.
    pub after: Option<KeyId>,
    /// At most so many.
    pub limit: u32,
}

/// A key, and what is known of its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundKey {
    /// The key.
    pub key: ApiKey,
    /// When one of its secrets was used last.
    pub last_used: Option<Timestamp>,
    /// From when on nobody can use it.
    pub ends_at: Option<Timestamp>,
}

impl FoundKey {
    /// Its life.
    #[must_use]
    pub const fn life(&self) -> Life {
        Life { created_at: self.key.created_at, last_used: self.last_used, ends_at: self.ends_at }
    }
}

/// Whose grants are looked for, and where.
#[derive(Clone, Debug)]
pub struct WantedGrants {
    /// Of these keys.
    pub keys: Vec<KeyId>,
    /// Of tokens minted at this time or later,
    pub since: Timestamp,
    /// and before this one.
    pub before: TokenId,
    /// So many rows of the log are looked at, whosever they are.
    pub rows: u32,
}

/// What was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundGrants {
    /// Each scope that a key was granted, once.
    pub grants: Vec<(KeyId, ScopeSet)>,
    /// The oldest row that was looked at, if there may be older ones in the range.
    pub reached: Option<TokenId>,
}

/// No token minted at this time or later has a smaller id.
#[must_use]
pub fn first_of(at: Timestamp) -> TokenId {
    TokenId::new(at.max(Timestamp::default()), [0; 10])
}

/// From this time on every token's id is larger than this one.
#[must_use]
pub fn minted_after(jti: TokenId) -> Timestamp {
    let millis = jti.as_bytes()[..6].iter().fold(0, |millis, byte| millis << 8 | i64::from(*byte));
    Timestamp::from_millis(millis + 1)
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

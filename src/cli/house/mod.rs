//! The installation that a command is about: opened here, or reached through the administrators' API of its
//! server. Commands are written once, for both.
//!
//! Not here: what commands are called and what they print.

mod afar;
mod here;
mod profile;
mod webhooks;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;

use crate::admin::view::{
    AppliedBy, AudienceRow, Awaited, FlagsCleared, HygieneRow, KeyFound, KeyRow, KeyWhole, NodeRow, Page,
    ProjectRow, ProjectWhole, RoleRow, RoleWhole, ScopeRow, SigningKeyRow, TokenRow,
};
use crate::domain::hygiene::Days;
use crate::domain::signing_key::Line;
use crate::domain::{
    Audience, CatalogueScope, KeyDetails, KeyId, KeyState, Position, ProjectId, ProjectKind, ProjectPatch,
    RoleDetails, RoleName, Scope, ScopeSet, Secret, SecretId, SigningKeyId, Timestamp, TokenId,
};
use crate::keys::acts::{Done, KeyAct, Why};
use crate::keys::secret_acts::Made;
use crate::store::{SealedRow, WantedAudit, WantedTokens};

use super::failure::Failure;

pub(super) use afar::Afar;
pub(super) use here::Here;
pub(super) use profile::FarArgs;
pub(super) use webhooks::{WebhookPatch, Webhooks, WhichDeliveries};

/// All that a command may want of an installation.
pub(super) trait House: Keys + Hygiene + Projects + Roles + Tokens + Webhooks + Whole {
    /// The installation itself, if it was opened here.
    fn here(&self) -> Option<&Here>;

    /// The one project of which whoever acts sees anything, if that is so.
    fn limited_to(&self) -> Option<&ProjectId> {
        None
    }
}

/// Which keys are wanted: those of which all holds that is named here.
#[derive(Debug, Default)]
pub(super) struct WhichKeys {
    /// Else of every project that whoever asks may see.
    pub(super) project: Option<ProjectId>,
    /// Their id or name contains it.
    pub(super) text: Option<String>,
    pub(super) state: Option<KeyState>,
    pub(super) role: Option<RoleName>,
    /// Their secrets were reported as leaked.
    pub(super) flagged: bool,
    /// Nobody has used them for so long.
    pub(super) unused: Option<Days>,
    pub(super) never_used: bool,
    /// They end within so long.
    pub(super) expiring: Option<Days>,
    pub(super) after: Option<KeyId>,
    pub(super) limit: u32,
}

/// What becomes of a key's details.
pub(super) type Edit = Box<dyn FnOnce(KeyDetails) -> KeyDetails + Send>;

/// How long is waited until an act is applied everywhere; not at all, if none.
pub(super) type Wait = Option<Duration>;

/// API keys and their secrets.
#[async_trait]
pub(super) trait Keys: Send + Sync {
    async fn create_key(&self, project: &ProjectId, details: KeyDetails)
    -> Result<(KeyRow, Secret), Failure>;

    /// Keys by id.
    async fn keys(&self, which: WhichKeys) -> Result<Page<KeyFound>, Failure>;

    async fn key(&self, id: &KeyId) -> Result<KeyWhole, Failure>;

    async fn edit_key(&self, id: &KeyId, edit: Edit, why: &Why, wait: Wait)
    -> Result<Awaited<Done>, Failure>;

    async fn act_on_key(
        &self,
        id: &KeyId,
        act: KeyAct,
        why: &Why,
        wait: Wait,
    ) -> Result<Awaited<Done>, Failure>;

    /// Clears what was reported of the key's secrets.
    async fn clear_flags(&self, id: &KeyId, why: &Why) -> Result<FlagsCleared, Failure>;

    async fn regenerate(&self, id: &KeyId, overlap: Duration, why: &Why) -> Result<(Done, Secret), Failure>;

    async fn add_secret(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
        why: &Why,
    ) -> Result<(Done, Made), Failure>;

    async fn expire_secret(
        &self,
        id: &KeyId,
        secret: &SecretId,
        delay: Duration,
        why: &Why,
    ) -> Result<Done, Failure>;
}

/// Of which keys it is asked whether somebody might do without them, and what is too long and what is soon.
#[derive(Debug)]
pub(super) struct WhichNeglected {
    pub(super) project: Option<ProjectId>,
    pub(super) key: Option<KeyId>,
    pub(super) unused: Option<Days>,
    pub(super) expiring: Option<Days>,
    pub(super) over_broad: Option<Days>,
    pub(super) after: Option<KeyId>,
    /// So many are looked at.
    pub(super) limit: u32,
}

/// Keys that somebody might do without.
#[async_trait]
pub(super) trait Hygiene: Send + Sync {
    /// Those of which there is something to say, by id; the last that was looked at, if there are more.
    async fn hygiene(&self, which: WhichNeglected) -> Result<Page<HygieneRow>, Failure>;
}

/// Tokens that were issued.
#[async_trait]
pub(super) trait Tokens: Send + Sync {
    /// Those that are wanted, the newest first.
    async fn tokens(&self, wanted: WantedTokens) -> Result<Page<TokenRow>, Failure>;

    async fn revoke_token(
        &self,
        jti: TokenId,
        why: &Why,
        wait: Wait,
    ) -> Result<Awaited<(ProjectId, Position)>, Failure>;
}

/// What of a scope's definition is to change.
#[derive(Debug)]
pub(super) struct ScopePatch {
    pub(super) description: Option<String>,
    pub(super) includes: Option<ScopeSet>,
}

impl ScopePatch {
    /// The definition, with what is given in place of what was there.
    fn over(self, before: CatalogueScope) -> CatalogueScope {
        CatalogueScope {
            description: self.description.unwrap_or(before.description),
            includes: self.includes.unwrap_or(before.includes),
        }
    }
}

/// Projects, their catalogues and audiences.
#[async_trait]
pub(super) trait Projects: Send + Sync {
    async fn create_project(
        &self,
        name: &str,
        kind: ProjectKind,
        live_tokens: Option<NonZeroU32>,
    ) -> Result<ProjectWhole, Failure>;

    /// Projects by id, those after `after`.
    async fn projects(&self, after: Option<&ProjectId>, limit: u32) -> Result<Page<ProjectRow>, Failure>;

    async fn project(&self, id: &ProjectId) -> Result<ProjectWhole, Failure>;

    async fn edit_project(&self, id: &ProjectId, patch: ProjectPatch) -> Result<Done, Failure>;

    async fn scopes(&self, project: &ProjectId) -> Result<Vec<ScopeRow>, Failure>;

    async fn set_scope(&self, project: &ProjectId, scope: &Scope, patch: ScopePatch)
    -> Result<Done, Failure>;

    async fn remove_scope(&self, project: &ProjectId, scope: &Scope) -> Result<Done, Failure>;

    async fn audiences(&self, project: &ProjectId) -> Result<Vec<AudienceRow>, Failure>;

    async fn add_audience(&self, project: &ProjectId, audience: &Audience) -> Result<Done, Failure>;

    async fn remove_audience(&self, project: &ProjectId, audience: &Audience) -> Result<Done, Failure>;
}

/// What becomes of a role's details.
pub(super) type RoleEdit = Box<dyn FnOnce(RoleDetails) -> RoleDetails + Send>;

/// Roles of projects.
#[async_trait]
pub(super) trait Roles: Send + Sync {
    async fn create_role(
        &self,
        project: &ProjectId,
        name: RoleName,
        details: RoleDetails,
    ) -> Result<RoleRow, Failure>;

    /// A project's roles by name, those after `after`.
    async fn roles(
        &self,
        project: &ProjectId,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Page<RoleRow>, Failure>;

    async fn role(&self, project: &ProjectId, name: &RoleName) -> Result<RoleWhole, Failure>;

    async fn edit_role(
        &self,
        project: &ProjectId,
        name: &RoleName,
        edit: RoleEdit,
        (why, wait): (&Why, Wait),
    ) -> Result<Awaited<Done>, Failure>;

    async fn delete_role(&self, project: &ProjectId, name: &RoleName, why: &Why) -> Result<Done, Failure>;
}

/// What is no project's.
#[async_trait]
pub(super) trait Whole: Send + Sync {
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, Failure>;

    async fn rotate_signing_key(&self, line: Line) -> Result<SigningKeyRow, Failure>;

    async fn retire_signing_key(
        &self,
        kid: &SigningKeyId,
        why: &Why,
    ) -> Result<Option<SigningKeyRow>, Failure>;

    async fn nodes(&self) -> Result<Vec<NodeRow>, Failure>;

    /// Rows of the audit log.
    async fn audit(&self, wanted: &WantedAudit) -> Result<Vec<SealedRow>, Failure>;
}

/// What was done, and whom it has reached.
fn awaited<T>(done: T, applied: Option<AppliedBy>) -> Awaited<T> {
    Awaited { done, applied }
}

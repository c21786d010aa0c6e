//! Edits, and which of them narrow.
//!
//! An edit is narrowing unless it is proven to be purely widening: nothing that the old state
//! granted is refused, or granted smaller, by the new one. A narrowing edit kills the tokens that
//! are out; a widening one only tells the nodes that their copies are old.
//!
//! A limit of live tokens is no permission: however it is set, each token that is out keeps what it
//! has, and what may be minted next depends on how many there are, not on what they may do. So an
//! edit of it alone is never narrowing.

use portcullis_guard::{Audience, KeyId, Position, Scope, ScopeSet, Target, Timestamp};

use super::api_key::{ApiKey, KeyDetails, KeyState};
use super::audit::{Act, AuditDraft};
use super::catalogue::{Catalogue, CatalogueScope};
use super::feed::{Changed, FeedDraft, Tag};
use super::grant::MintRecord;
use super::once::Once;
use super::project::{Project, ProjectPatch};
use super::role::{Role, RoleDetails, RoleName};
use super::secret::{MOST_SECRETS, SecretDigest};
use super::worth::Worth;

/// What is done to an API key.
#[derive(Debug)]
pub enum KeyEdit {
    /// Its details are replaced.
    Details {
        /// By these.
        details: KeyDetails,
        /// What the role that they name permits, in the state that the edit is decided on.
        role: ScopeSet,
    },
    /// It stops working.
    Block,
    /// It works again; old tokens stay dead.
    Unblock,
    /// It stops working for ever.
    Delete,
    /// It works on, its outstanding tokens do not.
    RevokeTokens,
    /// It gets a new secret; the old ones end at the given time.
    Regenerate {
        /// The new secret.
        digest: SecretDigest,
        /// When the old ones end.
        old_end: Timestamp,
    },
    /// It gets a further secret, beside those that it has.
    AddSecret {
        /// The new secret.
        digest: SecretDigest,
        /// When it ends; never, if absent.
        expires_at: Option<Timestamp>,
    },
    /// One of its secrets ends, unless it ends before; tokens that are out live on.
    ExpireSecret {
        /// Which one.
        secret: SecretDigest,
        /// When it ends.
        at: Timestamp,
    },
}

/// Why an edit is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditRefused {
    /// Deletion is final.
    #[error("the key was deleted; deletion is final")]
    Deleted,
    /// There is nothing to unblock.
    #[error("the key is not blocked")]
    NotBlocked,
    /// Too many secrets would be live at once.
    #[error("the key would have more than {MOST_SECRETS} live secrets; let old ones end first")]
    TooManySecrets,
}

/// An edit of a key, ready for the store: one transaction, on the state that was read.
#[derive(Debug)]
pub struct KeyChange {
    /// Which key.
    pub key: KeyId,
    /// What is done.
    pub edit: KeyEdit,
    /// The position of the state that the edit was decided on; another one is a conflict.
    pub expected_changed: Position,
    /// Likewise that of its project: what narrows depends on the project's catalogue.
    pub expected_project: Position,
    /// What the feed is told.
    pub feed: FeedDraft,
    /// What the audit log is told.
    pub audit: AuditDraft,
    /// How what it makes is made once.
    pub once: Option<Once>,
}

impl KeyChange {
    /// The positions of key and project that it was decided on.
    #[must_use]
    pub const fn expected(&self) -> (Position, Position) {
        (self.expected_changed, self.expected_project)
    }
}

impl KeyEdit {
    /// What the audit log calls it.
    #[must_use]
    pub const fn act(&self) -> Act {
        match self {
            Self::Details { .. } => Act::EditKey,
            Self::Block => Act::BlockKey,
            Self::Unblock => Act::UnblockKey,
            Self::Delete => Act::DeleteKey,
            Self::RevokeTokens => Act::RevokeTokens,
            Self::Regenerate { .. } => Act::RegenerateSecret,
            Self::AddSecret { .. } => Act::AddSecret,
            Self::ExpireSecret { .. } => Act::ExpireSecret,
        }
    }

    /// Whether the key may be edited like this. Blocking what is blocked is no mistake: whoever
    /// blocks wants it blocked.
    ///
    /// # Errors
    /// See [`EditRefused`].
    pub fn check(&self, key: &ApiKey, live_secrets: usize, now: Timestamp) -> Result<(), EditRefused> {
        match (key.state, self) {
            (KeyState::Deleted, _) => Err(EditRefused::Deleted),
            (KeyState::Active, Self::Unblock) => Err(EditRefused::NotBlocked),
            (_, Self::Regenerate { old_end, .. }) if *old_end > now && live_secrets >= MOST_SECRETS => {
                Err(EditRefused::TooManySecrets)
            }
            (_, Self::AddSecret { .. }) if live_secrets >= MOST_SECRETS => Err(EditRefused::TooManySecrets),
            _ => Ok(()),
        }
    }

    /// Whether tokens that are out may be worth more than what the key could mint after this.
    #[must_use]
    pub fn is_narrowing(&self, before: &Worth<'_>, catalogue: &Catalogue) -> bool {
        match self {
            Self::Block | Self::Delete | Self::RevokeTokens => true,
            Self::Unblock | Self::Regenerate { .. } | Self::AddSecret { .. } | Self::ExpireSecret { .. } => {
                false
            }
            Self::Details { details, role } => !Worth { details, role }.takes_nothing_from(before, catalogue),
        }
    }

    /// The feed entry that goes with it.
    #[must_use]
    pub fn feed(&self, record: &MintRecord, tag: Tag) -> FeedDraft {
        let (project, id) = (record.key.project.clone(), record.key.id.clone());
        if self.is_narrowing(&record.worth(), &record.catalogue) {
            FeedDraft::revoke(Target::Key { project, key: id }, None, tag)
        } else {
            FeedDraft::changed(Changed::Key { project, key: id }, tag)
        }
    }
}

/// What is done to a project.
#[derive(Debug)]
pub enum ProjectEdit {
    /// A scope of its catalogue is defined or replaced.
    SetScope(Scope, CatalogueScope),
    /// A scope is taken out of its catalogue.
    RemoveScope(Scope),
    /// It gets an audience.
    AddAudience(Audience),
    /// It loses an audience.
    RemoveAudience(Audience),
    /// What is said of it itself changes.
    Patch(ProjectPatch),
    /// It gets a role.
    CreateRole(Role),
    /// A role of it is replaced.
    EditRole {
        /// The role as it was read.
        role: Role,
        /// What it becomes.
        details: RoleDetails,
    },
    /// It loses a role, which no key has.
    DeleteRole(RoleName),
}

/// An edit of a project, ready for the store.
#[derive(Debug)]
pub struct ProjectChange {
    /// The project as it was read.
    pub project: Project,
    /// What is done.
    pub edit: ProjectEdit,
    /// What the feed is told.
    pub feed: FeedDraft,
    /// What the audit log is told.
    pub audit: AuditDraft,
    /// How what it makes is made once.
    pub once: Option<Once>,
}

impl ProjectEdit {
    /// What the audit log calls it.
    #[must_use]
    pub const fn act(&self) -> Act {
        match self {
            Self::SetScope(..) => Act::SetScope,
            Self::RemoveScope(_) => Act::RemoveScope,
            Self::AddAudience(_) => Act::AddAudience,
            Self::RemoveAudience(_) => Act::RemoveAudience,
            Self::Patch(_) => Act::EditProject,
            Self::CreateRole(_) => Act::CreateRole,
            Self::EditRole { .. } => Act::EditRole,
            Self::DeleteRole(_) => Act::DeleteRole,
        }
    }

    /// The role that it leaves behind, made or edited.
    #[must_use]
    pub const fn role(&self) -> Option<&RoleName> {
        match self {
            Self::CreateRole(role) | Self::EditRole { role, .. } => Some(&role.name),
            _ => None,
        }
    }

    /// Whether tokens that are out may be worth more than what the project's keys could mint
    /// after this, or whoever was admitted before would not be.
    #[must_use]
    pub fn is_narrowing(&self, project: &Project, catalogue: &Catalogue) -> bool {
        let after = match self {
            Self::SetScope(scope, entry) => catalogue.clone().with(scope.clone(), entry.clone()),
            Self::RemoveScope(scope) => catalogue.clone().without(scope),
            // No key has a role yet that is made, or any more one that goes.
            Self::AddAudience(_) | Self::CreateRole(_) | Self::DeleteRole(_) => return false,
            Self::EditRole { role, details } => {
                return !details.takes_nothing_from(&role.details, catalogue);
            }
            Self::RemoveAudience(_) => return true,
            Self::Patch(patch) => return project.raw_keys && patch.raw_keys == Some(false),
        };
        !after.takes_nothing_from(catalogue)
    }

    /// The feed entry that goes with it.
    #[must_use]
    pub fn feed(&self, project: &Project, catalogue: &Catalogue, tag: Tag) -> FeedDraft {
        let narrows = self.is_narrowing(project, catalogue);
        let project = project.id.clone();
        if narrows {
            FeedDraft::revoke(Target::Project { project }, None, tag)
        } else {
            FeedDraft::changed(Changed::Project { project }, tag)
        }
    }
}

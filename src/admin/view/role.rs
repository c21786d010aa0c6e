//! Roles, as they are shown.

use serde::Serialize;

use crate::domain::{Position, ProjectId, Role, RoleName, Scope};
use crate::keys::acts::Done;

/// A role in a list.
#[derive(Debug, Serialize)]
pub struct RoleRow {
    /// What it is called.
    pub role: RoleName,
    /// Its project.
    pub project: ProjectId,
    /// What it is for.
    pub description: String,
    /// What whoever has it may do.
    pub permissions: Vec<Scope>,
    /// When it was made.
    pub created_at: i64,
    /// The position of its last entry in the feed.
    pub position: Position,
}

impl RoleRow {
    /// A role of this project.
    #[must_use]
    pub fn of(project: &ProjectId, role: Role) -> Self {
        Self {
            role: role.name,
            project: project.clone(),
            description: role.details.description,
            permissions: role.details.permissions.iter().cloned().collect(),
            created_at: role.created_at.secs(),
            position: role.changed,
        }
    }
}

/// A role by itself.
#[derive(Debug, Serialize)]
pub struct RoleWhole {
    /// The role.
    #[serde(flatten)]
    pub row: RoleRow,
    /// How many keys have it; deleted ones do not count.
    pub keys: u64,
}

/// An act on a role that was carried out.
#[derive(Debug, Serialize)]
pub struct RoleActed {
    /// Which one.
    pub role: RoleName,
    /// Its project.
    pub project: ProjectId,
    /// Where in the feed the act stands.
    pub position: Position,
    /// Whether the project's tokens that were out are dead.
    pub tokens_revoked: bool,
}

impl RoleActed {
    /// What was done to this role.
    #[must_use]
    pub fn of(role: &RoleName, done: Done) -> Self {
        let Done { project, position, narrowed } = done;
        Self { role: role.clone(), project, position, tokens_revoked: narrowed }
    }
}

//! What is asked of roles. They are edited as a part of their project
//! ([`Projects::change_project`](super::Projects::change_project)).

use async_trait::async_trait;

use super::Error;
use crate::domain::{ProjectId, Role, RoleName};

/// Roles of projects.
#[async_trait]
pub trait Roles: Send + Sync {
    /// A project's role of this name.
    async fn role(&self, project: &ProjectId, name: &RoleName) -> Result<Option<Role>, Error>;

    /// A project's roles by name, those after `after`, at most `limit`.
    async fn roles(
        &self,
        project: &ProjectId,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Vec<Role>, Error>;

    /// How many keys have a role; deleted ones do not count.
    async fn keys_with_role(&self, project: &ProjectId, name: &RoleName) -> Result<u64, Error>;
}

//! Roles of projects.

use async_trait::async_trait;

use super::Here;
use crate::admin::view::{Awaited, Page, RoleRow, RoleWhole};
use crate::cli::failure::Failure;
use crate::cli::house::{RoleEdit, Roles, Wait};
use crate::domain::{ProjectId, RoleDetails, RoleName};
use crate::keys::acts::{Done, Why};
use crate::store::Error as StoreError;

#[async_trait]
impl Roles for Here {
    async fn create_role(
        &self,
        project: &ProjectId,
        name: RoleName,
        details: RoleDetails,
    ) -> Result<RoleRow, Failure> {
        Ok(RoleRow::of(project, self.acts.create_role(project, name, details).await?))
    }

    async fn roles(
        &self,
        project: &ProjectId,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Page<RoleRow>, Failure> {
        self.stored_project(project).await?;
        let roles = self.store().roles(project, after, limit + 1).await?;
        let rows = roles.into_iter().map(|role| RoleRow::of(project, role)).collect();
        Ok(Page::cut(rows, limit, |last: &RoleRow| last.role.to_string()))
    }

    async fn role(&self, project: &ProjectId, name: &RoleName) -> Result<RoleWhole, Failure> {
        let role = self.store().role(project, name).await?.ok_or(StoreError::Missing("role"))?;
        let keys = self.store().keys_with_role(project, name).await?;
        Ok(RoleWhole { row: RoleRow::of(project, role), keys })
    }

    async fn edit_role(
        &self,
        project: &ProjectId,
        name: &RoleName,
        edit: RoleEdit,
        (why, wait): (&Why, Wait),
    ) -> Result<Awaited<Done>, Failure> {
        let done = self.acts.edit_role(project, name, edit, why).await?;
        let position = done.position;
        Ok(self.awaited(done, position, wait).await)
    }

    async fn delete_role(&self, project: &ProjectId, name: &RoleName, why: &Why) -> Result<Done, Failure> {
        Ok(self.acts.delete_role(project, name, why).await?)
    }
}

//! Roles of projects. They are edited by the rights of keys.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;

use super::{Act, Acted, Afar, Again, Parts as _, because};
use crate::admin::view::{Awaited, Page, RoleRow, RoleWhole};
use crate::cli::failure::Failure;
use crate::cli::house::{RoleEdit, Roles, Wait};
use crate::domain::authority::Right;
use crate::domain::{ProjectId, RoleDetails, RoleName};
use crate::keys::acts::{Done, Why};

impl Afar {
    async fn read_role(
        &self,
        project: &ProjectId,
        name: &RoleName,
        right: Right,
    ) -> Result<RoleWhole, Failure> {
        let request = self.get(&["projects", project.as_str(), "roles", name.as_str()], &[]);
        self.ask(&[self.scope(right, Some(project))], request, Again::Safely).await
    }
}

#[async_trait]
impl Roles for Afar {
    async fn create_role(
        &self,
        project: &ProjectId,
        name: RoleName,
        details: RoleDetails,
    ) -> Result<RoleRow, Failure> {
        let permissions: Vec<_> = details.permissions.iter().collect();
        let body = json!({ "role": name, "description": details.description, "permissions": permissions });
        let request = self.make(&["projects", project.as_str(), "roles"]).json_of(&body);
        self.ask(&[self.scope(Right::WriteKeys, Some(project))], request, Again::Safely).await
    }

    async fn roles(
        &self,
        project: &ProjectId,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Page<RoleRow>, Failure> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(after.map(|after| ("after", after.to_string())));
        let request = self.get(&["projects", project.as_str(), "roles"], &query);
        let scope = [self.scope(Right::ReadKeys, Some(project))];
        let page: Page<RoleRow> = self.ask(&scope, request, Again::Safely).await?;
        Ok(page.named(|last| last.role.to_string()))
    }

    async fn role(&self, project: &ProjectId, name: &RoleName) -> Result<RoleWhole, Failure> {
        self.read_role(project, name, Right::ReadKeys).await
    }

    async fn edit_role(
        &self,
        project: &ProjectId,
        name: &RoleName,
        edit: RoleEdit,
        (why, wait): (&Why, Wait),
    ) -> Result<Awaited<Done>, Failure> {
        let row = self.read_role(project, name, Right::WriteKeys).await?.row;
        let before =
            RoleDetails { description: row.description, permissions: row.permissions.into_iter().collect() };
        let after = edit(before);
        let mut body = because(why);
        body["description"] = json!(after.description);
        body["permissions"] = json!(after.permissions.iter().collect::<Vec<_>>());
        let path = &["projects", project.as_str(), "roles", name.as_str()][..];
        let act = Act { method: Method::PATCH, path, body: &body, seen: Some(row.position) };
        let acted: Acted = self.act(&[self.scope(Right::WriteKeys, Some(project))], act, wait).await?;
        Ok(Awaited { done: acted.done(), applied: acted.applied })
    }

    async fn delete_role(&self, project: &ProjectId, name: &RoleName, why: &Why) -> Result<Done, Failure> {
        let path = ["projects", project.as_str(), "roles", name.as_str(), "delete"];
        let request = self.to(Method::POST, &path).json_of(&because(why));
        let scope = [self.scope(Right::WriteKeys, Some(project))];
        let acted: Acted = self.ask(&scope, request, Again::Never).await?;
        Ok(acted.done())
    }
}

//! Projects, their catalogues and audiences.

use std::num::NonZeroU32;

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Acted, Afar, Again, Parts as _};
use crate::admin::view::{AudienceRow, Page, ProjectRow, ProjectWhole, ScopeRow};
use crate::cli::failure::Failure;
use crate::cli::house::{Projects, ScopePatch};
use crate::domain::authority::Right;
use crate::domain::{Audience, CatalogueScope, ProjectId, ProjectKind, ProjectPatch, Scope};
use crate::keys::acts::Done;

impl Afar {
    async fn read_project(&self, id: &ProjectId, right: Right) -> Result<ProjectWhole, Failure> {
        let request = self.get(&["projects", id.as_str()], &[]);
        self.ask(&[self.scope(right, Some(id))], request, Again::Safely).await
    }

    async fn list_scopes(&self, id: &ProjectId, right: Right) -> Result<Vec<ScopeRow>, Failure> {
        let request = self.get(&["projects", id.as_str(), "scopes"], &[]);
        let page: Page<ScopeRow> = self.ask(&[self.scope(right, Some(id))], request, Again::Safely).await?;
        Ok(page.items)
    }

    /// An edit of a project that whoever asks has seen, or of whatever it is.
    async fn edit(
        &self,
        id: &ProjectId,
        request: RequestBuilder,
        seen: Option<&str>,
    ) -> Result<Done, Failure> {
        let request = request.header("if-match", seen.unwrap_or("*"));
        let scope = [self.scope(Right::WriteProjects, Some(id))];
        let acted: Acted = self.ask(&scope, request, Again::Never).await?;
        Ok(acted.done())
    }
}

#[async_trait]
impl Projects for Afar {
    async fn create_project(
        &self,
        name: &str,
        kind: ProjectKind,
        live_tokens: Option<NonZeroU32>,
    ) -> Result<ProjectWhole, Failure> {
        let body = json!({ "name": name, "kind": kind, "live_tokens": live_tokens });
        let request = self.make(&["projects"]).json_of(&body);
        self.ask(&[self.scope(Right::WriteProjects, None)], request, Again::Safely).await
    }

    async fn projects(&self, after: Option<&ProjectId>, limit: u32) -> Result<Page<ProjectRow>, Failure> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(after.map(|after| ("after", after.to_string())));
        let scope = [self.scope(Right::ReadProjects, None)];
        let page: Page<ProjectRow> = self.ask(&scope, self.get(&["projects"], &query), Again::Safely).await?;
        Ok(page.named(|last| last.project.to_string()))
    }

    async fn project(&self, id: &ProjectId) -> Result<ProjectWhole, Failure> {
        self.read_project(id, Right::ReadProjects).await
    }

    async fn edit_project(&self, id: &ProjectId, patch: ProjectPatch) -> Result<Done, Failure> {
        let request = self.to(Method::PATCH, &["projects", id.as_str()]).json_of(&json!(patch));
        self.edit(id, request, None).await
    }

    async fn scopes(&self, project: &ProjectId) -> Result<Vec<ScopeRow>, Failure> {
        self.list_scopes(project, Right::ReadProjects).await
    }

    async fn set_scope(
        &self,
        project: &ProjectId,
        scope: &Scope,
        patch: ScopePatch,
    ) -> Result<Done, Failure> {
        // First: with what is read after it, what was seen is rather too old than too young.
        let seen = self.read_project(project, Right::WriteProjects).await?.row.position;
        let known = self.list_scopes(project, Right::WriteProjects).await?;
        let before = known.into_iter().find(|known| known.scope == *scope).map(|known| CatalogueScope {
            description: known.description,
            includes: known.includes.into_iter().collect(),
        });
        let entry = patch.over(before.unwrap_or_default());
        let includes: Vec<_> = entry.includes.iter().collect();
        let body: Value = json!({ "description": entry.description, "includes": includes });
        let path = ["projects", project.as_str(), "scopes", scope.as_str()];
        let request = self.to(Method::PUT, &path).json_of(&body);
        self.edit(project, request, Some(&format!("\"{seen}\""))).await
    }

    async fn remove_scope(&self, project: &ProjectId, scope: &Scope) -> Result<Done, Failure> {
        let path = ["projects", project.as_str(), "scopes", scope.as_str()];
        self.edit(project, self.to(Method::DELETE, &path), None).await
    }

    async fn audiences(&self, project: &ProjectId) -> Result<Vec<AudienceRow>, Failure> {
        let request = self.get(&["projects", project.as_str(), "audiences"], &[]);
        let scope = [self.scope(Right::ReadProjects, Some(project))];
        let page: Page<AudienceRow> = self.ask(&scope, request, Again::Safely).await?;
        Ok(page.items)
    }

    async fn add_audience(&self, project: &ProjectId, audience: &Audience) -> Result<Done, Failure> {
        let path = ["projects", project.as_str(), "audiences", audience.as_str()];
        self.edit(project, self.to(Method::PUT, &path), None).await
    }

    async fn remove_audience(&self, project: &ProjectId, audience: &Audience) -> Result<Done, Failure> {
        let path = ["projects", project.as_str(), "audiences", audience.as_str()];
        self.edit(project, self.to(Method::DELETE, &path), None).await
    }
}

//! The acts on projects: making them, their scope catalogues, their audiences.

use std::num::NonZeroU32;

use serde_json::{Value, json};

use super::acts::{Acts, Done, Error, Made};
use crate::domain::api_key::check_name;
use crate::domain::audit::Act;
use crate::domain::authority::Right;
use crate::domain::edit::{ProjectChange, ProjectEdit};
use crate::domain::feed::{Changed, FeedDraft};
use crate::domain::grant::is_of_issuer;
use crate::domain::once::Once;
use crate::domain::{
    Audience, CatalogueScope, OnLeak, Position, Project, ProjectId, ProjectKind, ProjectPatch, Scope,
    SigningAlgorithm, base62,
};
use crate::store::{Error as StoreError, NewProject};

impl Acts {
    /// Makes a project without limits.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_project(&self, name: &str, kind: ProjectKind) -> Result<Project, Error> {
        self.create_limited_project(name, kind, None).await
    }

    /// Makes a project of which so many tokens may live.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_limited_project(
        &self,
        name: &str,
        kind: ProjectKind,
        live_tokens: Option<NonZeroU32>,
    ) -> Result<Project, Error> {
        self.authority.check(Right::WriteProjects, None)?;
        check_name(name)?;
        let id = format!("prj_{}", base62::encode::<16>(&self.entropy.bytes::<16>()));
        let id: ProjectId = id.parse().expect("base62 and an underscore are a well-formed project id");
        let at = self.clock.now();
        let mut project = Project {
            id,
            kind,
            name: name.to_owned(),
            algorithm: SigningAlgorithm::default(),
            live_tokens,
            raw_keys: false,
            on_leak: OnLeak::default(),
            created_at: at,
            changed: Position::START,
        };
        let feed = FeedDraft::changed(Changed::Project { project: project.id.clone() }, self.tag());
        let detail = json!({ "name": name, "kind": kind, "live_tokens": live_tokens });
        let audit = self.audit(Act::CreateProject, Some(&project.id), project.id.as_str(), detail);
        let once = self.once(&Made::Project(&project, &self.issuer));
        let new = NewProject { project: project.clone(), feed, audit, once };
        project.changed = self.store.create_project(&new).await?;
        self.tell(&new.feed, at, project.changed);
        Ok(project)
    }

    /// Defines a scope of a project's catalogue, or replaces its definition.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_scope(
        &self,
        project: &ProjectId,
        scope: Scope,
        entry: CatalogueScope,
    ) -> Result<Done, Error> {
        entry.check(&scope)?;
        let detail = json!({ "description": entry.description, "includes": entry.includes });
        let target = scope.to_string();
        self.change_project(project, ProjectEdit::SetScope(scope, entry), target, detail).await
    }

    /// Takes a scope out of a project's catalogue.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_scope(&self, project: &ProjectId, scope: Scope) -> Result<Done, Error> {
        let target = scope.to_string();
        self.change_project(project, ProjectEdit::RemoveScope(scope), target, json!({})).await
    }

    /// Gives a project an audience.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_audience(&self, project: &ProjectId, audience: Audience) -> Result<Done, Error> {
        if is_of_issuer(&audience, &self.issuer) {
            return Err(Error::OwnAudience);
        }
        let target = audience.to_string();
        self.change_project(project, ProjectEdit::AddAudience(audience), target, json!({})).await
    }

    /// Takes an audience from a project.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_audience(&self, project: &ProjectId, audience: Audience) -> Result<Done, Error> {
        let target = audience.to_string();
        self.change_project(project, ProjectEdit::RemoveAudience(audience), target, json!({})).await
    }

    /// Changes what a project is called, how its tokens are signed, how many of them may live, whether its
    /// API keys themselves pass, and what becomes of those that leak: what is named, at once or not at all.
    ///
    /// A first signing key of another algorithm is announced; until it signs, tokens are signed as before.
    /// Tokens that are out live on under a new limit, and count. To let API keys pass no longer narrows,
    /// and ends the project's tokens as well.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn edit_project(&self, id: &ProjectId, patch: ProjectPatch) -> Result<Done, Error> {
        if let Some(name) = &patch.name {
            check_name(name)?;
        }
        let project = self.project_to_change(id, Right::WriteProjects).await?;
        if let Some(algorithm) = patch.algorithm {
            self.announce_first(algorithm).await?;
        }
        let mut detail = json!(patch);
        detail["was"] = json!(patch.before(&project));
        self.commit_project(project, ProjectEdit::Patch(patch), (id.as_str(), detail), None).await
    }

    pub(super) async fn change_project(
        &self,
        id: &ProjectId,
        edit: ProjectEdit,
        target: String,
        detail: Value,
    ) -> Result<Done, Error> {
        let project = self.project_to_change(id, edit.right()).await?;
        self.commit_project(project, edit, (&target, detail), None).await
    }

    /// A project that whoever acts may change, and has seen as it is if they said so.
    async fn project_to_change(&self, id: &ProjectId, right: Right) -> Result<Project, Error> {
        self.authority.check(right, Some(id))?;
        if id.as_str() == ProjectId::ADMINISTRATION {
            return Err(Error::BuiltIn);
        }
        let project = self.store.project(id).await?.ok_or(StoreError::Missing("project"))?;
        if self.expecting.is_some_and(|expected| expected != project.changed) {
            return Err(StoreError::Conflict.into());
        }
        Ok(project)
    }

    /// Carries out an edit of a project that was decided on this state of it.
    pub(super) async fn commit_project(
        &self,
        project: Project,
        edit: ProjectEdit,
        (target, detail): (&str, Value),
        once: Option<Once>,
    ) -> Result<Done, Error> {
        let id = project.id.clone();
        let catalogue = self.store.catalogue(&id).await?;
        let narrowed = edit.is_narrowing(&project, &catalogue);
        let feed = edit.feed(&project, &catalogue, self.tag());
        let audit = self.audit(edit.act(), Some(&id), target, detail);
        let change = ProjectChange { project, edit, feed, audit, once };
        let position = self.store.change_project(&change).await?;
        self.tell(&change.feed, change.audit.at, position);
        Ok(Done { project: id, position, narrowed })
    }
}

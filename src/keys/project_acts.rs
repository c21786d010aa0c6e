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
    Audience, CatalogueScope, OnLeak, Position, Project, ProjectId, ProjectKind, Scope, SigningAlgorithm,
    base62,
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

    /// Sets how many of a project's tokens may live at once, or lifts the limit. Tokens that are out
    /// live on, and count.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_live_tokens(
        &self,
        project: &ProjectId,
        limit: Option<NonZeroU32>,
    ) -> Result<Done, Error> {
        let detail = json!({ "live_tokens": limit });
        self.change_project(project, ProjectEdit::SetLiveTokens(limit), project.to_string(), detail).await
    }

    /// Lets a project's API keys themselves pass where its tokens do, or no longer; the latter
    /// narrows, and ends its tokens as well.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_raw_keys(&self, project: &ProjectId, allowed: bool) -> Result<Done, Error> {
        let detail = json!({ "raw_keys": allowed });
        self.change_project(project, ProjectEdit::SetRawKeys(allowed), project.to_string(), detail).await
    }

    /// Chooses what becomes of a project's keys when their secrets are reported as leaked.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_on_leak(&self, project: &ProjectId, policy: OnLeak) -> Result<Done, Error> {
        let detail = json!({ "on_leak": policy });
        self.change_project(project, ProjectEdit::SetOnLeak(policy), project.to_string(), detail).await
    }

    pub(super) async fn change_project(
        &self,
        id: &ProjectId,
        edit: ProjectEdit,
        target: String,
        detail: Value,
    ) -> Result<Done, Error> {
        self.authority.check(edit.right(), Some(id))?;
        if id.as_str() == ProjectId::ADMINISTRATION {
            return Err(Error::BuiltIn);
        }
        let project = self.store.project(id).await?.ok_or(StoreError::Missing("project"))?;
        if self.expecting.is_some_and(|expected| expected != project.changed) {
            return Err(StoreError::Conflict.into());
        }
        self.commit_project(project, edit, (&target, detail), None).await
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

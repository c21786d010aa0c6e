//! The acts on roles. A role is permissions of keys, so whoever may write keys may edit it, in the project of
//! administrators too; but nobody gives by it what they do not hold themselves (threat S16).

use serde_json::{Value, json};

use super::acts::{Acts, Done, Error, Made, Why, explained};
use crate::domain::audit::Actor;
use crate::domain::authority::Right;
use crate::domain::edit::ProjectEdit;
use crate::domain::once::Once;
use crate::domain::{KeyDetails, Project, ProjectId, Role, RoleDetails, RoleName, ScopeSet, Timestamp};
use crate::store::{Error as StoreError, Lookup};

impl Acts {
    /// Makes a role, which no key has yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_role(
        &self,
        project: &ProjectId,
        name: RoleName,
        details: RoleDetails,
    ) -> Result<Role, Error> {
        details.check(project)?;
        let project = self.project_of_roles(project).await?;
        let role = Role { name, details, created_at: self.clock.now(), changed: project.changed };
        let once = self.once(&Made::Role(&project.id, &role));
        let edit = ProjectEdit::CreateRole(role.clone());
        let detail = described(&role.details);
        let done = self.commit_role(project, edit, (role.name.as_str(), detail), once).await?;
        Ok(Role { changed: done.position, ..role })
    }

    /// Replaces a role by what `edit` makes of it, for all keys that have it.
    ///
    /// # Errors
    /// See [`Error`]; [`StoreError::Conflict`] if somebody edited the project meanwhile.
    pub async fn edit_role(
        &self,
        project: &ProjectId,
        name: &RoleName,
        edit: impl FnOnce(RoleDetails) -> RoleDetails + Send,
        why: &Why,
    ) -> Result<Done, Error> {
        let (project, role) = self.seen_role(project, name).await?;
        let details = edit(role.details.clone());
        details.check(&project.id)?;
        let mut detail = described(&details);
        detail["was"] = described(&role.details);
        let edit = ProjectEdit::EditRole { role, details };
        self.commit_role(project, edit, (name.as_str(), explained(detail, why)), None).await
    }

    /// Deletes a role, which no key may have any more.
    ///
    /// # Errors
    /// See [`Error`]; [`StoreError::InUse`] while keys have it.
    pub async fn delete_role(&self, project: &ProjectId, name: &RoleName, why: &Why) -> Result<Done, Error> {
        let (project, role) = self.seen_role(project, name).await?;
        let detail = json!({ "was": described(&role.details) });
        let edit = ProjectEdit::DeleteRole(name.clone());
        self.commit_role(project, edit, (name.as_str(), explained(detail, why)), None).await
    }

    /// What the role permits that these details name.
    pub(super) async fn permitted_by_role(
        &self,
        project: &ProjectId,
        details: &KeyDetails,
    ) -> Result<ScopeSet, Error> {
        let Some(name) = &details.role else { return Ok(ScopeSet::default()) };
        let role = self.store.role(project, name).await?;
        Ok(role.ok_or(StoreError::Missing("role"))?.details.permissions)
    }

    /// The project first: whatever is read after it and does not go with it makes the commit a conflict.
    async fn project_of_roles(&self, id: &ProjectId) -> Result<Project, Error> {
        self.authority.check(Right::WriteKeys, Some(id))?;
        Ok(self.store.project(id).await?.ok_or(StoreError::Missing("project"))?)
    }

    /// A role as it is, which must be as whoever acts has seen it, if that matters.
    async fn seen_role(&self, id: &ProjectId, name: &RoleName) -> Result<(Project, Role), Error> {
        let project = self.project_of_roles(id).await?;
        let role = self.store.role(id, name).await?.ok_or(StoreError::Missing("role"))?;
        if self.expecting.is_some_and(|expected| expected != role.changed) {
            return Err(StoreError::Conflict.into());
        }
        Ok((project, role))
    }

    async fn commit_role(
        &self,
        project: Project,
        edit: ProjectEdit,
        told: (&str, Value),
        once: Option<Once>,
    ) -> Result<Done, Error> {
        self.authority.check(edit.right(), Some(&project.id))?;
        if project.id.as_str() == ProjectId::ADMINISTRATION
            && let Some(permissions) = edit.gives_to_role()
        {
            self.authority.check_role(permissions, self.own_end().await?)?;
        }
        self.commit_project(project, edit, told, once).await
    }

    /// When the key of whoever acts ends.
    pub(super) async fn own_end(&self) -> Result<Option<Timestamp>, Error> {
        let Actor::Key(own) = &self.actor else { return Ok(None) };
        let own = self.store.key_part(&Lookup::Id(own.clone())).await?.value;
        Ok(own.ok_or(StoreError::Missing("API key"))?.key.details.expires_at)
    }
}

/// A role's details, for the audit log.
fn described(details: &RoleDetails) -> Value {
    json!({ "description": details.description, "permissions": details.permissions })
}

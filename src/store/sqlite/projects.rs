//! Projects, their catalogues and audiences.

use std::num::NonZeroU32;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::edit::{ProjectChange, ProjectEdit};
use crate::domain::{
    Audience, Catalogue, CatalogueScope, OnLeak, Position, Project, ProjectId, ProjectPatch, Scope,
    SigningAlgorithm, Timestamp,
};
use crate::store::error::Error;
use crate::store::rows::{self, CatalogueRow, ProjectRow};
use crate::store::{NewProject, Projects};

use super::publish::conclude;
use super::{SqliteStore, creations, live_tokens, roles};

#[async_trait]
impl Projects for SqliteStore {
    async fn create_project(&self, new: &NewProject) -> Result<Position, Error> {
        let mut transaction = self.write().await?;
        insert(&mut transaction, &new.project).await?;
        let position = conclude(&mut transaction, &new.audit, &new.feed).await?;
        set_changed(&mut transaction, &new.project.id, position).await?;
        creations::record(&mut transaction, new.once.as_ref(), position, new.audit.at).await?;
        transaction.commit().await?;
        Ok(position)
    }

    async fn project(&self, id: &ProjectId) -> Result<Option<Project>, Error> {
        project(&mut *self.read().await?, id).await
    }

    async fn projects(&self, after: Option<&ProjectId>, limit: u32) -> Result<Vec<Project>, Error> {
        let rows: Vec<ProjectRow> = sqlx::query_as(
            "SELECT id, kind, name, algorithm, live_tokens, raw_keys, on_leak, created_at, changed \
             FROM projects WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after.map_or("", ProjectId::as_str))
        .bind(limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(Project::try_from).collect()
    }

    async fn catalogue(&self, project: &ProjectId) -> Result<Catalogue, Error> {
        catalogue(&mut *self.read().await?, project).await
    }

    async fn audiences(&self, project: &ProjectId) -> Result<Vec<Audience>, Error> {
        audiences(&mut *self.read().await?, project).await
    }

    async fn change_project(&self, change: &ProjectChange) -> Result<Position, Error> {
        let project = &change.project.id;
        let mut transaction = self.write().await?;
        expect_unchanged(&mut transaction, project, change.project.changed).await?;
        edit(&mut transaction, project, &change.edit, change.audit.at).await?;
        let position = conclude(&mut transaction, &change.audit, &change.feed).await?;
        set_changed(&mut transaction, project, position).await?;
        if let Some(role) = change.edit.role() {
            roles::set_changed(&mut transaction, (project, role), position).await?;
        }
        creations::record(&mut transaction, change.once.as_ref(), position, change.audit.at).await?;
        transaction.commit().await?;
        Ok(position)
    }
}

pub(super) async fn project(
    connection: &mut SqliteConnection,
    id: &ProjectId,
) -> Result<Option<Project>, Error> {
    let row: Option<ProjectRow> = sqlx::query_as(
        "SELECT id, kind, name, algorithm, live_tokens, raw_keys, on_leak, created_at, changed FROM projects WHERE id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(Project::try_from).transpose()
}

pub(super) async fn catalogue(
    connection: &mut SqliteConnection,
    project: &ProjectId,
) -> Result<Catalogue, Error> {
    let scopes: Vec<CatalogueRow> = sqlx::query_as(
        "SELECT s.scope, s.description, i.included \
         FROM scopes AS s LEFT JOIN scope_includes AS i ON i.project = s.project AND i.scope = s.scope \
         WHERE s.project = $1",
    )
    .bind(project.as_str())
    .fetch_all(connection)
    .await?;
    rows::catalogue(project, scopes)
}

pub(super) async fn audiences(
    connection: &mut SqliteConnection,
    project: &ProjectId,
) -> Result<Vec<Audience>, Error> {
    let audiences: Vec<String> =
        sqlx::query_scalar("SELECT audience FROM audiences WHERE project = $1 ORDER BY audience")
            .bind(project.as_str())
            .fetch_all(connection)
            .await?;
    audiences.iter().map(|raw| rows::audience(raw)).collect()
}

/// Writes the row; its `changed` is set once the position is known.
pub(super) async fn insert(connection: &mut SqliteConnection, project: &Project) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO projects (id, kind, name, algorithm, live_tokens, raw_keys, on_leak, created_at, changed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
    )
    .bind(project.id.as_str())
    .bind(project.kind.as_str())
    .bind(&project.name)
    .bind(project.algorithm.as_str())
    .bind(project.live_tokens.map(NonZeroU32::get))
    .bind(project.raw_keys)
    .bind(project.on_leak.as_str())
    .bind(project.created_at.millis())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn set_changed(
    connection: &mut SqliteConnection,
    id: &ProjectId,
    position: Position,
) -> Result<(), Error> {
    sqlx::query("UPDATE projects SET changed = $2 WHERE id = $1")
        .bind(id.as_str())
        .bind(rows::stored(position))
        .execute(connection)
        .await?;
    Ok(())
}

async fn expect_unchanged(
    connection: &mut SqliteConnection,
    id: &ProjectId,
    expected: Position,
) -> Result<(), Error> {
    let changed: Option<i64> = sqlx::query_scalar("SELECT changed FROM projects WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    rows::expect_project(changed, Some(expected))
}

async fn edit(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    edit: &ProjectEdit,
    at: Timestamp,
) -> Result<(), Error> {
    match edit {
        ProjectEdit::SetScope(scope, entry) => set_scope(connection, project, (scope, entry), at).await,
        ProjectEdit::RemoveScope(scope) => remove_scope(connection, project, scope).await,
        ProjectEdit::AddAudience(audience) => add_audience(connection, project, audience, at).await,
        ProjectEdit::RemoveAudience(audience) => remove_audience(connection, project, audience).await,
        ProjectEdit::Patch(patch) => apply(connection, project, patch, at).await,
        ProjectEdit::CreateRole(role) => roles::insert(connection, project, role).await,
        ProjectEdit::EditRole { role, details } => {
            roles::replace(connection, project, (&role.name, details)).await
        }
        ProjectEdit::DeleteRole(name) => roles::delete(connection, project, name).await,
    }
}

async fn set_scope(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    (scope, entry): (&Scope, &CatalogueScope),
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO scopes (project, scope, description, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (project, scope) DO UPDATE SET description = excluded.description",
    )
    .bind(project.as_str())
    .bind(scope.as_str())
    .bind(&entry.description)
    .bind(at.millis())
    .execute(&mut *connection)
    .await?;
    drop_includes(connection, project, scope).await?;
    for included in entry.includes.iter() {
        sqlx::query("INSERT INTO scope_includes (project, scope, included) VALUES ($1, $2, $3)")
            .bind(project.as_str())
            .bind(scope.as_str())
            .bind(included.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn remove_scope(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    scope: &Scope,
) -> Result<(), Error> {
    drop_includes(connection, project, scope).await?;
    let removed = sqlx::query("DELETE FROM scopes WHERE project = $1 AND scope = $2")
        .bind(project.as_str())
        .bind(scope.as_str())
        .execute(connection)
        .await?;
    if removed.rows_affected() == 0 { Err(Error::Missing("scope")) } else { Ok(()) }
}

async fn drop_includes(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    scope: &Scope,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM scope_includes WHERE project = $1 AND scope = $2")
        .bind(project.as_str())
        .bind(scope.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn add_audience(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    audience: &Audience,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO audiences (audience, project, created_at) VALUES ($1, $2, $3)")
        .bind(audience.as_str())
        .bind(project.as_str())
        .bind(at.millis())
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove_audience(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    audience: &Audience,
) -> Result<(), Error> {
    let removed = sqlx::query("DELETE FROM audiences WHERE audience = $1 AND project = $2")
        .bind(audience.as_str())
        .bind(project.as_str())
        .execute(connection)
        .await?;
    if removed.rows_affected() == 0 { Err(Error::Missing("audience")) } else { Ok(()) }
}

async fn apply(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    patch: &ProjectPatch,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE projects SET name = coalesce($2, name), algorithm = coalesce($3, algorithm), \
         raw_keys = coalesce($4, raw_keys), on_leak = coalesce($5, on_leak) WHERE id = $1",
    )
    .bind(project.as_str())
    .bind(&patch.name)
    .bind(patch.algorithm.map(SigningAlgorithm::as_str))
    .bind(patch.raw_keys)
    .bind(patch.on_leak.map(OnLeak::as_str))
    .execute(&mut *connection)
    .await?;
    match patch.live_tokens {
        Some(limit) => live_tokens::limit_project(connection, project, limit, at).await,
        None => Ok(()),
    }
}

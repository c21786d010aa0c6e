//! Roles.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::{Position, ProjectId, Role, RoleDetails, RoleName};
use crate::store::Roles;
use crate::store::error::Error;
use crate::store::rows::{self, RoleRow};

use super::SqliteStore;

#[async_trait]
impl Roles for SqliteStore {
    async fn role(&self, project: &ProjectId, name: &RoleName) -> Result<Option<Role>, Error> {
        let row: Option<RoleRow> = sqlx::query_as(
            "SELECT project, name, description, permissions, created_at, changed \
             FROM roles WHERE project = $1 AND name = $2",
        )
        .bind(project.as_str())
        .bind(name.as_str())
        .fetch_optional(&mut *self.read().await?)
        .await?;
        row.map(Role::try_from).transpose()
    }

    async fn roles(
        &self,
        project: &ProjectId,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Vec<Role>, Error> {
        let rows: Vec<RoleRow> = sqlx::query_as(
            "SELECT project, name, description, permissions, created_at, changed \
             FROM roles WHERE project = $1 AND name > $2 ORDER BY name LIMIT $3",
        )
        .bind(project.as_str())
        .bind(after.map_or("", RoleName::as_str))
        .bind(limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(Role::try_from).collect()
    }

    async fn keys_with_role(&self, project: &ProjectId, name: &RoleName) -> Result<u64, Error> {
        keys_with(&mut *self.read().await?, project, name).await
    }
}

/// Writes the row; its `changed` is set once the position is known.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    role: &Role,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO roles (project, name, description, permissions, created_at, changed) \
         VALUES ($1, $2, $3, $4, $5, 0)",
    )
    .bind(project.as_str())
    .bind(role.name.as_str())
    .bind(&role.details.description)
    .bind(role.details.permissions.to_string())
    .bind(role.created_at.millis())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn replace(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    (name, role): (&RoleName, &RoleDetails),
) -> Result<(), Error> {
    let replaced =
        sqlx::query("UPDATE roles SET description = $3, permissions = $4 WHERE project = $1 AND name = $2")
            .bind(project.as_str())
            .bind(name.as_str())
            .bind(&role.description)
            .bind(role.permissions.to_string())
            .execute(connection)
            .await?;
    if replaced.rows_affected() == 0 { Err(Error::Missing("role")) } else { Ok(()) }
}

/// A deleted key keeps its row, but not the role's: it is worth nothing with it.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    name: &RoleName,
) -> Result<(), Error> {
    let keys = keys_with(connection, project, name).await?;
    if keys > 0 {
        return Err(Error::InUse { what: "role", keys });
    }
    sqlx::query("UPDATE api_keys SET role = NULL WHERE project = $1 AND role = $2")
        .bind(project.as_str())
        .bind(name.as_str())
        .execute(&mut *connection)
        .await?;
    let deleted = sqlx::query("DELETE FROM roles WHERE project = $1 AND name = $2")
        .bind(project.as_str())
        .bind(name.as_str())
        .execute(connection)
        .await?;
    if deleted.rows_affected() == 0 { Err(Error::Missing("role")) } else { Ok(()) }
}

pub(super) async fn set_changed(
    connection: &mut SqliteConnection,
    (project, name): (&ProjectId, &RoleName),
    position: Position,
) -> Result<(), Error> {
    sqlx::query("UPDATE roles SET changed = $3 WHERE project = $1 AND name = $2")
        .bind(project.as_str())
        .bind(name.as_str())
        .bind(rows::stored(position))
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether the role is there that a key is to have. The foreign key would notice as well, but does not say
/// that it is this one.
pub(super) async fn expect(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    name: Option<&RoleName>,
) -> Result<(), Error> {
    let Some(name) = name else { return Ok(()) };
    let role: Option<i64> = sqlx::query_scalar("SELECT 1 FROM roles WHERE project = $1 AND name = $2")
        .bind(project.as_str())
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    role.map(drop).ok_or(Error::Missing("role"))
}

async fn keys_with(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    name: &RoleName,
) -> Result<u64, Error> {
    let keys: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM api_keys WHERE project = $1 AND role = $2 AND state <> 'deleted'",
    )
    .bind(project.as_str())
    .bind(name.as_str())
    .fetch_one(connection)
    .await?;
    rows::keys_with_role(keys)
}

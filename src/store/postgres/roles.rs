//! Roles.

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::domain::{Position, ProjectId, Role, RoleDetails, RoleName};
use crate::store::Roles;
use crate::store::error::Error;
use crate::store::rows::{self, RoleRow};

use super::PostgresStore;

#[async_trait]
impl Roles for PostgresStore {
    async fn role(&self, project: &ProjectId, name: &RoleName) -> Result<Option<Role>, Error> {
        let mut work = self.one_read().await?;
        let row: Option<RoleRow> = sqlx::query_as(
            "SELECT project, name, description, permissions, created_at, changed \
             FROM roles WHERE project = $1 AND name = $2",
        )
        .bind(project.as_str())
        .bind(name.as_str())
        .fetch_optional(&mut *work)
        .await?;
        work.commit().await?;
        row.map(Role::try_from).transpose()
    }

    async fn roles(
        &self,
        project: &ProjectId,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Vec<Role>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<RoleRow> = sqlx::query_as(
            "SELECT project, name, description, permissions, created_at, changed \
             FROM roles WHERE project = $1 AND name > $2 ORDER BY name LIMIT $3",
        )
        .bind(project.as_str())
        .bind(after.map_or("", RoleName::as_str))
        .bind(i64::from(limit))
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(Role::try_from).collect()
    }

    async fn keys_with_role(&self, project: &ProjectId, name: &RoleName) -> Result<u64, Error> {
        let mut work = self.one_read().await?;
        let keys = keys_with(&mut work, project, name).await?;
        work.commit().await?;
        Ok(keys)
    }
}

/// Writes the row; its `changed` is set once the position is known.
pub(super) async fn insert(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
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

/// A deleted key keeps its row, but not the role's: it is worth nothing with it. The role is locked first: a key
/// that is being made with it is waited for, and counts.
pub(super) async fn delete(
    connection: &mut PgConnection,
    project: &ProjectId,
    name: &RoleName,
) -> Result<(), Error> {
    let role: Option<String> =
        sqlx::query_scalar("SELECT name FROM roles WHERE project = $1 AND name = $2 FOR UPDATE")
            .bind(project.as_str())
            .bind(name.as_str())
            .fetch_optional(&mut *connection)
            .await?;
    role.ok_or(Error::Missing("role"))?;
    let keys = keys_with(connection, project, name).await?;
    if keys > 0 {
        return Err(Error::InUse { what: "role", keys });
    }
    sqlx::query("UPDATE api_keys SET role = NULL WHERE project = $1 AND role = $2")
        .bind(project.as_str())
        .bind(name.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM roles WHERE project = $1 AND name = $2")
        .bind(project.as_str())
        .bind(name.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn set_changed(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
    project: &ProjectId,
    name: Option<&RoleName>,
) -> Result<(), Error> {
    let Some(name) = name else { return Ok(()) };
    let role: Option<String> = sqlx::query_scalar("SELECT name FROM roles WHERE project = $1 AND name = $2")
        .bind(project.as_str())
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    role.map(drop).ok_or(Error::Missing("role"))
}

async fn keys_with(
    connection: &mut PgConnection,
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

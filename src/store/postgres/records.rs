//! What a key's decision reads.

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::domain::grant::{KeyPart, MintRecord, ProjectPart};
use crate::domain::{ApiKey, KeyId, Position, ProjectId, StoredSecret};
use crate::store::error::Error;
use crate::store::rows::{self, KeyRow, SecretRow};
use crate::store::{Lookup, Records, Snapshot};

use super::{PostgresStore, projects};

#[async_trait]
impl Records for PostgresStore {
    async fn mint_record(&self, by: &Lookup) -> Result<Snapshot<Option<MintRecord>>, Error> {
        let mut work = self.read().await?;
        let position = counter(&mut work).await?;
        let value = match key_part(&mut work, by).await? {
            Some(key) => {
                let part = project_part(&mut work, &key.key.project).await?;
                Some(MintRecord::of(key, part.ok_or(Error::Missing("project"))?, position))
            }
            None => None,
        };
        work.commit().await?;
        Ok(Snapshot { position, value })
    }

    async fn key_part(&self, by: &Lookup) -> Result<Snapshot<Option<KeyPart>>, Error> {
        let mut work = self.read().await?;
        let position = counter(&mut work).await?;
        let value = key_part(&mut work, by).await?;
        work.commit().await?;
        Ok(Snapshot { position, value })
    }

    async fn project_part(&self, project: &ProjectId) -> Result<Option<ProjectPart>, Error> {
        let mut work = self.read().await?;
        let part = project_part(&mut work, project).await?;
        work.commit().await?;
        Ok(part)
    }

    async fn position(&self) -> Result<Position, Error> {
        let mut work = self.one_read().await?;
        let position = counter(&mut work).await?;
        work.commit().await?;
        Ok(position)
    }
}

/// The feed counter; never the newest entry's position, which may lag behind it.
pub(super) async fn counter(connection: &mut PgConnection) -> Result<Position, Error> {
    let position: Option<i64> = sqlx::query_scalar("SELECT position FROM feed_counter WHERE id = 1")
        .fetch_optional(connection)
        .await?;
    rows::counter(position.ok_or(Error::Missing("installation"))?)
}

async fn key(connection: &mut PgConnection, by: &Lookup) -> Result<Option<ApiKey>, Error> {
    let (id, digest) = match by {
        Lookup::Id(id) => (Some(id.as_str()), None),
        Lookup::Digest(digest) => (None, Some(digest.as_bytes().as_slice())),
    };
    let row: Option<KeyRow> = sqlx::query_as(
        "SELECT id, project, name, state, permissions, allowlist, audiences, token_lifetime, \
         require_scope, auth_methods, live_tokens, created_at, expires_at, changed \
         FROM api_keys WHERE id = coalesce($1, (SELECT key FROM api_key_secrets WHERE digest = $2))",
    )
    .bind(id)
    .bind(digest)
    .fetch_optional(connection)
    .await?;
    row.map(ApiKey::try_from).transpose()
}

async fn key_part(connection: &mut PgConnection, by: &Lookup) -> Result<Option<KeyPart>, Error> {
    let Some(key) = key(connection, by).await? else { return Ok(None) };
    let project_changed: i64 = sqlx::query_scalar("SELECT changed FROM projects WHERE id = $1")
        .bind(key.project.as_str())
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(Error::Missing("project"))?;
    let secrets = secrets(connection, &key.id).await?;
    let project_changed = rows::project_changed(&key.project, project_changed)?;
    Ok(Some(KeyPart { key, secrets, project_changed }))
}

async fn project_part(connection: &mut PgConnection, id: &ProjectId) -> Result<Option<ProjectPart>, Error> {
    let Some(project) = projects::project(connection, id).await? else { return Ok(None) };
    let catalogue = projects::catalogue(connection, id).await?;
    let audiences = projects::audiences(connection, id).await?;
    Ok(Some(ProjectPart::new(project, catalogue, audiences)))
}

async fn secrets(connection: &mut PgConnection, key: &KeyId) -> Result<Vec<StoredSecret>, Error> {
    let rows: Vec<SecretRow> = sqlx::query_as(
        "SELECT id, digest, created_at, expires_at, last_used_at, last_used_from \
         FROM api_key_secrets WHERE key = $1 ORDER BY id",
    )
    .bind(key.as_str())
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(StoredSecret::try_from).collect()
}

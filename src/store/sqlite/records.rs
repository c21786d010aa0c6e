//! What a key's decision reads.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::grant::{KeyPart, MintRecord, ProjectPart};
use crate::domain::{Position, ProjectId};
use crate::store::error::Error;
use crate::store::rows;
use crate::store::{Lookup, Records, Snapshot};

use super::{SqliteStore, projects};

#[async_trait]
impl Records for SqliteStore {
    async fn mint_record(&self, by: &Lookup) -> Result<Snapshot<Option<MintRecord>>, Error> {
        let mut transaction = self.read().await?;
        let Snapshot { position, value } = key_part(&mut transaction, by).await?;
        let value = match value {
            Some(key) => {
                let part = project_part(&mut transaction, &key.key.project).await?;
                Some(MintRecord::of(key, part.ok_or(Error::Missing("project"))?, position))
            }
            None => None,
        };
        Ok(Snapshot { position, value })
    }

    async fn key_part(&self, by: &Lookup) -> Result<Snapshot<Option<KeyPart>>, Error> {
        let mut read = self.one_read().await?;
        let part = key_part(&mut read, by).await?;
        read.done();
        Ok(part)
    }

    async fn project_part(&self, project: &ProjectId) -> Result<Option<ProjectPart>, Error> {
        project_part(&mut *self.read().await?, project).await
    }

    async fn position(&self) -> Result<Position, Error> {
        let mut read = self.one_read().await?;
        let position = counter(&mut read).await?;
        read.done();
        Ok(position)
    }
}

/// The feed counter; never the newest entry's position, which may lag behind it.
pub(super) async fn counter(connection: &mut SqliteConnection) -> Result<Position, Error> {
    let position: Option<i64> = sqlx::query_scalar("SELECT position FROM feed_counter WHERE id = 1")
        .fetch_optional(connection)
        .await?;
    rows::counter(position.ok_or(Error::Missing("installation"))?)
}

/// The feed counter, the key, what its role permits, the position of its project's last entry, and the key's
/// secrets: one statement, so one snapshot. A row for each secret, one if there is none, and one of the counter
/// alone if there is no such key.
async fn key_part(
    connection: &mut SqliteConnection,
    by: &Lookup,
) -> Result<Snapshot<Option<KeyPart>>, Error> {
    let (id, digest) = match by {
        Lookup::Id(id) => (Some(id.as_str()), None),
        Lookup::Digest(digest) => (None, Some(digest.as_bytes().as_slice())),
    };
    let rows = sqlx::query(
        "SELECT c.position, k.id, k.project, k.name, k.state, k.permissions, k.role, k.allowlist, \
           k.audiences, k.token_lifetime, k.require_scope, k.auth_methods, k.live_tokens, k.created_at, k.expires_at, \
           k.changed, p.changed AS project_changed, r.permissions AS role_permissions, \
           s.id AS secret, s.digest, s.created_at AS secret_created_at, s.expires_at AS secret_expires_at, \
           s.last_used_at, s.last_used_from \
         FROM feed_counter AS c \
           LEFT JOIN api_keys AS k \
             ON k.id = coalesce($1, (SELECT key FROM api_key_secrets WHERE digest = $2)) \
           LEFT JOIN projects AS p ON p.id = k.project \
           LEFT JOIN roles AS r ON r.project = k.project AND r.name = k.role \
           LEFT JOIN api_key_secrets AS s ON s.key = k.id \
         WHERE c.id = 1 ORDER BY s.id",
    )
    .bind(id)
    .bind(digest)
    .fetch_all(connection)
    .await?;
    rows::key_part(&rows)
}

async fn project_part(
    connection: &mut SqliteConnection,
    id: &ProjectId,
) -> Result<Option<ProjectPart>, Error> {
    let Some(project) = projects::project(connection, id).await? else { return Ok(None) };
    let catalogue = projects::catalogue(connection, id).await?;
    let audiences = projects::audiences(connection, id).await?;
    Ok(Some(ProjectPart::new(project, catalogue, audiences)))
}

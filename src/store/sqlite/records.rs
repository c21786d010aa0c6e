//! What a key's decision reads.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::grant::MintRecord;
use crate::domain::{ApiKey, KeyId, Position, StoredSecret};
use crate::store::error::Error;
use crate::store::rows::{self, KeyRow, SecretRow};
use crate::store::{Lookup, Records, Snapshot};

use super::{SqliteStore, projects};

#[async_trait]
impl Records for SqliteStore {
    async fn mint_record(&self, by: &Lookup) -> Result<Snapshot<Option<MintRecord>>, Error> {
        let mut transaction = self.read().await?;
        let position = counter(&mut transaction).await?;
        let value = match key(&mut transaction, by).await? {
            Some(key) => Some(record(&mut transaction, key, position).await?),
            None => None,
        };
        Ok(Snapshot { position, value })
    }

    async fn position(&self) -> Result<Position, Error> {
        counter(&mut *self.read().await?).await
    }
}

/// The feed counter; never the newest entry's position, which may lag behind it.
pub(super) async fn counter(connection: &mut SqliteConnection) -> Result<Position, Error> {
    let position: Option<i64> = sqlx::query_scalar("SELECT position FROM feed_counter WHERE id = 1")
        .fetch_optional(connection)
        .await?;
    rows::counter(position.ok_or(Error::Missing("installation"))?)
}

async fn key(connection: &mut SqliteConnection, by: &Lookup) -> Result<Option<ApiKey>, Error> {
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

async fn record(
    connection: &mut SqliteConnection,
    key: ApiKey,
    position: Position,
) -> Result<MintRecord, Error> {
    let project = projects::project(connection, &key.project).await?.ok_or(Error::Missing("project"))?;
    let catalogue = projects::catalogue(connection, &key.project).await?;
    let audiences = projects::audiences(connection, &key.project).await?;
    let secrets = secrets(connection, &key.id).await?;
    Ok(MintRecord { key, secrets, project, catalogue: Arc::new(catalogue), audiences, position })
}

async fn secrets(connection: &mut SqliteConnection, key: &KeyId) -> Result<Vec<StoredSecret>, Error> {
    let rows: Vec<SecretRow> = sqlx::query_as(
        "SELECT id, digest, created_at, expires_at, last_used_at, last_used_from \
         FROM api_key_secrets WHERE key = $1 ORDER BY id",
    )
    .bind(key.as_str())
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(StoredSecret::try_from).collect()
}

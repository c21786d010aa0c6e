//! Keys that come from elsewhere. A batch is an array of JSON, and each statement takes all of it.

use std::num::NonZeroU32;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::{Lifetime, Position, Timestamp};
use crate::store::error::Error;
use crate::store::import::Known;
use crate::store::rows::{self, KnownRow};
use crate::store::{Arrival, KeyBatch, KeyImport, KeyToImport};

use super::keys::written;
use super::publish::conclude;
use super::{SqliteStore, hex};

#[async_trait]
impl KeyImport for SqliteStore {
    async fn import_keys(&self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error> {
        let mut transaction = self.write().await?;
        let arrivals = batch.sort_out(&known(&mut transaction, batch).await?);
        let chosen = batch.chosen(&arrivals);
        if chosen.is_empty() {
            return Ok(arrivals);
        }
        // The one lock is held already, so the position may come first: no row is written twice.
        let position = conclude(&mut transaction, &batch.audit_of(&chosen), &batch.feed).await?;
        insert(&mut transaction, batch, &chosen, position).await?;
        transaction.commit().await?;
        Ok(arrivals)
    }

    async fn foresee_import(&self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error> {
        Ok(batch.sort_out(&known(&mut *self.read().await?, batch).await?))
    }
}

/// What is known of each key of the batch, in its order.
async fn known(connection: &mut SqliteConnection, batch: &KeyBatch) -> Result<Vec<Known>, Error> {
    let project: Option<i64> = sqlx::query_scalar("SELECT 1 FROM projects WHERE id = $1")
        .bind(batch.project.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    project.ok_or(Error::Missing("project"))?;
    let named: Vec<_> = batch.keys.iter().map(|key| (&key.id, hex(key.digest.as_bytes()))).collect();
    let rows: Vec<KnownRow> = sqlx::query_as(
        "SELECT k.created_at, coalesce(k.project = $2 AND s.key = k.id, 0) AS is_same, \
           s.key IS NOT NULL AS secret_in_use \
         FROM json_each($1) AS b LEFT JOIN api_keys AS k ON k.id = b.value ->> 0 \
           LEFT JOIN api_key_secrets AS s ON s.digest = unhex(b.value ->> 1) \
         ORDER BY b.key",
    )
    .bind(json(&named))
    .bind(batch.project.as_str())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Known::from).collect())
}

async fn insert(
    connection: &mut SqliteConnection,
    batch: &KeyBatch,
    keys: &[&KeyToImport],
    position: Position,
) -> Result<(), Error> {
    let rows = json(&keys.iter().map(|key| row(key)).collect::<Vec<_>>());
    sqlx::query(
        "INSERT INTO api_keys (id, project, kind, name, state, permissions, role, allowlist, audiences, \
         token_lifetime, require_scope, auth_methods, live_tokens, created_at, expires_at, changed) \
         SELECT value ->> 0, $2, 'server', value ->> 1, 'active', value ->> 2, value ->> 3, value ->> 4, \
           value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, $3, value ->> 10, $4 \
         FROM json_each($1)",
    )
    .bind(&rows)
    .bind(batch.project.as_str())
    .bind(batch.began.millis())
    .bind(rows::stored(position))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO api_key_secrets (key, digest, created_at) \
         SELECT value ->> 0, unhex(value ->> 11), $2 FROM json_each($1)",
    )
    .bind(&rows)
    .bind(batch.began.millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// A key in the order in which the statements take it apart.
fn row(key: &KeyToImport) -> impl serde::Serialize {
    let details = &key.details;
    (
        key.id.clone(),
        details.name.clone(),
        details.permissions.to_string(),
        details.role.clone(),
        details.allowlist.to_string(),
        written(&details.audiences),
        details.token_lifetime.map(Lifetime::secs),
        u8::from(details.require_scope),
        details.auth_methods.to_string(),
        details.live_tokens.map(NonZeroU32::get),
        details.expires_at.map(Timestamp::millis),
        hex(key.digest.as_bytes()),
    )
}

fn json(rows: &impl serde::Serialize) -> String {
    serde_json::to_string(rows).expect("texts and numbers are JSON")
}

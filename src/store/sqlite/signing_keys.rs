//! Signing keys.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::Timestamp;
use crate::store::error::Error;
use crate::store::rows::SigningKeyRow;
use crate::store::{SigningKeys, StoredSigningKey};

use super::SqliteStore;

#[async_trait]
impl SigningKeys for SqliteStore {
    async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, Error> {
        let rows: Vec<SigningKeyRow> = sqlx::query_as(
            "SELECT kid, algorithm, sealed, public, announced_at, signs_from, retires_at, gone_at \
             FROM signing_keys ORDER BY signs_from, kid",
        )
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(StoredSigningKey::try_from).collect()
    }
}

pub(super) async fn insert(connection: &mut SqliteConnection, key: &StoredSigningKey) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO signing_keys \
         (kid, algorithm, sealed, public, announced_at, signs_from, retires_at, gone_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(key.kid.as_str())
    .bind(key.algorithm.as_str())
    .bind(&key.sealed)
    .bind(&key.public)
    .bind(key.times.announced_at.millis())
    .bind(key.times.signs_from.millis())
    .bind(key.times.retires_at.map(Timestamp::millis))
    .bind(key.times.gone_at.map(Timestamp::millis))
    .execute(connection)
    .await?;
    Ok(())
}

//! Signing keys.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::signing_key::SigningKeyLife;
use crate::domain::{Position, SigningKeyId, Timestamp};
use crate::store::error::Error;
use crate::store::rows::SigningKeyRow;
use crate::store::{SigningKeys, SigningKeysChange, StoredSigningKey};

use super::SqliteStore;
use super::publish::conclude;

#[async_trait]
impl SigningKeys for SqliteStore {
    async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, Error> {
        let rows: Vec<SigningKeyRow> = sqlx::query_as(
            "SELECT kid, purpose, algorithm, sealed, public, announced_at, signs_from, retires_at, gone_at \
             FROM signing_keys ORDER BY signs_from, kid",
        )
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(StoredSigningKey::try_from).collect()
    }

    async fn change_signing_keys(&self, change: &SigningKeysChange) -> Result<Position, Error> {
        let mut transaction = self.write().await?;
        expect_unchanged(&mut transaction, &change.expected).await?;
        for key in &change.retired {
            retire(&mut transaction, key).await?;
        }
        if let Some(new) = &change.new {
            insert(&mut transaction, new).await?;
        }
        let position = conclude(&mut transaction, &change.audit, &change.feed).await?;
        transaction.commit().await?;
        Ok(position)
    }
}

async fn expect_unchanged(
    connection: &mut SqliteConnection,
    expected: &[(SigningKeyId, Option<Timestamp>)],
) -> Result<(), Error> {
    let found: Vec<(String, Option<i64>)> =
        sqlx::query_as("SELECT kid, retires_at FROM signing_keys ORDER BY kid").fetch_all(connection).await?;
    let mut expected: Vec<(String, Option<i64>)> =
        expected.iter().map(|(kid, retires)| (kid.to_string(), retires.map(Timestamp::millis))).collect();
    expected.sort();
    if found == expected { Ok(()) } else { Err(Error::Conflict) }
}

async fn retire(connection: &mut SqliteConnection, key: &SigningKeyLife) -> Result<(), Error> {
    sqlx::query("UPDATE signing_keys SET retires_at = $2, gone_at = $3 WHERE kid = $1")
        .bind(key.kid.as_str())
        .bind(key.times.retires_at.map(Timestamp::millis))
        .bind(key.times.gone_at.map(Timestamp::millis))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn insert(connection: &mut SqliteConnection, key: &StoredSigningKey) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO signing_keys \
         (kid, purpose, algorithm, sealed, public, announced_at, signs_from, retires_at, gone_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(key.kid.as_str())
    .bind(key.purpose.as_str())
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

//! The beginning.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::Position;
use crate::domain::audit::AuditDraft;
use crate::store::error::Error;
use crate::store::rows::{DataKeyRow, FoundedRow};
use crate::store::{Founded, Founding, Installation, Resealing, SealedKey};

use super::publish::{append_audit, conclude};
use super::{SqliteStore, keys, projects, signing_keys};

#[async_trait]
impl Installation for SqliteStore {
    async fn installation(&self) -> Result<Option<Founded>, Error> {
        let row: Option<FoundedRow> =
            sqlx::query_as("SELECT issuer, created_at, backup_mark FROM installation WHERE id = 1")
                .fetch_optional(&mut *self.read().await?)
                .await?;
        Ok(row.map(Founded::from))
    }

    async fn found(&self, founding: &Founding) -> Result<Position, Error> {
        let mut transaction = self.write().await?;
        begin(&mut transaction, founding).await?;
        for key in &founding.data_keys {
            sqlx::query("INSERT INTO data_keys (name, sealed, created_at) VALUES ($1, $2, $3)")
                .bind(&key.name)
                .bind(&key.sealed)
                .bind(key.created_at.millis())
                .execute(&mut *transaction)
                .await?;
        }
        projects::insert(&mut transaction, &founding.project).await?;
        keys::insert(&mut transaction, &founding.key).await?;
        for key in &founding.signing_keys {
            signing_keys::insert(&mut transaction, key).await?;
        }
        let position = conclude(&mut transaction, &founding.key.audit, &founding.key.feed).await?;
        projects::set_changed(&mut transaction, &founding.project.id, position).await?;
        keys::set_changed(&mut transaction, &founding.key.key.id, position).await?;
        transaction.commit().await?;
        Ok(position)
    }

    async fn data_keys(&self) -> Result<Vec<SealedKey>, Error> {
        data_keys(&mut *self.read().await?).await
    }

    async fn reseal_data_keys(&self, resealing: &Resealing) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        let mut expected = resealing.expected.clone();
        expected.sort_by(|a, b| a.name.cmp(&b.name));
        if data_keys(&mut transaction).await? != expected {
            return Err(Error::Conflict);
        }
        // The old master key may be known to others: what it opens must not stay in unused space.
        sqlx::query("PRAGMA secure_delete = ON").execute(&mut *transaction).await?;
        for key in &resealing.sealed {
            sqlx::query("UPDATE data_keys SET sealed = $2 WHERE name = $1")
                .bind(&key.name)
                .bind(&key.sealed)
                .execute(&mut *transaction)
                .await?;
        }
        append_audit(&mut transaction, &resealing.audit).await?;
        transaction.commit().await?;
        // Done already. Only the log still has the old pages, unless a reader holds it.
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.writer).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the log was not cleared");
        }
        Ok(())
    }

    async fn change_issuer(&self, issuer: &str, audit: &AuditDraft) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        let changed = sqlx::query("UPDATE installation SET issuer = $1 WHERE id = 1")
            .bind(issuer)
            .execute(&mut *transaction)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(Error::Missing("installation"));
        }
        append_audit(&mut transaction, audit).await?;
        Ok(transaction.commit().await?)
    }
}

async fn data_keys(connection: &mut SqliteConnection) -> Result<Vec<SealedKey>, Error> {
    let rows: Vec<DataKeyRow> =
        sqlx::query_as("SELECT name, sealed, created_at FROM data_keys ORDER BY name")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(SealedKey::from).collect())
}

/// Writes the one row of the installation, and a counter that has counted nothing.
async fn begin(connection: &mut SqliteConnection, founding: &Founding) -> Result<(), Error> {
    let founded = sqlx::query(
        "INSERT INTO installation (id, issuer, created_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(&founding.issuer)
    .bind(founding.at.millis())
    .execute(&mut *connection)
    .await?;
    if founded.rows_affected() == 0 {
        return Err(Error::Conflict);
    }
    sqlx::query("INSERT INTO feed_counter (id, position) VALUES (1, 0)").execute(connection).await?;
    Ok(())
}

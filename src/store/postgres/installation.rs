//! The beginning.

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::domain::Position;
use crate::domain::audit::AuditDraft;
use crate::store::error::Error;
use crate::store::rows::{DataKeyRow, FoundedRow};
use crate::store::{Founded, Founding, Installation, Resealing, SealedKey};

use super::again::again;
use super::publish::{append_audit, conclude, take_turn};
use super::{PostgresStore, keys, projects, signing_keys};

#[async_trait]
impl Installation for PostgresStore {
    async fn installation(&self) -> Result<Option<Founded>, Error> {
        let mut work = self.one_read().await?;
        let row: Option<FoundedRow> =
            sqlx::query_as("SELECT issuer, created_at, backup_mark FROM installation WHERE id = 1")
                .fetch_optional(&mut *work)
                .await?;
        work.commit().await?;
        Ok(row.map(Founded::from))
    }

    async fn found(&self, founding: &Founding) -> Result<Position, Error> {
        again(move || async move {
            let mut work = self.write().await?;
            begin(&mut work, founding).await?;
            for key in &founding.data_keys {
                sqlx::query("INSERT INTO data_keys (name, sealed, created_at) VALUES ($1, $2, $3)")
                    .bind(&key.name)
                    .bind(&key.sealed)
                    .bind(key.created_at.millis())
                    .execute(&mut *work)
                    .await?;
            }
            projects::insert(&mut work, &founding.project).await?;
            keys::insert(&mut work, &founding.key).await?;
            for key in &founding.signing_keys {
                signing_keys::insert(&mut work, key).await?;
            }
            let position = conclude(&mut work, &founding.key.audit, &founding.key.feed).await?;
            projects::set_changed(&mut work, &founding.project.id, position).await?;
            keys::set_changed(&mut work, &founding.key.key.id, position).await?;
            work.commit().await?;
            Ok(position)
        })
        .await
    }

    async fn data_keys(&self) -> Result<Vec<SealedKey>, Error> {
        let mut work = self.one_read().await?;
        let keys = data_keys(&mut work).await?;
        work.commit().await?;
        Ok(keys)
    }

    async fn reseal_data_keys(&self, resealing: &Resealing) -> Result<(), Error> {
        again(move || reseal(self, resealing)).await?;
        // Done already. Only the old rows are still in their file: it is written anew without them.
        // The server's log and its archive have them for as long as the operator keeps those.
        if let Err(error) = sqlx::raw_sql("VACUUM FULL data_keys").execute(&self.pool).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the old data keys were not cleared");
        }
        Ok(())
    }

    async fn change_issuer(&self, issuer: &str, audit: &AuditDraft) -> Result<(), Error> {
        again(move || async move {
            let mut work = self.write().await?;
            let changed = sqlx::query("UPDATE installation SET issuer = $1 WHERE id = 1")
                .bind(issuer)
                .execute(&mut *work)
                .await?;
            if changed.rows_affected() == 0 {
                return Err(Error::Missing("installation"));
            }
            append_audit(&mut work, audit).await?;
            work.commit().await
        })
        .await
    }
}

async fn reseal(store: &PostgresStore, resealing: &Resealing) -> Result<(), Error> {
    let mut work = store.write().await?;
    // No lock on the rows of a set keeps another row from joining it; the turn does.
    take_turn(&mut work).await?;
    let mut expected = resealing.expected.clone();
    expected.sort_by(|a, b| a.name.cmp(&b.name));
    if data_keys(&mut work).await? != expected {
        return Err(Error::Conflict);
    }
    for key in &resealing.sealed {
        sqlx::query("UPDATE data_keys SET sealed = $2 WHERE name = $1")
            .bind(&key.name)
            .bind(&key.sealed)
            .execute(&mut *work)
            .await?;
    }
    append_audit(&mut work, &resealing.audit).await?;
    work.commit().await
}

async fn data_keys(connection: &mut PgConnection) -> Result<Vec<SealedKey>, Error> {
    let rows: Vec<DataKeyRow> =
        sqlx::query_as("SELECT name, sealed, created_at FROM data_keys ORDER BY name")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(SealedKey::from).collect())
}

/// Writes the one row of the installation, and a counter that has counted nothing. Whoever founds at
/// the same time waits for that row, and then sees it.
async fn begin(connection: &mut PgConnection, founding: &Founding) -> Result<(), Error> {
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

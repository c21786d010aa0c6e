//! Copies of the database, and their return.

use std::io;
use std::path::Path;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::domain::{ApiKey, Position, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, KeyRow};
use crate::store::{Backup, Health, Restoration, Restored, Upkeep};

use super::outside::faults;
use super::publish::{append_audit, publish};
use super::{SqliteStore, live_tokens, signing_keys};

/// `PRAGMA synchronous`: every commit waits for the disk.
const FULL: i64 = 2;

#[async_trait]
impl Upkeep for SqliteStore {
    async fn back_up(&self, backup: &Backup) -> Result<(), Error> {
        let to = backup.to.to_str().ok_or_else(not_utf8)?;
        let mut reader = self.readers.acquire().await?;
        self.file.check()?;
        // One snapshot, however long it takes; nobody waits for it.
        sqlx::query("VACUUM INTO $1").bind(to).persistent(false).execute(&mut *reader).await?;
        self.file.check()?;
        drop(reader);
        mark(&backup.to, &backup.mark).await?;
        let mut transaction = self.write().await?;
        append_audit(&mut transaction, &backup.audit).await?;
        Ok(transaction.commit().await?)
    }

    async fn restore(&self, restoration: &Restoration) -> Result<Restored, Error> {
        let mut transaction = self.write().await?;
        take_mark_off(&mut transaction).await?;
        let at = restoration.audit.at;
        let blocked = block_active_keys(&mut transaction).await?;
        replace_signing_keys(&mut transaction, restoration, at).await?;
        // They follow a database that is no more.
        sqlx::query("DELETE FROM nodes").execute(&mut *transaction).await?;
        hold_webhooks(&mut transaction).await?;
        append_audit(&mut transaction, &restoration.audit).await?;
        let position = publish_restoration(&mut transaction, restoration, at).await?;
        transaction.commit().await?;
        Ok(Restored { position, blocked })
    }

    async fn close(&self) {
        Self::close(self).await;
    }

    async fn health(&self) -> Result<Health, Error> {
        let mut transaction = self.write().await?;
        let (version, synchronous, journal): (String, i64, String) = sqlx::query_as(
            "SELECT sqlite_version(), synchronous, journal_mode FROM pragma_synchronous, pragma_journal_mode",
        )
        .fetch_one(&mut *transaction)
        .await?;
        let newest: Option<i64> = sqlx::query_scalar(
            "SELECT max(at) FROM (SELECT max(at) AS at FROM audit UNION ALL SELECT max(seen_at) FROM nodes)",
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.rollback().await?;
        // Reading every page takes its time; nobody is kept from writing meanwhile.
        let faults = faults(&mut *self.read().await?).await?;
        let name = ["OFF", "NORMAL", "FULL", "EXTRA"].get(usize::try_from(synchronous).unwrap_or(usize::MAX));
        let said = format!("synchronous {}, journal {journal}", name.unwrap_or(&"unknown"));
        let durable = (synchronous >= FULL && journal == "wal", said);
        let engine = format!("SQLite {version}");
        let sound = "every page is as it should be";
        Ok(Health { engine, durable, faults, sound, newest: newest.map(Timestamp::from_millis), now: None })
    }
}

fn not_utf8() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::InvalidFilename, "the path is not UTF-8"))
}

/// Marks a copy, and puts it on the disk.
async fn mark(copy: &Path, mark: &str) -> Result<(), Error> {
    let options = SqliteConnectOptions::new().filename(copy).synchronous(SqliteSynchronous::Full);
    let mut copy = options.disable_statement_logging().connect().await?;
    let marked = sqlx::query("UPDATE installation SET backup_mark = $1 WHERE id = 1")
        .bind(mark)
        .execute(&mut copy)
        .await?;
    copy.close().await?;
    if marked.rows_affected() == 0 {
        return Err(Error::Missing("installation"));
    }
    Ok(())
}

async fn take_mark_off(connection: &mut SqliteConnection) -> Result<(), Error> {
    let done =
        sqlx::query("UPDATE installation SET backup_mark = NULL WHERE id = 1 AND backup_mark IS NOT NULL")
            .execute(connection)
            .await?;
    if done.rows_affected() == 0 {
        return Err(Error::Conflict);
    }
    Ok(())
}

async fn block_active_keys(connection: &mut SqliteConnection) -> Result<Vec<ApiKey>, Error> {
    let rows: Vec<KeyRow> = sqlx::query_as(
        "SELECT id, project, name, state, permissions, role, allowlist, audiences, token_lifetime, \
         require_scope, auth_methods, live_tokens, created_at, expires_at, changed \
         FROM api_keys WHERE state = 'active' ORDER BY project, id",
    )
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query("UPDATE api_keys SET state = 'blocked' WHERE state = 'active'").execute(connection).await?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// Nothing of the past is sent again, and nothing new until somebody says that the receivers are still right.
async fn hold_webhooks(connection: &mut SqliteConnection) -> Result<(), Error> {
    for statement in [
        "DELETE FROM webhook_deliveries",
        "UPDATE webhooks SET state = 'paused', failing_since = NULL WHERE state = 'active'",
    ] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Ends every signing key at once, and begins with new ones.
async fn replace_signing_keys(
    connection: &mut SqliteConnection,
    restoration: &Restoration,
    at: Timestamp,
) -> Result<(), Error> {
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT kid FROM signing_keys ORDER BY kid").fetch_all(&mut *connection).await?;
    let mut revoked: Vec<&str> = restoration.revoked.iter().map(|(kid, _)| kid.as_str()).collect();
    revoked.sort_unstable();
    if stored != revoked {
        return Err(Error::Conflict);
    }
    sqlx::query(
        "UPDATE signing_keys SET retires_at = min(coalesce(retires_at, $1), $1), \
         gone_at = min(coalesce(gone_at, $1), $1)",
    )
    .bind(at.millis())
    .execute(&mut *connection)
    .await?;
    for key in &restoration.signing_keys {
        signing_keys::insert(connection, key).await?;
    }
    Ok(())
}

/// Moves the counter beyond whatever the lost history has counted, and tells what is revoked.
async fn publish_restoration(
    connection: &mut SqliteConnection,
    restoration: &Restoration,
    at: Timestamp,
) -> Result<Position, Error> {
    sqlx::query("UPDATE feed_counter SET position = max(position, $1 - 1) WHERE id = 1")
        .bind(rows::stored(restoration.at_least))
        .execute(&mut *connection)
        .await?;
    live_tokens::free(connection, &restoration.all, at).await?;
    let first = publish(connection, &restoration.all, at).await?;
    let mut position = first;
    for (_, entry) in &restoration.revoked {
        position = publish(connection, entry, at).await?;
    }
    for statement in ["UPDATE api_keys SET changed = $1", "UPDATE projects SET changed = $1"] {
        sqlx::query(statement).bind(rows::stored(first)).execute(&mut *connection).await?;
    }
    Ok(position)
}

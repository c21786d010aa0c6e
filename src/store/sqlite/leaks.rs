//! Reports of leaked secrets.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::audit::AuditDraft;
use crate::domain::leak::{Earlier, Flag};
use crate::domain::{KeyId, Position, SecretDigest, SecretId, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, FlagRow};
use crate::store::{LeakNote, LeakRecord, Leaks};

use super::publish::append_audit;
use super::{SqliteStore, hex, keys};

#[async_trait]
impl Leaks for SqliteStore {
    async fn owners(&self, digests: &[SecretDigest]) -> Result<Vec<Option<KeyId>>, Error> {
        let asked: Vec<String> = digests.iter().map(|digest| hex(digest.as_bytes())).collect();
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT b.key, coalesce(s.key, g.key) FROM json_each($1) AS b \
               LEFT JOIN api_key_secrets AS s ON s.digest = unhex(b.value) \
               LEFT JOIN gone_secrets AS g ON g.digest = unhex(b.value) \
             WHERE s.key IS NOT NULL OR g.key IS NOT NULL",
        )
        .bind(serde_json::to_string(&asked).expect("texts are JSON"))
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows::owners(digests.len(), rows)
    }

    async fn earlier_report(&self, key: &KeyId, secret: &SecretId) -> Result<Earlier, Error> {
        let report: Option<(Option<i64>,)> =
            sqlx::query_as("SELECT cleared_at FROM leak_reports WHERE key = $1 AND secret = $2")
                .bind(key.as_str())
                .bind(secret.as_str())
                .fetch_optional(&mut *self.read().await?)
                .await?;
        Ok(rows::earlier(report))
    }

    async fn record_leak(&self, leak: &LeakRecord) -> Result<Option<Position>, Error> {
        let mut transaction = self.write().await?;
        let expected = (leak.expected_changed, leak.expected_project);
        keys::expect_unchanged(&mut transaction, &leak.key, expected).await?;
        if let Some(note) = &leak.note {
            write_down(&mut transaction, note).await?;
            append_audit(&mut transaction, &note.audit).await?;
        }
        let position = match &leak.block {
            Some(block) => Some(keys::carry_out(&mut transaction, block).await?),
            None => None,
        };
        transaction.commit().await?;
        Ok(position)
    }

    async fn flags(&self, keys: &[KeyId]) -> Result<Vec<Flag>, Error> {
        let rows: Vec<FlagRow> = sqlx::query_as(
            "SELECT key, secret, reported_at, source, url FROM leak_reports \
             WHERE key IN (SELECT value FROM json_each($1)) AND cleared_at IS NULL \
             ORDER BY key, reported_at, secret",
        )
        .bind(serde_json::to_string(keys).expect("texts are JSON"))
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(Flag::try_from).collect()
    }

    async fn clear_flags(&self, key: &KeyId, secrets: &[SecretId], audit: &AuditDraft) -> Result<u64, Error> {
        let mut transaction = self.write().await?;
        let cleared =
            sqlx::query("UPDATE leak_reports SET cleared_at = $2 WHERE key = $1 AND secret IN (SELECT value FROM json_each($3)) AND cleared_at IS NULL")
                .bind(key.as_str())
                .bind(audit.at.millis())
                .bind(serde_json::to_string(secrets).expect("texts are JSON"))
                .execute(&mut *transaction)
                .await?
                .rows_affected();
        if cleared > 0 {
            append_audit(&mut transaction, audit).await?;
        }
        transaction.commit().await?;
        Ok(cleared)
    }
}

async fn write_down(connection: &mut SqliteConnection, note: &LeakNote) -> Result<(), Error> {
    let flag = &note.flag;
    let statement = if note.earlier == Earlier::Never {
        "INSERT INTO leak_reports (key, secret, reported_at, source, url, cleared_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key, secret) DO NOTHING"
    } else {
        "UPDATE leak_reports SET reported_at = $3, source = $4, url = $5, cleared_at = $6 \
         WHERE key = $1 AND secret = $2 AND cleared_at IS NOT NULL"
    };
    let written = sqlx::query(statement)
        .bind(flag.key.as_str())
        .bind(flag.secret.as_str())
        .bind(flag.at.millis())
        .bind(&flag.place.source)
        .bind(&flag.place.url)
        .bind((!note.is_open).then_some(flag.at).map(Timestamp::millis))
        .execute(connection)
        .await?;
    if written.rows_affected() == 0 { Err(Error::Conflict) } else { Ok(()) }
}

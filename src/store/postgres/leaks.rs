//! Reports of leaked secrets.

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::domain::audit::AuditDraft;
use crate::domain::leak::{Earlier, Flag};
use crate::domain::{KeyId, Position, SecretDigest, SecretId, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, FlagRow};
use crate::store::{LeakNote, LeakRecord, Leaks};

use super::again::again;
use super::publish::append_audit;
use super::{PostgresStore, keys};

#[async_trait]
impl Leaks for PostgresStore {
    async fn owners(&self, digests: &[SecretDigest]) -> Result<Vec<Option<KeyId>>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT b.number - 1, coalesce(s.key, g.key) \
             FROM unnest($1::bytea[]) WITH ORDINALITY AS b(digest, number) \
               LEFT JOIN api_key_secrets AS s ON s.digest = b.digest \
               LEFT JOIN gone_secrets AS g ON g.digest = b.digest \
             WHERE s.key IS NOT NULL OR g.key IS NOT NULL",
        )
        .bind(digests.iter().map(|digest| digest.as_bytes().as_slice()).collect::<Vec<_>>())
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows::owners(digests.len(), rows)
    }

    async fn earlier_report(&self, key: &KeyId, secret: &SecretId) -> Result<Earlier, Error> {
        let mut work = self.one_read().await?;
        let report: Option<(Option<i64>,)> =
            sqlx::query_as("SELECT cleared_at FROM leak_reports WHERE key = $1 AND secret = $2")
                .bind(key.as_str())
                .bind(secret.as_str())
                .fetch_optional(&mut *work)
                .await?;
        work.commit().await?;
        Ok(rows::earlier(report))
    }

    async fn record_leak(&self, leak: &LeakRecord) -> Result<Option<Position>, Error> {
        again(move || async move {
            let mut work = self.write().await?;
            let expected = (leak.expected_changed, leak.expected_project);
            keys::expect_unchanged(&mut work, &leak.key, expected).await?;
            if let Some(note) = &leak.note {
                write_down(&mut work, note).await?;
                append_audit(&mut work, &note.audit).await?;
            }
            let position = match &leak.block {
                Some(block) => Some(keys::carry_out(&mut work, block).await?),
                None => None,
            };
            work.commit().await?;
            Ok(position)
        })
        .await
    }

    async fn flags(&self, keys: &[KeyId]) -> Result<Vec<Flag>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<FlagRow> = sqlx::query_as(
            "SELECT key, secret, reported_at, source, url FROM leak_reports \
             WHERE key = ANY($1) AND cleared_at IS NULL ORDER BY key, reported_at, secret",
        )
        .bind(keys.iter().map(KeyId::as_str).collect::<Vec<_>>())
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(Flag::try_from).collect()
    }

    async fn clear_flags(&self, key: &KeyId, secrets: &[SecretId], audit: &AuditDraft) -> Result<u64, Error> {
        again(move || async move {
            let mut work = self.write().await?;
            let cleared =
                sqlx::query("UPDATE leak_reports SET cleared_at = $2 WHERE key = $1 AND secret = ANY($3) AND cleared_at IS NULL")
                    .bind(key.as_str())
                    .bind(audit.at.millis())
                    .bind(secrets.iter().map(SecretId::as_str).collect::<Vec<_>>())
                    .execute(&mut *work)
                    .await?
                    .rows_affected();
            if cleared > 0 {
                append_audit(&mut work, audit).await?;
            }
            work.commit().await?;
            Ok(cleared)
        })
        .await
    }
}

async fn write_down(connection: &mut PgConnection, note: &LeakNote) -> Result<(), Error> {
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

//! The feed, and who follows it.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use tokio::time::timeout;

use crate::domain::feed::Published;
use crate::domain::{Position, Tag, Timestamp};
use crate::store::error::{Error, Unavailable};
use crate::store::rows::{self, HeartbeatRow};
use crate::store::{FeedLog, FeedRead, Heartbeat, TokenRevocation};

use super::publish::conclude;
use super::{SqliteStore, records};

/// How long after a look the next one is worth its while.
const LOOK: Duration = Duration::from_millis(200);
/// How long a sign of life may wait for a lock. The copy is as good without it.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// How long a node that gives no sign of life is remembered.
const NODE_KEPT: Duration = Duration::from_hours(7 * 24);

#[async_trait]
impl FeedLog for SqliteStore {
    async fn has_changed(&self) -> Result<bool, Error> {
        let mut watch = self.watch.lock().await;
        if self.writer.is_closed() {
            return Err(sqlx::Error::PoolClosed.into());
        }
        if let Err(replaced) = self.file.check() {
            watch.forget();
            return Err(replaced.into());
        }
        Ok(watch.look().await?)
    }

    async fn wait_for_change(&self) {
        tokio::time::sleep(LOOK).await;
    }

    async fn feed_since(&self, since: Position, most: u32) -> Result<FeedRead, Error> {
        let mut transaction = self.read().await?;
        let whole = FeedRead {
            position: records::counter(&mut transaction).await?,
            newest: newest(&mut transaction).await?,
            more: false,
            boundary: tag_at(&mut transaction, since).await?,
            entries: entries(&mut transaction, since, most).await?,
            clock: None,
        };
        Ok(whole.of_the_first(most))
    }

    /// The read itself is the proof: there is one file, and it was looked at whether it is there.
    async fn poll(&self, since: Position, most: u32, heartbeat: &Heartbeat) -> Result<FeedRead, Error> {
        let read = self.feed_since(since, most).await?;
        let written = timeout(SIGN_OF_LIFE, self.write_down(heartbeat)).await;
        if let Err(error) = written.unwrap_or(Err(Unavailable::Slow.into())) {
            tracing::warn!(error = &error as &dyn std::error::Error, "no sign of life could be written");
        }
        Ok(read)
    }

    async fn nodes(&self) -> Result<Vec<Heartbeat>, Error> {
        let rows: Vec<HeartbeatRow> = sqlx::query_as(
            "SELECT id, started_at, seen_at, applied, age_ms, max_age_ms FROM nodes ORDER BY started_at, id",
        )
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(Heartbeat::try_from).collect()
    }

    async fn revoke_token(&self, revocation: &TokenRevocation) -> Result<Position, Error> {
        let mut transaction = self.write().await?;
        let live: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM feed WHERE kind = 'token' AND project = $1 AND ends_at > $2",
        )
        .bind(revocation.project.as_str())
        .bind(revocation.audit.at.millis())
        .fetch_one(&mut *transaction)
        .await?;
        if live >= i64::from(revocation.limit) {
            return Err(Error::Full("revoked tokens"));
        }
        let position = conclude(&mut transaction, &revocation.audit, &revocation.feed).await?;
        transaction.commit().await?;
        Ok(position)
    }

    async fn forget(&self, now: Timestamp, until: Position, limit: u32) -> Result<u64, Error> {
        let mut transaction = self.write().await?;
        let forgotten = sqlx::query(
            "DELETE FROM feed WHERE position IN (\
               SELECT position FROM feed \
               WHERE ends_at <= $1 AND position <= $2 AND position < (SELECT max(position) FROM feed) \
               ORDER BY ends_at LIMIT $3)",
        )
        .bind(now.millis())
        .bind(rows::stored(until))
        .bind(limit)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM nodes WHERE seen_at < $1")
            .bind(now.before(NODE_KEPT).millis())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(forgotten.rows_affected())
    }
}

impl SqliteStore {
    async fn write_down(&self, heartbeat: &Heartbeat) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        sqlx::query(
            "INSERT INTO nodes (id, started_at, seen_at, applied, age_ms, max_age_ms) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, applied = excluded.applied, \
             age_ms = excluded.age_ms, max_age_ms = excluded.max_age_ms",
        )
        .bind(&heartbeat.node)
        .bind(heartbeat.started_at.millis())
        .bind(heartbeat.seen_at.millis())
        .bind(rows::stored(heartbeat.applied))
        .bind(rows::millis(heartbeat.age))
        .bind(rows::millis(heartbeat.max_age))
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

async fn newest(connection: &mut SqliteConnection) -> Result<Tag, Error> {
    let newest: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT position, tag FROM feed ORDER BY position DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    let lost = || Error::Corrupt { table: "feed", column: "position", row: "the newest".to_owned() };
    let (position, tag) = newest.ok_or_else(lost)?;
    rows::tag(position, &tag)
}

async fn tag_at(connection: &mut SqliteConnection, position: Position) -> Result<Option<Tag>, Error> {
    let at = rows::stored(position);
    let tag: Option<Vec<u8>> = sqlx::query_scalar("SELECT tag FROM feed WHERE position = $1")
        .bind(at)
        .fetch_optional(connection)
        .await?;
    tag.map(|tag| rows::tag(at, &tag)).transpose()
}

/// One more than `most`, to tell whether there are more.
async fn entries(
    connection: &mut SqliteConnection,
    since: Position,
    most: u32,
) -> Result<Vec<Published>, Error> {
    let lines: Option<String> = sqlx::query_scalar(
        "SELECT group_concat(\
           position || ' ' || lower(hex(tag)) || ' ' || coalesce(ends_at, '') || ' ' || entry, char(10)) \
         FROM (SELECT position, tag, entry, ends_at FROM feed WHERE position > $1 ORDER BY position LIMIT $2)",
    )
    .bind(rows::stored(since))
    .bind(i64::from(most) + 1)
    .fetch_one(connection)
    .await?;
    rows::page(lines.as_deref())
}

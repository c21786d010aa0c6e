//! The feed, and who follows it.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::domain::feed::Published;
use crate::domain::{Position, Tag, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, HeartbeatRow};
use crate::store::{FeedLog, FeedRead, Heartbeat, TokenRevocation};

use super::PostgresStore;
use super::again::again;
use super::publish::conclude;

/// How long a node that gives no sign of life is remembered.
const NODE_KEPT: Duration = Duration::from_hours(7 * 24);

/// The counter; position and mark of the newest entry; the mark of the entry at `$1`; the time.
macro_rules! stand {
    () => {
        "SELECT c.position, n.position, n.tag, (SELECT tag FROM feed WHERE position = $1), \
           (extract(epoch FROM clock_timestamp()) * 1000)::bigint \
         FROM feed_counter AS c \
         LEFT JOIN LATERAL (SELECT position, tag FROM feed ORDER BY position DESC LIMIT 1) AS n ON true \
         WHERE c.id = 1"
    };
}

/// A sign of life.
macro_rules! alive {
    () => {
        "INSERT INTO nodes (id, started_at, seen_at, applied, age_ms, max_age_ms) VALUES ($2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, applied = excluded.applied, \
         age_ms = excluded.age_ms, max_age_ms = excluded.max_age_ms"
    };
}

/// Where the feed stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stand {
    counter: Position,
    newest: Tag,
    boundary: Option<Tag>,
}

type StandRow = (i64, Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>, i64);

#[async_trait]
impl FeedLog for PostgresStore {
    async fn has_changed(&self) -> Result<bool, Error> {
        let mut seen = self.seen.lock().await;
        // Absent while a look is under way: one that fails leaves nothing that could later pass for
        // "no change".
        let before = seen.take();
        let mut work = self.one_read().await?;
        let row = sqlx::query_as(stand!()).bind(0_i64).fetch_all(&mut *work).await?;
        work.commit().await?;
        let (stand, _) = stand(row.into_iter().next(), Position::START)?;
        let has_changed = before.as_ref() != Some(&stand);
        *seen = Some(stand);
        Ok(has_changed)
    }

    async fn wait_for_change(&self) {
        self.watch.wait().await;
    }

    async fn feed_since(&self, since: Position, most: u32) -> Result<FeedRead, Error> {
        let mut work = self.read().await?;
        let row = sqlx::query_as(stand!()).bind(rows::stored(since)).fetch_optional(&mut *work).await?;
        let (stand, _) = stand(row, since)?;
        let read = stand.read(entries(&mut work, since, most).await?, None).of_the_first(most);
        work.commit().await?;
        Ok(read)
    }

    /// One transaction: what was read is proven by the commit that follows it, for a primary that
    /// was replaced unnoticed reads on and commits no more.
    async fn poll(&self, since: Position, most: u32, heartbeat: &Heartbeat) -> Result<FeedRead, Error> {
        again(move || async move {
            let mut work = super::Work::begin(&self.pool, Some(self.beginnings.poll)).await?;
            let row = sqlx::query_as(concat!("WITH alive AS (", alive!(), ") ", stand!()))
                .bind(rows::stored(since))
                .bind(&heartbeat.node)
                .bind(heartbeat.started_at.millis())
                .bind(heartbeat.seen_at.millis())
                .bind(rows::stored(heartbeat.applied))
                .bind(rows::millis(heartbeat.age))
                .bind(rows::millis(heartbeat.max_age))
                .fetch_optional(&mut *work)
                .await?;
            let (stand, clock) = stand(row, since)?;
            let read = stand.read(entries(&mut work, since, most).await?, Some(clock)).of_the_first(most);
            work.commit().await?;
            Ok(read)
        })
        .await
    }

    async fn nodes(&self) -> Result<Vec<Heartbeat>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<HeartbeatRow> = sqlx::query_as(
            "SELECT id, started_at, seen_at, applied, age_ms, max_age_ms FROM nodes ORDER BY started_at, id",
        )
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(Heartbeat::try_from).collect()
    }

    /// Counted before its turn comes: so many as revoke at the same moment may exceed the limit.
    async fn revoke_token(&self, revocation: &TokenRevocation) -> Result<Position, Error> {
        again(move || async move {
            let mut work = self.write().await?;
            let live: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM feed WHERE kind = 'token' AND project = $1 AND ends_at > $2",
            )
            .bind(revocation.project.as_str())
            .bind(revocation.audit.at.millis())
            .fetch_one(&mut *work)
            .await?;
            if live >= i64::from(revocation.limit) {
                return Err(Error::Full("revoked tokens"));
            }
            let position = conclude(&mut work, &revocation.audit, &revocation.feed).await?;
            work.commit().await?;
            Ok(position)
        })
        .await
    }

    async fn forget(&self, now: Timestamp, until: Position, limit: u32) -> Result<u64, Error> {
        again(move || async move {
            let mut work = self.write().await?;
            // What another server is deleting is left to it.
            let forgotten = sqlx::query(
                "DELETE FROM feed WHERE position IN (\
                   SELECT position FROM feed \
                   WHERE ends_at <= $1 AND position <= $2 AND position < (SELECT max(position) FROM feed) \
                   ORDER BY ends_at LIMIT $3 FOR UPDATE SKIP LOCKED)",
            )
            .bind(now.millis())
            .bind(rows::stored(until))
            .bind(i64::from(limit))
            .execute(&mut *work)
            .await?;
            sqlx::query("DELETE FROM nodes WHERE seen_at < $1")
                .bind(now.before(NODE_KEPT).millis())
                .execute(&mut *work)
                .await?;
            work.commit().await?;
            Ok(forgotten.rows_affected())
        })
        .await
    }
}

/// Where the feed stands, and the time.
fn stand(row: Option<StandRow>, since: Position) -> Result<(Stand, Timestamp), Error> {
    let (counter, newest, tag, boundary, clock) = row.ok_or(Error::Missing("installation"))?;
    let counter = rows::counter(counter)?;
    let lost = || Error::Corrupt { table: "feed", column: "position", row: "the newest".to_owned() };
    let (newest, tag) = newest.zip(tag).ok_or_else(lost)?;
    let newest = rows::tag(newest, &tag)?;
    let boundary = boundary.map(|tag| rows::tag(rows::stored(since), &tag)).transpose()?;
    Ok((Stand { counter, newest, boundary }, Timestamp::from_millis(clock)))
}

impl Stand {
    fn read(self, entries: Vec<Published>, clock: Option<Timestamp>) -> FeedRead {
        let Self { counter, newest, boundary } = self;
        FeedRead { position: counter, newest, more: false, boundary, entries, clock }
    }
}

/// One more than `most`, to tell whether there are more.
async fn entries(connection: &mut PgConnection, since: Position, most: u32) -> Result<Vec<Published>, Error> {
    let lines: Option<String> = sqlx::query_scalar(
        "SELECT string_agg(\
           concat_ws(' ', position, encode(tag, 'hex'), coalesce(ends_at::text, ''), entry), chr(10) \
           ORDER BY position) \
         FROM (SELECT position, tag, entry, ends_at FROM feed WHERE position > $1 ORDER BY position LIMIT $2) \
         AS page",
    )
    .bind(rows::stored(since))
    .bind(i64::from(most) + 1)
    .fetch_one(connection)
    .await?;
    rows::page(lines.as_deref())
}

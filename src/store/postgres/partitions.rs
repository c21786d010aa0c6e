//! The days of the issuance log: each a partition, made ahead of time and dropped whole.
//!
//! The database's clock says which day it is. What comes under another day, because a server's
//! clock is wrong or because nobody made the partition in time, goes to the rest and is deleted
//! row by row.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::domain::Timestamp;
use crate::store::error::{Error, Unavailable};

use super::PostgresStore;

/// For how many days beyond today there are partitions, so that one server a few days is enough.
const AHEAD: i32 = 3;
const DAY_MILLIS: i64 = 86_400_000;
/// Whoever makes or drops partitions holds this until its commit; who does not get it leaves it to
/// the one who has.
const TURN: &str = "SELECT pg_try_advisory_xact_lock(1886352500, 2)";
/// Everybody who mints waits behind a lock on the whole log, so it is not waited for: the next turn
/// comes in a minute.
const IMPATIENTLY: &str = "SET LOCAL lock_timeout = '200ms'";

/// Makes the partitions of today and the days to come that are not there.
pub(super) async fn make_ahead(store: &PostgresStore) -> Result<(), Error> {
    let mut work = store.one_read().await?;
    let missing = missing(&mut work).await?;
    work.commit().await?;
    for (name, first) in missing {
        match make(store, &name, first).await {
            Ok(()) => {}
            Err(Error::Unavailable(Unavailable::Locked(_))) => return Ok(()),
            // Rows of that day stand in the rest already: they stay there, and so do all others.
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                partition = name,
                "a day of the issuance log has no partition of its own"
            ),
        }
    }
    Ok(())
}

/// Names, and the first millisecond of each day.
async fn missing(connection: &mut PgConnection) -> Result<Vec<(String, i64)>, Error> {
    Ok(sqlx::query_as(
        "SELECT name, first FROM ( \
           SELECT 'issued_tokens_' || to_char(day, 'YYYYMMDD') AS name, \
             extract(epoch FROM day)::bigint * 1000 AS first \
           FROM generate_series(date_trunc('day', now() AT TIME ZONE 'UTC'), \
             date_trunc('day', now() AT TIME ZONE 'UTC') + make_interval(days => $1), \
             interval '1 day') AS day) AS days \
         WHERE to_regclass(name) IS NULL ORDER BY first",
    )
    .bind(AHEAD)
    .fetch_all(connection)
    .await?)
}

async fn make(store: &PostgresStore, name: &str, first: i64) -> Result<(), Error> {
    let mut work = store.write().await?;
    if !has_turn(&mut work).await? {
        return Ok(());
    }
    let (from, to) = (bound(first), bound(first + DAY_MILLIS));
    // Attached only once it is there: made in place, it would lock the whole log.
    let statements = format!(
        "{IMPATIENTLY}; \
         CREATE TABLE IF NOT EXISTS {name} (LIKE issued_tokens INCLUDING ALL); \
         ALTER TABLE issued_tokens ATTACH PARTITION {name} FOR VALUES FROM ('\\x{from}') TO ('\\x{to}')"
    );
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut *work).await?;
    work.commit().await
}

/// No token of that millisecond or later has a smaller id.
fn bound(millis: i64) -> String {
    format!("{millis:012x}")
}

/// Drops the days that ended before this time; tells about how many tokens that were.
pub(super) async fn drop_before(store: &PostgresStore, before: Timestamp) -> Result<u64, Error> {
    let mut work = store.one_read().await?;
    let old = old(&mut work, before).await?;
    work.commit().await?;
    let mut dropped = 0;
    for (name, rows) in old {
        match drop_one(store, &name).await {
            Ok(()) => dropped += u64::try_from(rows).unwrap_or(0),
            Err(Error::Unavailable(Unavailable::Locked(_))) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(dropped)
}

async fn old(connection: &mut PgConnection, before: Timestamp) -> Result<Vec<(String, i64)>, Error> {
    Ok(sqlx::query_as(
        "SELECT relname::text, reltuples::bigint \
         FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid \
         WHERE inhparent = 'issued_tokens'::regclass AND relname ~ '^issued_tokens_[0-9]{8}$' \
           AND (extract(epoch FROM to_date(right(relname, 8), 'YYYYMMDD'))::bigint + 86400) * 1000 <= $1 \
         ORDER BY relname",
    )
    .bind(before.millis())
    .fetch_all(connection)
    .await?)
}

async fn drop_one(store: &PostgresStore, name: &str) -> Result<(), Error> {
    let mut work = store.write().await?;
    if !has_turn(&mut work).await? {
        return Ok(());
    }
    let statements = format!("{IMPATIENTLY}; DROP TABLE IF EXISTS {name}");
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut *work).await?;
    work.commit().await
}

async fn has_turn(connection: &mut PgConnection) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(TURN).fetch_one(connection).await?)
}

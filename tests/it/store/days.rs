//! The days of the issuance log on PostgreSQL: partitions that come ahead of time and go whole.

use crate::support::Listed as _;
use std::time::Duration;

use portcullis::domain::Timestamp;
use portcullis::store::{IssuedToken, IssuedTokens as _, PostgresStore, Recording};
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

use super::fixtures::{jti_of, later, token};
use super::postgres::{DEADLINE, founded, stranger};

/// The partitions that there are.
pub(super) async fn days(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_inherits JOIN pg_class ON oid = inhrelid \
         WHERE inhparent = 'issued_tokens'::regclass AND relname <> 'issued_tokens_rest' ORDER BY relname",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

/// The log's days: a token of today goes to today's partition, one of a wrong clock to the rest, and
/// a day is dropped once all of it is old, by one of many servers.
#[tokio::test]
async fn a_day_of_the_issuance_log_is_dropped_whole_once_it_is_over() {
    let db = founded().await;
    let record = db.key().await;
    let mut main = stranger(db.postgres().1).await;
    let today: i64 =
        sqlx::query_scalar("SELECT extract(epoch FROM date_trunc('day', now() AT TIME ZONE 'UTC'))::bigint")
            .fetch_one(&mut main)
            .await
            .unwrap();
    let noon = Timestamp::from_secs(today + 43_200);
    let of_today = IssuedToken { jti: jti_of(noon), issued_at: noon, ..token(&record) };
    let astray = IssuedToken { jti: jti_of(later(86_400 * 999)), ..token(&record) };
    assert_eq!(db.record(&[of_today, astray]).await.unwrap(), [Recording::Recorded; 2]);
    let rest = "SELECT count(*) FROM issued_tokens_rest";
    assert_eq!(sqlx::query_scalar::<_, i64>(rest).fetch_one(&mut main).await.unwrap(), 1);
    let before = days(&mut main).await;

    db.forget_issued(noon, 100).await.unwrap();
    assert_eq!(db.issued(&record.key.id, 10).await.unwrap().len(), 2, "its day is not over");
    let tomorrow = noon.after(Duration::from_hours(12));
    let other = PostgresStore::open(&db.postgres().1.url()).await.unwrap();
    let (one, two) = tokio::join!(db.forget_issued(tomorrow, 100), other.forget_issued(tomorrow, 100));
    one.unwrap();
    two.unwrap();
    other.close().await;

    assert_eq!(db.issued(&record.key.id, 10).await.unwrap().len(), 1);
    // Made anew: by its own clock it is still today.
    db.forget_issued(noon, 100).await.unwrap();
    assert_eq!(days(&mut main).await, before);
}

/// Where a long read holds the log, nobody who mints waits for a partition.
#[tokio::test]
async fn a_partition_that_cannot_be_dropped_at_once_waits_for_the_next_turn() {
    let db = founded().await;
    let record = db.key().await;
    let mut other = stranger(db.postgres().1).await;
    let mut held = other.begin().await.unwrap();
    sqlx::raw_sql("SELECT count(*) FROM issued_tokens").execute(&mut *held).await.unwrap();
    let far = later(86_400 * 9999);
    timeout(DEADLINE, db.forget_issued(far, 100)).await.unwrap().unwrap();
    assert_eq!(days(&mut stranger(db.postgres().1).await).await.len(), 4);
    assert_eq!(db.record(&[token(&record)]).await.unwrap(), [Recording::Recorded]);
    held.rollback().await.unwrap();
}

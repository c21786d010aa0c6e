//! What PostgreSQL undoes because of others is done again, whole and from its start, a few times.

use crate::support::Listed as _;
use std::sync::Arc;

use portcullis::domain::KeyState;
use portcullis::domain::edit::KeyEdit;
use portcullis::store::{Error, Keys as _, PostgresStore, Recording, Unavailable};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::timeout;

use super::fixtures::{key_change, new_key, shop, token};
use super::postgres::{DEADLINE, founded, run, stranger, until_waiting};

/// Undoes so many inserts into a table, as another transaction would have it; they are counted.
async fn undo(connection: &mut PgConnection, table: &str, times: u32) {
    let statements = format!(
        "CREATE SEQUENCE IF NOT EXISTS tries; \
         CREATE OR REPLACE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('tries') <= {times} THEN \
             RAISE EXCEPTION 'it cannot stand beside another' USING ERRCODE = 'serialization_failure'; \
           END IF; \
           RETURN NEW; END $$; \
         CREATE TRIGGER undo BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION undo()"
    );
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await.unwrap();
}

/// Somebody locks in another order than we: both wait for each other, and we are the ones to give way.
#[tokio::test]
async fn an_act_that_a_deadlock_has_undone_is_done_again_and_only_once() {
    let db = founded().await;
    let record = db.key().await;
    let before = db.traces().await;
    let mut main = stranger(db.postgres().1).await;
    let name: String =
        sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut main).await.unwrap();
    run(&mut main, &format!("ALTER DATABASE {name} SET deadlock_timeout = '2s'")).await;
    let store = Arc::new(PostgresStore::open(&db.postgres().1.url()).await.unwrap());
    let mut other = stranger(db.postgres().1).await;
    run(&mut other, "SET deadlock_timeout = '10min'; BEGIN; SELECT 1 FROM feed_counter FOR UPDATE").await;
    let (acting, change) = (store.clone(), key_change(&record, KeyEdit::Block));
    let block = tokio::spawn(async move { acting.change_key(&change).await });
    until_waiting(&mut main, 1).await;

    let theirs = format!("SELECT 1 FROM api_keys WHERE id = '{}' FOR UPDATE", record.key.id);
    timeout(DEADLINE, run(&mut other, &theirs)).await.expect("nobody gives way");
    run(&mut other, "ROLLBACK").await;

    let position = timeout(DEADLINE, block).await.unwrap().unwrap().unwrap();
    let blocked = db.record_of(&record.key.id).await.key;
    assert_eq!((blocked.state, blocked.changed), (KeyState::Blocked, position));
    let after = db.traces().await;
    assert_eq!((after.0.value(), after.1), (before.0.value() + 1, before.1 + 1));
    let counted = async {
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        while sqlx::query_scalar::<_, i64>(deadlocks).fetch_one(&mut main).await.unwrap() != 1 {}
    };
    timeout(DEADLINE, counted).await.expect("there was a deadlock");
    store.close().await;
}

#[tokio::test]
async fn an_act_is_begun_anew_a_few_times_and_then_given_up() {
    let db = founded().await;
    let mut main = stranger(db.postgres().1).await;
    let before = db.traces().await;
    undo(&mut main, "feed", 3).await;
    db.create_key(&new_key(shop())).await.unwrap();
    let after = db.traces().await;
    assert_eq!((after.0.value(), after.1), (before.0.value() + 1, before.1 + 1));

    run(&mut main, "DROP TRIGGER undo ON feed; ALTER SEQUENCE tries RESTART").await;
    undo(&mut main, "feed", 1_000_000).await;
    assert_refused!(db.create_key(&new_key(shop())).await, Error::Unavailable(Unavailable::Undone(_)));
    let tries: i64 = sqlx::query_scalar("SELECT last_value FROM tries").fetch_one(&mut main).await.unwrap();
    assert_eq!((tries, db.traces().await), (4, after));
}

#[tokio::test]
async fn tokens_whose_batch_was_undone_are_recorded_once() {
    let db = founded().await;
    let record = db.key().await;
    let mut main = stranger(db.postgres().1).await;
    undo(&mut main, "issued_tokens", 2).await;
    let tokens = [token(&record), token(&record)];
    assert_eq!(db.record(&tokens).await.unwrap(), [Recording::Recorded, Recording::Recorded]);
    assert_eq!(db.issued(&record.key.id, 10).await.unwrap().len(), 2);
}

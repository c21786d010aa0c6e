//! What only PostgreSQL can show: many servers at once, its locks, its links, its clock's days.

use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::edit::KeyEdit;
use portcullis::domain::{LiveTokenLimits, Position, ProjectId, Timestamp};
use portcullis::store::{
    Error, FeedLog as _, Heartbeat, IssuedToken, IssuedTokens as _, PostgresOptions, PostgresStore,
    Recording, Store, Unavailable,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::timeout;

use super::database::Database;
use super::days::days;
use super::fixtures::{
    NOW, audit, founding, key_change, new_key, new_project, project_change, set_scope, shop, token,
    token_revocation,
};
use crate::support::{Engine, Listed as _, PostgresDatabase};

/// Longer than anything here takes, and short enough to be noticed.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) async fn founded() -> Database {
    Database::founded(Engine::Postgres).await
}

/// A connection as another process has it.
pub(super) async fn stranger(database: &PostgresDatabase) -> PgConnection {
    PgConnection::connect_with(&database.options()).await.unwrap()
}

pub(super) async fn run(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await.unwrap();
}

/// Waits until so many sessions of this database wait for a lock.
pub(super) async fn until_waiting(connection: &mut PgConnection, sessions: i64) {
    let waiting = async {
        loop {
            let found: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .fetch_one(&mut *connection)
            .await
            .unwrap();
            if found >= sessions {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, waiting).await.unwrap();
}

/// Two transactions that publish are open at once: whoever has the smaller position commits first,
/// and nobody who reads in between sees the larger one before.
#[tokio::test]
async fn the_order_of_commits_is_the_order_of_positions() {
    let db = founded().await;
    let before = db.feed_since(Position::START, u32::MAX).await.unwrap();
    let (mut first, mut second) = (stranger(db.postgres().1).await, stranger(db.postgres().1).await);
    let publish = "WITH moved AS (UPDATE feed_counter SET position = position + 1 RETURNING position) \
                   INSERT INTO feed SELECT moved.position, tag, kind, project, entry, published_at, ends_at \
                   FROM moved, (SELECT * FROM feed LIMIT 1) AS one RETURNING position";
    let mut held = first.begin().await.unwrap();
    let taken: i64 = sqlx::query_scalar(publish).fetch_one(&mut *held).await.unwrap();
    // Begun before the first one ends, with a snapshot in which that has published nothing.
    run(&mut second, "BEGIN; SELECT 1").await;
    let late = tokio::spawn(async move {
        let taken: i64 = sqlx::query_scalar(publish).fetch_one(&mut second).await.unwrap();
        run(&mut second, "COMMIT").await;
        taken
    });
    let store = Arc::clone(&db);
    let ours = tokio::spawn(async move { store.create_key(&new_key(shop())).await });
    until_waiting(&mut stranger(db.postgres().1).await, 2).await;
    assert_eq!(
        db.feed_since(Position::START, u32::MAX).await.unwrap(),
        before,
        "nobody sees anything of any"
    );
    held.commit().await.unwrap();

    let (late, ours) = (late.await.unwrap(), i64::try_from(ours.await.unwrap().unwrap().value()).unwrap());
    let mut after = [late, ours];
    after.sort_unstable();
    assert_eq!(after, [taken + 1, taken + 2]);
    let positions: Vec<u64> = db.whole_feed().await.iter().map(|entry| entry.position.value()).collect();
    assert!(positions.is_sorted());
    assert_eq!(positions.len(), before.entries.len() + 3);
}

/// Mints go on while an edit of their key waits for its commit; and are refused from then on.
#[tokio::test]
async fn a_token_is_recorded_while_an_edit_of_its_key_is_open_and_not_after_it() {
    let db = founded().await;
    let record = db.key().await;
    let mut other = stranger(db.postgres().1).await;
    let mut held = other.begin().await.unwrap();
    run(&mut held, "SELECT 1 FROM feed_counter FOR UPDATE").await;
    let (store, change) = (Arc::clone(&db), key_change(&record, KeyEdit::Block));
    let block = tokio::spawn(async move { store.change_key(&change).await });
    until_waiting(&mut stranger(db.postgres().1).await, 1).await;

    // One with a limit would wait: who frees its places is not known before the edit is over.
    let unlimited = || IssuedToken { limits: LiveTokenLimits::default(), ..token(&record) };
    let recorded = timeout(DEADLINE, db.record(&[unlimited()])).await.unwrap();
    let sign = Heartbeat {
        node: "n".into(),
        started_at: NOW,
        seen_at: NOW,
        applied: Position::START,
        age: DEADLINE,
        max_age: DEADLINE,
    };
    let polled = timeout(DEADLINE, db.poll(Position::START, u32::MAX, &sign)).await.unwrap();
    held.rollback().await.unwrap();
    block.await.unwrap().unwrap();

    assert_eq!(recorded.unwrap(), [Recording::Recorded], "it locks no row of anybody");
    polled.unwrap();
    assert_eq!(db.record(&[unlimited()]).await.unwrap(), [Recording::Moved]);
}

/// Edits of keys and of their projects, of tokens and of signing keys cross each other and never
/// wait in a circle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_of_every_kind_at_once_never_wait_in_a_circle() {
    let db = founded().await;
    let mut acting = tokio::task::JoinSet::new();
    for worker in 0..6 {
        let (store, key) = (Arc::clone(&db), db.key().await.key.id);
        acting.spawn(async move {
            for _ in 0..8 {
                let done = match worker % 3 {
                    0 => {
                        let by = portcullis::store::Lookup::Id(key.clone());
                        let record = store.mint_record(&by).await.unwrap().value.unwrap();
                        store.change_key(&key_change(&record, KeyEdit::RevokeTokens)).await
                    }
                    1 => {
                        let project = store.project(&shop()).await.unwrap().unwrap();
                        store.change_project(&project_change(&project, set_scope("api", "", ""))).await
                    }
                    _ => store.revoke_token(&token_revocation(1000)).await,
                };
                assert!(matches!(done, Ok(_) | Err(Error::Conflict)), "{done:?}");
            }
        });
    }
    timeout(DEADLINE, acting.join_all()).await.unwrap();
    // What was undone because of a circle would have been done again unnoticed.
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    db.close().await;
    let deadlocks: i64 = sqlx::query_scalar(deadlocks).fetch_one(db.postgres().0).await.unwrap();
    assert_eq!(deadlocks, 0);
}

#[tokio::test]
async fn who_waits_is_woken_by_what_another_process_publishes() {
    let db = founded().await;
    let other = PostgresStore::open(&db.postgres().1.url()).await.unwrap();
    // The first wait begins to listen, and ends once it does or at the time to look.
    other.wait_for_change().await;
    let listening = async {
        loop {
            let listens: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'",
            )
            .fetch_one(db.postgres().0)
            .await
            .unwrap();
            if listens > 0 {
                return;
            }
        }
    };
    timeout(DEADLINE, listening).await.unwrap();
    other.has_changed().await.unwrap();

    let notified = async {
        // Longer than one look would take, many times over: only news end it as often as this.
        for _ in 0..40 {
            db.key().await;
            other.wait_for_change().await;
            assert!(other.has_changed().await.unwrap());
        }
    };
    timeout(DEADLINE, notified).await.unwrap();
    other.close().await;
}

/// A link that breaks is made anew, for who listens and for everybody else.
#[tokio::test]
async fn connections_that_the_server_ends_are_replaced() {
    let db = founded().await;
    db.wait_for_change().await;
    let mut main = stranger(db.postgres().1).await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    run(&mut main, kill).await;

    let again = async {
        while db.create_key(&new_key(shop())).await.is_err() {}
        while !db.has_changed().await.unwrap_or(false) {}
        db.wait_for_change().await;
    };
    timeout(DEADLINE, again).await.unwrap();
}

/// Through a pooler that gives each transaction another connection.
#[tokio::test]
async fn without_prepared_statements_and_notifications_everything_works_too() {
    let database = PostgresDatabase::empty().await;
    let options = PostgresOptions { listen: false, prepare: false, ..PostgresOptions::default() };
    let store = PostgresStore::open_with(&database.url(), &options).await.unwrap();
    let store: &dyn Store = &store;
    store.found(&founding()).await.unwrap();
    store.create_project(&new_project(shop())).await.unwrap();
    let new = new_key(shop());
    store.create_key(&new).await.unwrap();
    let by = portcullis::store::Lookup::Id(new.key.id.clone());
    let record = store.mint_record(&by).await.unwrap().value.unwrap();
    assert_eq!(store.record(&[token(&record)]).await.unwrap(), [Recording::Recorded]);
    assert_eq!(store.issued(&new.key.id, 10).await.unwrap().len(), 1);
    store.change_key(&key_change(&record, KeyEdit::Block)).await.unwrap();
    assert_eq!(store.record(&[token(&record)]).await.unwrap(), [Recording::Moved]);
    store.wait_for_change().await;
    assert!(store.has_changed().await.unwrap());

    let mut main = stranger(&database).await;
    let prepared: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .fetch_one(&mut main)
    .await
    .unwrap();
    assert_eq!(prepared, 0);
}

#[tokio::test]
async fn a_lock_of_another_process_is_waited_for_and_then_named() {
    let db = founded().await;
    let mut other = stranger(db.postgres().1).await;
    let mut held = other.begin().await.unwrap();
    run(&mut held, "SELECT 1 FROM feed_counter FOR UPDATE").await;
    let before = db.whole_feed().await;

    assert_refused!(db.create_key(&new_key(shop())).await, Error::Unavailable(Unavailable::Locked(_)));

    held.rollback().await.unwrap();
    assert_eq!(db.whole_feed().await, before);
    db.create_key(&new_key(shop())).await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    let database = PostgresDatabase::empty().await;
    let mut main = stranger(&database).await;
    run(
        &mut main,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', TRUE, '\\x00', 0)",
    )
    .await;
    assert_refused!(PostgresStore::open(&database.url()).await, Error::Unavailable(Unavailable::Newer));
    let found = PostgresStore::migrations(&database.url(), &PostgresOptions::default()).await;
    assert_refused!(found, Error::Unavailable(Unavailable::Newer));
}

#[tokio::test]
async fn a_server_that_cannot_be_written_is_refused() {
    let database = PostgresDatabase::empty().await;
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&mut stranger(&database).await)
        .await
        .unwrap();
    run(
        &mut stranger(&database).await,
        &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"),
    )
    .await;
    assert_refused!(PostgresStore::open(&database.url()).await, Error::Unavailable(Unavailable::Standby));
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let database = PostgresDatabase::empty().await;
    let (right, wrong) = (database.tcp_url(), database.tcp_url().replace("no%2Bsecret", "not-the-password"));
    PostgresStore::open(&right).await.unwrap().close().await;
    let elsewhere = right.replace("/test_", "/none_");
    for url in [&wrong, &elsewhere] {
        let refused = PostgresStore::open(url).await.unwrap_err();
        let said = format!("{refused} {refused:?}");
        assert!(matches!(refused, Error::Unavailable(Unavailable::Other(_))), "{said}");
        assert!(!said.contains("secret") && !said.contains("not-the-password"), "{said}");
    }
}

/// Two that open a new database at once make its tables once; and so do those that come later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_open_a_new_database_one_makes_its_tables() {
    let database = PostgresDatabase::bare().await;
    let steps = PostgresStore::migrations(&database.url(), &PostgresOptions::default()).await.unwrap();
    assert!(steps.iter().all(|step| !step.applied) && steps[0].name == "foundation");
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = database.url();
        opening.spawn(async move { PostgresStore::open(&url).await });
    }
    for opened in opening.join_all().await {
        opened.unwrap().close().await;
    }
    let steps = PostgresStore::migrations(&database.url(), &PostgresOptions::default()).await.unwrap();
    assert!(steps.iter().all(|step| step.applied));
    // Whoever did not get the turn at a day left it; the next turn of the loop makes what is left.
    let store = PostgresStore::open(&database.url()).await.unwrap();
    store.forget_issued(Timestamp::default(), 1).await.unwrap();
    let days = days(&mut stranger(&database).await).await;
    assert_eq!(days.len(), 4, "today, and three days ahead: {days:?}");
}

/// In which the engines differ, and the store does not: ids in the order of their bytes, whatever
/// language the database speaks.
#[tokio::test]
async fn ids_are_listed_in_the_order_of_their_bytes_on_both_engines() {
    let ids = ["prj_B", "prj_Z", "prj_a", "prj_b", "prj_z", "prj__"];
    let mut expected: Vec<ProjectId> = ids.iter().map(|id| id.parse().unwrap()).collect();
    expected.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let db = Database::empty(engine).await;
        db.found(&founding()).await.unwrap();
        for id in ids {
            db.create_project(&new_project(id.parse().unwrap())).await.unwrap();
        }
        let after: ProjectId = "prj_".parse().unwrap_or_else(|_| "prj_0".parse().unwrap());
        let listed = db.projects(Some(&after), 10).await.unwrap();
        assert_eq!(listed.into_iter().map(|project| project.id).collect::<Vec<_>>(), expected, "{engine:?}");
    }
}

/// A text with a NUL is none for PostgreSQL. No name can have one (`domain`); what gets this far is
/// refused, and nothing of it is kept.
#[tokio::test]
async fn a_text_with_a_nul_is_refused_whole() {
    let db = founded().await;
    let before = db.traces().await;
    let mut new = new_key(shop());
    new.key.details.name = "a\0b".into();
    assert_refused!(db.create_key(&new).await, Error::Unavailable(Unavailable::Other(_)));
    assert_eq!(db.traces().await, before);
    db.key().await;
    // In the detail of an act it is escaped like everything that JSON escapes.
    let mut detailed = new_key(shop());
    detailed.audit = audit(portcullis::domain::audit::Act::CreateKey, &shop(), "x");
    detailed.audit.detail = serde_json::json!({ "text": "a\0b" });
    db.create_key(&detailed).await.unwrap();
}

#[tokio::test]
async fn its_own_clock_is_told() {
    let db = founded().await;
    assert!(db.health().await.unwrap().now.is_some());
}

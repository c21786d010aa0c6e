//! What only SQLite can show: its file, its lock, its disk, its other processes.

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use portcullis::domain::edit::{KeyEdit, ProjectEdit};
use portcullis::domain::grant::MintRecord;
use portcullis::domain::signing_key::SigningPurpose;
use portcullis::domain::{OnLeak, Position};
use portcullis::store::{
    Error, FeedLog, Heartbeat, Installation, IssuedTokens, Keys, Lookup, Projects, Recording, Records,
    SigningKeys, SqliteOptions, SqliteStore, Unavailable,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;

use super::database::Database;
use super::fixtures::{NOW, founding, key_change, new_key, project_change, shop, token};
use crate::support::Listed as _;
use crate::support::{Engine, limited_to};

/// A connection as another process has it.
async fn stranger(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

async fn founded(options: SqliteOptions) -> (TempDir, SqliteStore) {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(&home.path().join("portcullis.db"), options).await.unwrap();
    store.found(&founding()).await.unwrap();
    (home, store)
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    let db = Database::founded(Engine::Sqlite).await;
    let mut names = Vec::new();
    for entry in fs::read_dir(db.home()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["portcullis.db", "portcullis.db-shm", "portcullis.db-wal"]);
}

#[tokio::test]
async fn every_table_is_strict() {
    let db = Database::empty(Engine::Sqlite).await;
    let lax: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 \
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations'",
    )
    .fetch_all(db.sqlite())
    .await
    .unwrap();
    assert!(lax.is_empty(), "{lax:?}");
}

#[tokio::test]
async fn a_database_is_found_as_it_was_left() {
    let (home, store) = founded(SqliteOptions::default()).await;
    store.close().await;
    assert!(store.has_changed().await.is_err(), "it is closed");
    let names: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["portcullis.db"], "the log was folded into the file");
    let store = SqliteStore::open(&home.path().join("portcullis.db")).await.unwrap();
    assert_eq!(store.feed_since(Position::START, u32::MAX).await.unwrap().entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_open_a_new_database_at_once_both_can() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("portcullis.db");
    let (first, second) = tokio::join!(SqliteStore::open(&path), SqliteStore::open(&path));
    let (first, second) = (first.unwrap(), second.unwrap());
    first.found(&founding()).await.unwrap();
    assert_refused!(second.found(&founding()).await, Error::Conflict);
}

#[tokio::test]
async fn what_one_process_commits_the_other_sees() {
    let (home, store) = founded(SqliteOptions::default()).await;
    let other = SqliteStore::open(&home.path().join("portcullis.db")).await.unwrap();
    assert!(other.has_changed().await.unwrap());
    assert!(!other.has_changed().await.unwrap());
    let position = store.create_key(&new_key(founding().project.id)).await.unwrap();
    assert!(other.has_changed().await.unwrap());
    assert_eq!(other.feed_since(Position::START, u32::MAX).await.unwrap().position, position);
}

#[tokio::test]
async fn the_position_of_an_act_is_given_out_in_the_order_of_commits() {
    let db = Database::founded(Engine::Sqlite).await;
    let mut other = stranger(&db.file()).await;
    let before = db.feed_since(Position::START, u32::MAX).await.unwrap();
    let mut held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let taken: i64 = sqlx::query_scalar("UPDATE feed_counter SET position = position + 1 RETURNING position")
        .fetch_one(&mut *held)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO feed SELECT $1, tag, kind, project, entry, published_at, ends_at FROM feed LIMIT 1",
    )
    .bind(taken)
    .execute(&mut *held)
    .await
    .unwrap();

    let new = new_key(shop());
    let mut act = db.create_key(&new);
    // It waits for the other's commit, and until then nobody sees anything of either.
    assert!(tokio::time::timeout(Duration::ZERO, &mut act).await.is_err());
    assert_eq!(db.feed_since(Position::START, u32::MAX).await.unwrap(), before);
    held.commit().await.unwrap();

    let position = act.await.unwrap();
    assert_eq!(i64::try_from(position.value()).unwrap(), taken + 1);
}

#[tokio::test]
async fn a_file_that_is_gone_or_another_is_noticed_until_it_is_back() {
    let db = Database::founded(Engine::Sqlite).await;
    let record = db.key().await;
    let (file, aside) = (db.file(), db.home().join("aside"));
    db.has_changed().await.unwrap();

    fs::rename(&file, &aside).unwrap();
    assert_cut_off(&db, &record, is_gone).await;
    fs::copy(&aside, &file).unwrap();
    assert_cut_off(&db, &record, |error| matches!(error, Error::Unavailable(Unavailable::Replaced))).await;

    fs::rename(&aside, &file).unwrap();
    assert!(db.has_changed().await.unwrap(), "nobody looked meanwhile");
    assert_eq!(db.feed_since(Position::START, u32::MAX).await.unwrap().position, record.position);
    assert_eq!(db.record(&[token(&record)]).await.unwrap(), [Recording::Recorded]);
    assert_eq!(db.issued(&record.key.id, 10).await.unwrap().len(), 1, "only this one");
}

/// Commits that are not yet folded into the file stand in the log beside it, and who comes later
/// reads another one.
#[tokio::test]
async fn a_log_that_is_gone_from_beside_the_file_is_noticed() {
    for suffix in ["-wal", "-shm"] {
        let db = Database::founded(Engine::Sqlite).await;
        let record = db.key().await;
        let (beside, aside) = (format!("{}{suffix}", db.file().display()), db.home().join("aside"));
        fs::rename(&beside, &aside).unwrap();
        assert_cut_off(&db, &record, is_gone).await;
        fs::rename(&aside, &beside).unwrap();
        assert_eq!(db.record(&[token(&record)]).await.unwrap(), [Recording::Recorded]);
    }
}

fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Unavailable(Unavailable::Gone))
}

async fn assert_cut_off(db: &Database, record: &MintRecord, by: fn(&Error) -> bool) {
    let block = key_change(record, KeyEdit::Block);
    let errors = [
        db.has_changed().await.unwrap_err(),
        db.feed_since(Position::START, u32::MAX).await.unwrap_err(),
        db.record(&[token(record)]).await.unwrap_err(),
        db.change_key(&block).await.unwrap_err(),
    ];
    assert!(errors.iter().all(by), "{errors:?}");
}

#[tokio::test]
async fn a_lock_of_another_process_is_waited_for_and_then_named() {
    let short = SqliteOptions { busy_timeout: Duration::from_millis(20), ..Default::default() };
    let (home, store) = founded(short).await;
    let mut other = stranger(&home.path().join("portcullis.db")).await;
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let new = new_key(founding().project.id);
    assert_refused!(store.create_key(&new).await, Error::Unavailable(Unavailable::Locked(_)));
    assert!(store.feed_since(Position::START, u32::MAX).await.is_ok(), "who reads needs no lock");
    held.rollback().await.unwrap();
    store.create_key(&new).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_is_got_over() {
    let (home, store) = founded(SqliteOptions::default()).await;
    let path = home.path().join("portcullis.db");
    let mut kept = vec![store.feed_since(Position::START, u32::MAX).await.unwrap().entries];
    let pages: i64 =
        sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut stranger(&path).await).await.unwrap();
    store.close().await;

    let full = SqliteOptions { max_page_count: u32::try_from(pages + 2).ok(), ..Default::default() };
    let store = SqliteStore::open_with(&path, full).await.unwrap();
    for round in 0.. {
        match store.create_key(&new_key(founding().project.id)).await {
            Ok(_) => kept.push(store.feed_since(Position::START, u32::MAX).await.unwrap().entries),
            Err(Error::Unavailable(Unavailable::Full(_))) => break,
            Err(other) => panic!("{other:?}"),
        }
        assert!(round < 1000, "the disk never fills");
    }
    // Refused again and again, while everything stays readable; and whatever fits goes through.
    for _ in 0..3 {
        let answer = store.create_key(&new_key(founding().project.id)).await;
        assert_refused!(answer, Error::Unavailable(Unavailable::Full(_)));
        assert_eq!(Some(&store.feed_since(Position::START, u32::MAX).await.unwrap().entries), kept.last());
    }
    store.poll(Position::START, u32::MAX, &sign_of_life()).await.unwrap();
    assert_eq!(store.nodes().await.unwrap(), [sign_of_life()]);
    store.close().await;

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(Some(&store.feed_since(Position::START, u32::MAX).await.unwrap().entries), kept.last());
    store.create_key(&new_key(founding().project.id)).await.unwrap();
}

fn sign_of_life() -> Heartbeat {
    let (applied, age) = (Position::START, Duration::ZERO);
    Heartbeat {
        node: "n1".into(),
        started_at: NOW,
        seen_at: NOW,
        applied,
        age,
        max_age: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    let (home, store) = founded(SqliteOptions::default()).await;
    store.close().await;
    let path = home.path().join("portcullis.db");
    let mut other = stranger(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .execute(&mut other)
    .await
    .unwrap();
    assert_refused!(SqliteStore::open(&path).await, Error::Unavailable(Unavailable::Newer));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("portcullis.db");
    fs::write(&path, "dear diary, ".repeat(100)).unwrap();
    assert_refused!(SqliteStore::open(&path).await, Error::Unavailable(Unavailable::Other(_)));
    assert!(fs::read_to_string(&path).unwrap().starts_with("dear diary"));
    let nowhere = home.path().join("nowhere").join("portcullis.db");
    assert_refused!(SqliteStore::open(&nowhere).await, Error::Unavailable(Unavailable::Other(_)));
}

#[test]
fn what_may_not_be_written_is_named_read_only() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("portcullis.db");
    unprivileged(home.path(), async || {
        let store = SqliteStore::open(&path).await.unwrap();
        store.found(&founding()).await.unwrap();
        store.close().await;
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();

        set(&path, 0o400);
        assert_refused!(SqliteStore::open(&path).await, Error::Unavailable(Unavailable::ReadOnly(_)));
        set(&path, 0o600);
        set(home.path(), 0o500);
        assert_refused!(SqliteStore::open(&path).await, Error::Unavailable(Unavailable::ReadOnly(_)));
        let new = home.path().join("new.db");
        assert_refused!(SqliteStore::open(&new).await, Error::Unavailable(Unavailable::ReadOnly(_)));
        set(home.path(), 0o700);
        SqliteStore::open(&path).await.unwrap().close().await;
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing is left behind");
    });
}

/// Runs this without the rights of root, to whom no file is read-only: on a thread that gives
/// them up, with all threads that it starts. The directory becomes its own.
fn unprivileged(home: &Path, act: impl AsyncFnOnce() + Send) {
    use rustix::process::{Gid, Uid, geteuid};
    let nobody = (Uid::from_raw(65_534), Gid::from_raw(65_534));
    if geteuid().is_root() {
        std::os::unix::fs::chown(home, Some(nobody.0.as_raw()), Some(nobody.1.as_raw())).unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if geteuid().is_root() {
                rustix::thread::set_thread_gid(nobody.1).unwrap();
                rustix::thread::set_thread_uid(nobody.0).unwrap();
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(act());
        });
    });
}

/// The next columns come to the keys that are there, and mean for them what held before.
#[tokio::test]
async fn the_database_of_an_older_build_is_brought_up_to_date() {
    let db = Database::founded(Engine::Sqlite).await;
    let before = db.key().await;
    db.record(&[token(&before)]).await.unwrap();
    db.tamper("DELETE FROM _sqlx_migrations WHERE version > 1").await;
    for undo in [
        "ALTER TABLE nodes DROP COLUMN max_age_ms",
        "DROP INDEX api_keys_by_role",
        "ALTER TABLE api_keys DROP COLUMN past_use_at",
        "ALTER TABLE roles DROP COLUMN changed",
        "ALTER TABLE roles DROP COLUMN description",
        "DROP TABLE webhook_deliveries",
        "DROP TABLE webhooks",
        "DROP TABLE leak_reports",
        "DROP TABLE gone_secrets",
        "ALTER TABLE projects DROP COLUMN on_leak",
        "DROP TABLE creations",
        "ALTER TABLE signing_keys DROP COLUMN purpose",
        "DROP INDEX feed_killing",
        "DROP TABLE live_tokens",
        "ALTER TABLE projects DROP COLUMN raw_keys",
        "ALTER TABLE projects DROP COLUMN live_tokens",
        "ALTER TABLE api_keys DROP COLUMN live_tokens",
        "ALTER TABLE api_keys DROP COLUMN auth_methods",
    ] {
        sqlx::query(undo).execute(db.sqlite()).await.unwrap();
    }

    let store = SqliteStore::open(&db.file()).await.unwrap();

    let found = store.mint_record(&Lookup::Id(before.key.id.clone())).await.unwrap().value.unwrap();
    assert!(found.key.details.auth_methods.is_any());
    assert_eq!((found.key.details.live_tokens, found.project.live_tokens), (None, None));
    let signing = store.signing_keys().await.unwrap();
    assert!(signing.iter().all(|key| key.purpose == SigningPurpose::Tokens));
    assert!(!found.project.raw_keys);
    assert_eq!(found.project.on_leak, OnLeak::Block);
    // A limit that comes finds what the older build has minted.
    let limit = ProjectEdit::Patch(limited_to(NonZeroU32::new(1)));
    store.change_project(&project_change(&found.project, limit)).await.unwrap();
    let limited = store.mint_record(&Lookup::Id(before.key.id.clone())).await.unwrap().value.unwrap();
    assert!(matches!(store.record(&[token(&limited)]).await.unwrap()[..], [Recording::Full(_)]));
    assert_eq!((found.key.changed, found.secrets.len()), (before.key.changed, 1));
    store.close().await;
}

/// Who has no limit pays nothing for those who have one.
#[tokio::test]
async fn tokens_that_no_limit_concerns_are_not_counted() {
    let db = Database::founded(Engine::Sqlite).await;
    let counted = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM live_tokens").fetch_one(db.sqlite()).await.unwrap()
    };
    let mut new = new_key(shop());
    new.key.details.live_tokens = None;
    db.create_key(&new).await.unwrap();
    db.record(&[token(&db.record_of(&new.key.id).await)]).await.unwrap();
    assert_eq!(counted().await, 0);
    db.record(&[token(&db.key().await)]).await.unwrap();
    assert_eq!(counted().await, 1);
}

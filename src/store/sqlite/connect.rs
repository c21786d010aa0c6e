//! Connections: how they are set up, and how many there are.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection, SqlitePool};

use crate::store::Migration;
use crate::store::error::{Error, Unavailable};

use super::file::DatabaseFile;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How many transactions may read at the same time.
const READERS: u32 = 4;

/// How long an act waits for its turn at the connections of this process.
const TURN: Duration = Duration::from_secs(5);

/// How long after a refusal a lock is tried again that SQLite does not wait for.
const RETRY: Duration = Duration::from_millis(10);

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// How long to wait for the lock of another process.
    pub busy_timeout: Duration,
    /// How many pages of 4 KiB the file may have; as many as fit on the disk, if absent.
    pub max_page_count: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), max_page_count: None }
    }
}

/// The one connection that writes, to a database whose tables are those of this release.
pub(super) async fn writer(file: &DatabaseFile, options: SqliteOptions) -> Result<SqlitePool, Error> {
    let mut connect = common(file, options)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true);
    if let Some(pages) = options.max_page_count {
        connect = connect.pragma("max_page_count", pages.to_string());
    }
    let pool = patiently(options, || pool(1, file).connect_with(connect.clone())).await?;
    match migrate(&pool).await {
        Ok(()) => Ok(pool),
        Err(error) => {
            // SQLite shares what it knows of a file with every connection of the process: left to
            // be closed some time, this one would spoil the next try.
            pool.close().await;
            Err(error)
        }
    }
}

/// Two that open a new database at once both change its journal mode, and SQLite waits for no lock
/// in that statement: so we do.
async fn patiently<F>(options: SqliteOptions, open: impl Fn() -> F) -> Result<SqlitePool, Error>
where
    F: Future<Output = Result<SqlitePool, sqlx::Error>>,
{
    let tries = options.busy_timeout.as_millis() / RETRY.as_millis();
    for _ in 0..tries {
        match open().await.map_err(Error::from) {
            Err(Error::Unavailable(Unavailable::Locked(_))) => tokio::time::sleep(RETRY).await,
            opened => return opened,
        }
    }
    Ok(open().await?)
}

/// The connections that read.
pub(super) async fn readers(file: &DatabaseFile, options: SqliteOptions) -> Result<SqlitePool, Error> {
    Ok(pool(READERS, file).connect_with(reading(file, options)).await?)
}

/// How a connection that never writes is set up.
pub(super) fn reading(file: &DatabaseFile, options: SqliteOptions) -> SqliteConnectOptions {
    common(file, options).read_only(true)
}

fn common(file: &DatabaseFile, options: SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file.path())
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
}

fn pool(size: u32, file: &DatabaseFile) -> PoolOptions<Sqlite> {
    let file = file.clone();
    PoolOptions::new()
        .max_connections(size)
        .min_connections(size)
        // A connection stays for good: one that came later could meet another file at the path.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(TURN)
        .after_connect(move |_, _| {
            let same = file.check().map_err(|replaced| sqlx::Error::Configuration(replaced.into()));
            Box::pin(async move { same })
        })
        // When the disk is full, SQLite itself rolls back; sqlx, whose own rollback fails then,
        // goes on to believe in the transaction, and would nest all later ones in it. By now a
        // rollback that was under way is over: each release waits for what is.
        .before_acquire(|connection: &mut SqliteConnection, _| {
            let is_free = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_free) })
        })
}

/// Brings the tables up to this release, all or nothing, while nobody else does.
async fn migrate(pool: &SqlitePool) -> Result<(), Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    MIGRATIONS.run_direct(None, &mut *transaction, false).await.map_err(migration_refused)?;
    Ok(transaction.commit().await?)
}

/// Which steps the tables of this file have made, and which are to come; changes nothing.
pub(super) async fn migrations(path: &Path) -> Result<Vec<Migration>, Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut connection = options.connect().await?;
    let is_there: bool =
        sqlx::query_scalar("SELECT count(*) > 0 FROM sqlite_schema WHERE name = '_sqlx_migrations'")
            .fetch_one(&mut connection)
            .await?;
    let applied: Vec<i64> = if is_there {
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(&mut connection)
            .await?
    } else {
        Vec::new()
    };
    connection.close().await?;
    let newest = MIGRATIONS.iter().map(|step| step.version).max();
    if applied.last().copied() > newest {
        return Err(Unavailable::Newer.into());
    }
    let step = |step: &sqlx::migrate::Migration| Migration {
        number: step.version,
        name: step.description.to_string(),
        applied: applied.contains(&step.version),
    };
    Ok(MIGRATIONS.iter().map(step).collect())
}

fn migration_refused(error: MigrateError) -> Error {
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max();
    match error {
        MigrateError::VersionMissing(version) if Some(version) > newest => Unavailable::Newer.into(),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => sqlx::Error::from(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_is_on_the_disk_before_it_is_acknowledged() {
        let home = tempfile::tempdir().unwrap();
        let file = DatabaseFile::prepare(&home.path().join("portcullis.db")).unwrap();
        let writer = writer(&file, SqliteOptions::default()).await.unwrap();
        let settings: (i64, String, i64) = sqlx::query_as(
            "SELECT synchronous, journal_mode, foreign_keys \
             FROM pragma_synchronous, pragma_journal_mode, pragma_foreign_keys",
        )
        .fetch_one(&writer)
        .await
        .unwrap();
        // 2 is FULL.
        assert_eq!(settings, (2, "wal".to_owned(), 1));
    }
}

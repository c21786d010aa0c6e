//! A database for one test.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::domain::feed::Published;
use portcullis::domain::grant::MintRecord;
use portcullis::domain::{KeyId, Position};
use portcullis::store::{Lookup, PostgresStore, SqliteStore, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tempfile::TempDir;

use super::fixtures::{founding, new_key, new_project, shop};
use crate::support::{Engine, Listed as _, PostgresDatabase};

/// A store, and a way to its database past it.
pub(crate) struct Database {
    store: Arc<dyn Store>,
    behind: Behind,
}

enum Behind {
    Sqlite { pool: SqlitePool, home: TempDir },
    Postgres { pool: PgPool, database: PostgresDatabase },
}

impl Deref for Database {
    type Target = Arc<dyn Store>;

    fn deref(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

impl Database {
    /// With tables, and nothing in them.
    pub(crate) async fn empty(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let home = tempfile::tempdir().unwrap();
                let path = home.path().join("portcullis.db");
                let store = Arc::new(SqliteStore::open(&path).await.unwrap());
                let pool =
                    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.unwrap();
                Self { store, behind: Behind::Sqlite { pool, home } }
            }
            Engine::Postgres => {
                let database = PostgresDatabase::empty().await;
                let store = Arc::new(PostgresStore::open(&database.url()).await.unwrap());
                let pool = PgPool::connect_lazy_with(database.options());
                Self { store, behind: Behind::Postgres { pool, database } }
            }
        }
    }

    /// Founded, with one project besides.
    pub(crate) async fn founded(engine: Engine) -> Self {
        let database = Self::empty(engine).await;
        database.found(&founding()).await.unwrap();
        database.create_project(&new_project(shop())).await.unwrap();
        database
    }

    /// The directory of its file, of SQLite's.
    pub(crate) fn home(&self) -> &Path {
        match &self.behind {
            Behind::Sqlite { home, .. } => home.path(),
            Behind::Postgres { .. } => panic!("it has none"),
        }
    }

    /// The file, of SQLite's.
    pub(crate) fn file(&self) -> PathBuf {
        self.home().join("portcullis.db")
    }

    /// Another way to SQLite's, as another process has it.
    pub(crate) fn sqlite(&self) -> &SqlitePool {
        match &self.behind {
            Behind::Sqlite { pool, .. } => pool,
            Behind::Postgres { .. } => panic!("it is none"),
        }
    }

    /// Another way to PostgreSQL's, likewise, and where it is.
    pub(crate) fn postgres(&self) -> (&PgPool, &PostgresDatabase) {
        match &self.behind {
            Behind::Postgres { pool, database } => (pool, database),
            Behind::Sqlite { .. } => panic!("it is none"),
        }
    }

    /// Changes what is stored, past the store. Bytes are written as SQLite writes them.
    pub(crate) async fn tamper(&self, statement: &'static str) {
        let changed = match &self.behind {
            Behind::Sqlite { pool, .. } => {
                sqlx::query(statement).execute(pool).await.unwrap().rows_affected()
            }
            Behind::Postgres { pool, .. } => {
                let statement = statement
                    .replace("x'", "'\\x")
                    .replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')");
                sqlx::query(AssertSqlSafe(statement)).execute(pool).await.unwrap().rows_affected()
            }
        };
        assert_ne!(changed, 0, "{statement}");
    }

    /// Makes a key in the project and answers what is stored of it.
    pub(crate) async fn key(&self) -> MintRecord {
        let new = new_key(shop());
        self.create_key(&new).await.unwrap();
        self.record_of(&new.key.id).await
    }

    /// All that is stored of a key.
    pub(crate) async fn record_of(&self, id: &KeyId) -> MintRecord {
        self.mint_record(&Lookup::Id(id.clone())).await.unwrap().value.expect("the key is there")
    }

    /// The whole feed.
    pub(crate) async fn whole_feed(&self) -> Vec<Published> {
        self.feed_since(Position::START, u32::MAX).await.unwrap().entries
    }

    /// How far feed and audit log have come: unchanged if nothing was done.
    pub(crate) async fn traces(&self) -> (Position, usize) {
        let position = self.feed_since(Position::START, u32::MAX).await.unwrap().position;
        (position, self.audit(0, u32::MAX).await.unwrap().len())
    }
}

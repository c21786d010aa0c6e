//! A database for one test.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::domain::feed::Published;
use portcullis::domain::grant::MintRecord;
use portcullis::domain::{KeyId, Position};
use portcullis::store::{Lookup, SqliteStore, Store};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use super::fixtures::{founding, new_key, new_project, shop};

/// A store, and a way to its database past it.
pub(crate) struct Database {
    store: Arc<dyn Store>,
    behind: SqlitePool,
    home: TempDir,
}

impl Deref for Database {
    type Target = Arc<dyn Store>;

    fn deref(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

impl Database {
    /// With tables, and nothing in them.
    pub(crate) async fn empty() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("portcullis.db");
        let store = Arc::new(SqliteStore::open(&path).await.unwrap());
        let behind = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.unwrap();
        Self { store, behind, home }
    }

    /// Founded, with one project besides.
    pub(crate) async fn founded() -> Self {
        let database = Self::empty().await;
        database.found(&founding()).await.unwrap();
        database.create_project(&new_project(shop())).await.unwrap();
        database
    }

    /// The file, of an engine that has one.
    pub(crate) fn file(&self) -> PathBuf {
        self.home.path().join("portcullis.db")
    }

    /// The directory of that file.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Another way to the database, as another process has it.
    pub(crate) fn behind(&self) -> &SqlitePool {
        &self.behind
    }

    /// Changes what is stored, past the store.
    pub(crate) async fn tamper(&self, statement: &'static str) {
        let done = sqlx::query(statement).execute(&self.behind).await.unwrap();
        assert_ne!(done.rows_affected(), 0, "{statement}");
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
        self.feed_since(Position::START).await.unwrap().entries
    }

    /// How far feed and audit log have come: unchanged if nothing was done.
    pub(crate) async fn traces(&self) -> (Position, usize) {
        let position = self.feed_since(Position::START).await.unwrap().position;
        (position, self.audit(0, u32::MAX).await.unwrap().len())
    }
}

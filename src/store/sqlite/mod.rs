//! SQLite: one file, one writer, a few readers.
//!
//! The file is in WAL mode, and a commit is on the disk before it is acknowledged. All writing
//! goes through one connection, and every writing transaction takes SQLite's lock at once, so
//! that it decides on what it changes. Another process may use the file beside this one: what it
//! commits is noticed, and its lock is waited for.

mod audit;
mod connect;
mod creations;
mod deliveries;
mod feed;
mod file;
mod import;
mod installation;
mod issued;
mod keys;
mod live_tokens;
mod outbox;
mod outside;
mod projects;
mod publish;
mod records;
mod refusal;
mod roles;
mod search;
mod secrets;
mod signing_keys;
mod single;
mod upkeep;
mod watch;
mod webhooks;

use std::path::Path;

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::Mutex;

use super::Migration;
use super::error::Error;
use file::DatabaseFile;
use single::{InUse, Single};
use watch::Watch;

pub use connect::SqliteOptions;
pub use outside::Inspected;
pub(super) use refusal::refusal;

/// A database in one file.
#[derive(Debug)]
pub struct SqliteStore {
    file: DatabaseFile,
    writer: SqlitePool,
    readers: SqlitePool,
    single: Single,
    watch: Mutex<Watch>,
}

impl SqliteStore {
    /// Opens the database of this file, and makes it if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; among others if a newer release has made the database.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    /// [`SqliteStore::open`], otherwise than usual.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_with(path: &Path, options: SqliteOptions) -> Result<Self, Error> {
        let file = DatabaseFile::prepare(path)?;
        let writer = connect::writer(&file, options).await?;
        let readers = match connect::readers(&file, options).await {
            Ok(readers) => readers,
            Err(error) => {
                writer.close().await;
                return Err(error);
            }
        };
        let file = file.with_those_beside()?;
        let watch = Mutex::new(Watch::new(connect::reading(&file, options)));
        let single = Single::new(connect::reading(&file, options));
        Ok(Self { file, writer, readers, single, watch })
    }

    /// Which steps the tables of this file have made, and which are to come; changes nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn migrations(path: &Path) -> Result<Vec<Migration>, Error> {
        connect::migrations(path).await
    }

    /// Waits for what is under way and lets go of the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.single.close().await;
        self.watch.lock().await.close().await;
        // Last: only who may write can fold the log into the file.
        self.writer.close().await;
    }

    /// A transaction that reads: one snapshot, taken at its first statement.
    async fn read(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        let transaction = self.readers.begin().await?;
        self.file.check()?;
        Ok(transaction)
    }

    /// A connection for one statement that reads: a snapshot without a transaction.
    async fn one_read(&self) -> Result<InUse<'_>, Error> {
        let connection = self.single.acquire().await?;
        self.file.check()?;
        Ok(connection)
    }

    /// A connection for one statement that writes: a transaction by itself.
    async fn one_write(&self) -> Result<PoolConnection<Sqlite>, Error> {
        let connection = self.writer.acquire().await?;
        self.file.check()?;
        Ok(connection)
    }

    /// A transaction that writes. It holds the lock from here on: what it reads stays true.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        self.file.check()?;
        Ok(transaction)
    }
}

/// Bytes as SQLite's `unhex` takes them: JSON, in which a statement gets many rows, has none.
fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

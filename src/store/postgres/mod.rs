//! PostgreSQL: one database, any number of servers on it.
//!
//! Whatever publishes runs at READ COMMITTED: it locks the rows that it is about, then the feed
//! counter, which is the turn at the audit log as well, and holds that to its commit; so the order
//! of commits is the order of positions. What is read whole is read in one snapshot. Recording
//! tokens and giving signs of life lock no row of anybody else.
//!
//! A server that cannot be written is not used: a standby may not know yet what was revoked.

mod again;
mod audit;
mod connect;
mod creations;
mod deliveries;
mod feed;
mod import;
mod installation;
mod issued;
mod keys;
mod live_tokens;
mod migrate;
mod outbox;
mod partitions;
mod projects;
mod publish;
mod records;
mod refusal;
mod roles;
mod search;
mod secrets;
mod signing_keys;
mod upkeep;
mod watch;
mod webhooks;
mod work;

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::Mutex;

use super::Migration;
use super::error::Error;
use watch::Watch;
use work::Work;

pub use connect::PostgresOptions;
pub(super) use refusal::refusal;

/// A statement that begins a transaction, with the limits that hold in it. What sqlx has parsed has a
/// name, even where nothing is kept, and on such a connection another client may have left the same.
macro_rules! limited {
    ($begin:literal) => {
        concat!(
            $begin,
            "; DEALLOCATE ALL; SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '5s'; \
             SET LOCAL idle_in_transaction_session_timeout = '15s'; SET LOCAL synchronous_commit = 'on'"
        )
    };
}

/// How transactions begin.
#[derive(Clone, Copy, Debug)]
struct Beginnings {
    /// One that reads a snapshot.
    read: &'static str,
    /// One that reads a snapshot and writes what nobody else does.
    poll: &'static str,
    /// One that publishes.
    write: &'static str,
    /// One statement that reads; by itself it needs no transaction.
    one_read: Option<&'static str>,
    /// One statement that writes, likewise.
    one_write: Option<&'static str>,
}

/// On connections of which each has its limits from its start.
const PREPARED: Beginnings = Beginnings {
    read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    poll: "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE",
    write: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    one_read: None,
    one_write: None,
};

/// On connections that are another's between two transactions: each brings its limits along, and
/// even one statement, which is parsed before it is carried out, must stay on one of them.
const PLAIN: Beginnings = Beginnings {
    read: limited!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
    poll: limited!("BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE"),
    write: limited!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
    one_read: Some(limited!("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")),
    one_write: Some(limited!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")),
};

/// A database on a server.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    beginnings: Beginnings,
    watch: Watch,
    /// Where the feed stood at the last look.
    seen: Mutex<Option<feed::Stand>>,
}

impl PostgresStore {
    /// Opens the database of this URL, and makes the tables of this release if they are not there.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; among others if a newer release has been at work, or if the server
    /// is a standby.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url, &PostgresOptions::default()).await
    }

    /// [`PostgresStore::open`], otherwise than usual.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_with(url: &str, options: &PostgresOptions) -> Result<Self, Error> {
        let store = Self::reach(url, options).await?;
        match migrate::run(&store).await {
            Ok(()) => Ok(store),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    /// The same, unless there are no tables of any release; then it leaves everything as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_if_there(url: &str, options: &PostgresOptions) -> Result<Option<Self>, Error> {
        let store = Self::reach(url, options).await?;
        if !migrate::has_begun(&store).await? {
            store.close().await;
            return Ok(None);
        }
        migrate::run(&store).await?;
        Ok(Some(store))
    }

    /// Which steps the tables of this database have made, and which are to come; changes nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn migrations(url: &str, options: &PostgresOptions) -> Result<Vec<Migration>, Error> {
        let store = Self::reach(url, options).await?;
        let found = migrate::status(&store).await;
        store.close().await;
        found
    }

    async fn reach(url: &str, options: &PostgresOptions) -> Result<Self, Error> {
        let place: PgConnectOptions = options.refine(url.parse()?);
        connect::try_out(&place).await?;
        let watch = Watch::new(options.listen.then(|| place.clone()));
        let beginnings = if options.prepare { PREPARED } else { PLAIN };
        Ok(Self { pool: options.pool(place), beginnings, watch, seen: Mutex::default() })
    }

    /// Waits for what is under way and lets go of the server.
    pub async fn close(&self) {
        self.watch.end().await;
        self.pool.close().await;
    }

    /// A transaction that reads: one snapshot, taken at its first statement.
    async fn read(&self) -> Result<Work, Error> {
        Work::begin(&self.pool, Some(self.beginnings.read)).await
    }

    /// A transaction that publishes. Each of its statements sees what was committed before.
    async fn write(&self) -> Result<Work, Error> {
        Work::begin(&self.pool, Some(self.beginnings.write)).await
    }

    /// One statement that reads.
    async fn one_read(&self) -> Result<Work, Error> {
        Work::begin(&self.pool, self.beginnings.one_read).await
    }

    /// One statement that writes.
    async fn one_write(&self) -> Result<Work, Error> {
        Work::begin(&self.pool, self.beginnings.one_write).await
    }
}

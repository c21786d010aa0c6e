//! Connections: how they are set up, how many there are, and how long anything may take.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres, Row as _};

use super::refusal::not_connected;
use crate::store::error::{Error, Unavailable};

/// How long an act waits for its turn at the connections of this process, a new one included.
const TURN: Duration = Duration::from_secs(3);
/// A connection that was idle for so long is asked whether it is still there.
const DOUBTFUL: Duration = Duration::from_secs(1);
/// How long it has to answer that.
const SIGN: Duration = Duration::from_secs(1);
/// An idle connection is let go after this time.
const IDLE: Duration = Duration::from_mins(5);
/// And any after this one, so that a server that came back gets its share of them again.
const LIFETIME: Duration = Duration::from_mins(30);
/// How many statements a connection keeps prepared.
const PREPARED: usize = 64;

/// What holds for every statement. A commit is on the disk of the primary, and of as many standbys
/// as it waits for, before it is acknowledged, whatever the server's own default is.
const LIMITS: [(&str, &str); 6] = [
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "15s"),
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    ("client_min_messages", "warning"),
];

/// How a database is used.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// How many connections there are at most, besides the one that listens.
    pub connections: u32,
    /// Whether notifications are listened for; if not, changes are found by looking alone.
    pub listen: bool,
    /// Whether statements are prepared once per connection, and limits set once. Not through a
    /// pooler that gives each transaction another connection.
    pub prepare: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { connections: 10, listen: true, prepare: true }
    }
}

impl PostgresOptions {
    /// How each connection to this database is made.
    pub(super) fn refine(&self, place: PgConnectOptions) -> PgConnectOptions {
        let place = place.application_name("portcullis").disable_statement_logging();
        if self.prepare {
            place.statement_cache_capacity(PREPARED).options(LIMITS)
        } else {
            // Poolers take few settings at the start of a connection.
            place.statement_cache_capacity(0).extra_float_digits(None)
        }
    }

    /// The connections of this process. None is made yet.
    pub(super) fn pool(&self, place: PgConnectOptions) -> PgPool {
        pool(self.connections).connect_lazy_with(place)
    }
}

/// So many connections to a database, each of them to its primary.
pub(super) fn pool(size: u32) -> PoolOptions<Postgres> {
    PoolOptions::new()
        .max_connections(size)
        .acquire_timeout(TURN)
        .idle_timeout(IDLE)
        .max_lifetime(LIFETIME)
        .test_before_acquire(false)
        .before_acquire(|connection, met| {
            Box::pin(async move { Ok(is_there(connection, met.idle_for).await) })
        })
        .after_connect(|connection, _| {
            let refuse = |error| sqlx::Error::Configuration(Box::new(error));
            Box::pin(async move { check_primary(connection).await.map_err(refuse) })
        })
}

async fn is_there(connection: &mut PgConnection, idle_for: Duration) -> bool {
    idle_for < DOUBTFUL || matches!(tokio::time::timeout(SIGN, connection.ping()).await, Ok(Ok(())))
}

/// Makes one connection, to learn at once and in plain words why that cannot be done: a pool would
/// go on trying until it gives up.
pub(super) async fn try_out(place: &PgConnectOptions) -> Result<(), Error> {
    let attempt = async {
        let mut connection = place.connect().await.map_err(not_connected)?;
        check_primary(&mut connection).await?;
        Ok(connection.close().await?)
    };
    tokio::time::timeout(TURN, attempt).await.unwrap_or(Err(Unavailable::Slow.into()))
}

/// Refuses a server that cannot be written: a standby knows of no revocation that has not reached it.
async fn check_primary(connection: &mut PgConnection) -> Result<(), Error> {
    // Without a transaction and without parameters, so that it passes any pooler.
    let row =
        sqlx::raw_sql("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean");
    let cannot_be_written: bool = sqlx::Executor::fetch_one(connection, row).await?.try_get(0)?;
    if cannot_be_written { Err(Unavailable::Standby.into()) } else { Ok(()) }
}

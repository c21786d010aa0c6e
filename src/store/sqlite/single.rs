//! A connection for reads of one statement each, as a mint of a key that nobody remembers makes one.
//!
//! The pool asks a connection whether it still lives whenever it is given back, which costs as much as such a
//! read itself. This one is simply dropped if a read fails or is given up.

use std::ops::{Deref, DerefMut};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

/// The connection.
#[derive(Debug)]
pub(super) struct Single {
    options: SqliteConnectOptions,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
enum Kept {
    Open(SqliteConnection),
    /// Not open yet, or in use by a read that came to no end.
    Away,
    Closed,
}

/// It, in use.
#[derive(Debug)]
pub(super) struct InUse<'a> {
    connection: SqliteConnection,
    kept: MutexGuard<'a, Kept>,
}

impl Single {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, kept: Mutex::new(Kept::Away) }
    }

    /// Waits for its turn at the connection.
    pub(super) async fn acquire(&self) -> Result<InUse<'_>, sqlx::Error> {
        let mut kept = self.kept.lock().await;
        let connection = match std::mem::replace(&mut *kept, Kept::Away) {
            Kept::Open(connection) => connection,
            Kept::Away => self.options.connect().await?,
            Kept::Closed => {
                *kept = Kept::Closed;
                return Err(sqlx::Error::PoolClosed);
            }
        };
        Ok(InUse { connection, kept })
    }

    pub(super) async fn close(&self) {
        if let Kept::Open(connection) = std::mem::replace(&mut *self.kept.lock().await, Kept::Closed) {
            // It has written nothing that could fail to be kept.
            connection.close().await.ok();
        }
    }
}

impl InUse<'_> {
    /// Keeps the connection: the read came to its end.
    pub(super) fn done(self) {
        let Self { connection, mut kept } = self;
        *kept = Kept::Open(connection);
    }
}

impl Deref for InUse<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for InUse<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

//! A piece of work on one connection, and what becomes of the connection when it is given up.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, Postgres};

use crate::store::error::Error;

/// How long a connection whose work was given up has to become usable again.
const RECOVERY: Duration = Duration::from_secs(1);

/// Statements on one connection, in a transaction unless they are only one.
///
/// Dropped before its end, it is undone: the connection goes back once the server has answered,
/// and is thrown away if that takes long. A link that was cut without a word would otherwise keep
/// its place in the pool for as long as the operating system goes on hoping.
pub(super) struct Work {
    connection: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
}

impl Work {
    /// Takes a connection, and begins a transaction on it with this statement, if there is one.
    pub(super) async fn begin(pool: &PgPool, statement: Option<&'static str>) -> Result<Self, Error> {
        let connection = Some(pool.acquire().await?);
        let mut work = Self { connection, in_transaction: statement.is_some() };
        if let Some(statement) = statement {
            work.execute(sqlx::raw_sql(statement)).await?;
        }
        Ok(work)
    }

    /// Ends it. After an error nobody knows whether it was committed.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        if self.in_transaction {
            self.execute(sqlx::raw_sql("COMMIT")).await?;
        }
        // Back to the pool: there is nothing left to be undone.
        drop(self.connection.take());
        Ok(())
    }
}

impl Deref for Work {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("it is there until the work has ended")
    }
}

impl DerefMut for Work {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("it is there until the work has ended")
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            drop(connection.detach());
            return;
        };
        let in_transaction = self.in_transaction;
        runtime.spawn(async move {
            let undone = async {
                if in_transaction {
                    return connection.execute(sqlx::raw_sql("ROLLBACK")).await.map(drop);
                }
                // Only the answer is waited for: outside of a transaction there is nothing to undo, and
                // PostgreSQL would warn of it.
                connection.ping().await
            };
            if !matches!(tokio::time::timeout(RECOVERY, undone).await, Ok(Ok(()))) {
                drop(connection.detach());
            }
        });
    }
}

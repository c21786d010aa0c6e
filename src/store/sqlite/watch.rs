//! Whether anybody has committed.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

/// A connection that never writes, and what it saw. `PRAGMA data_version` changes with every
/// commit of any *other* connection, of this process or another; values of two connections cannot
/// be compared.
#[derive(Debug)]
pub(super) struct Watch {
    options: SqliteConnectOptions,
    // Absent as well while a look is under way: one that fails or is given up leaves nothing
    // behind that could later pass for "no change".
    seen: Option<(SqliteConnection, i64)>,
}

impl Watch {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, seen: None }
    }

    /// Whether anybody has committed since the last look that succeeded; yes, if there was none.
    pub(super) async fn look(&mut self) -> Result<bool, sqlx::Error> {
        let (mut connection, before) = match self.seen.take() {
            Some((connection, version)) => (connection, Some(version)),
            None => (self.options.connect().await?, None),
        };
        let version = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut connection).await?;
        self.seen = Some((connection, version));
        Ok(before != Some(version))
    }

    /// Forgets what was seen: the next look answers yes.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    pub(super) async fn close(&mut self) {
        if let Some((connection, _)) = self.seen.take() {
            // It has written nothing that could fail to be kept.
            connection.close().await.ok();
        }
    }
}

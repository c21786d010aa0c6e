//! Files that are no database of ours to work on: a backup's copy, a database about to be replaced.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::domain::Position;
use crate::store::error::{Error, Unavailable};
use crate::store::rows::{DataKeyRow, FoundedRow};
use crate::store::{Founded, SealedKey};

use super::{SqliteStore, records};

/// What a file says of itself.
#[derive(Debug)]
pub struct Inspected {
    /// The installation; none if this is another kind of database.
    pub founded: Option<Founded>,
    /// Its data keys.
    pub data_keys: Vec<SealedKey>,
}

impl SqliteStore {
    /// Looks into a file that nobody writes, from its first page to its last, and leaves nothing
    /// beside it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also for a file that is damaged or no database.
    pub async fn inspect(path: &Path) -> Result<Inspected, Error> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        let mut connection = options.disable_statement_logging().connect().await?;
        let found = look(&mut connection).await;
        connection.close().await?;
        found
    }

    /// Folds the log of a database into its file, so that the file is the whole of it; tells how
    /// far it has counted. None if it cannot be read: then there is nothing to be done for it.
    pub async fn fold(path: &Path) -> Option<Position> {
        let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
        let mut connection = options.connect().await.ok()?;
        let counted = records::counter(&mut connection).await.ok();
        let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        connection.close().await.ok()?;
        folded.ok().and(counted)
    }
}

async fn look(connection: &mut SqliteConnection) -> Result<Inspected, Error> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('installation', 'data_keys')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if tables < 2 {
        return Ok(Inspected { founded: None, data_keys: Vec::new() });
    }
    if !faults(connection).await?.is_empty() {
        return Err(Unavailable::Damaged.into());
    }
    let founded: Option<FoundedRow> =
        sqlx::query_as("SELECT issuer, created_at, backup_mark FROM installation WHERE id = 1")
            .fetch_optional(&mut *connection)
            .await?;
    let data_keys: Vec<DataKeyRow> =
        sqlx::query_as("SELECT name, sealed, created_at FROM data_keys ORDER BY name")
            .fetch_all(connection)
            .await?;
    Ok(Inspected {
        founded: founded.map(Founded::from),
        data_keys: data_keys.into_iter().map(SealedKey::from).collect(),
    })
}

/// What SQLite finds wrong with the file.
pub(super) async fn faults(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let said: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(10)").fetch_all(connection).await?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

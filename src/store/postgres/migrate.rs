//! The tables, brought up to this release.

use std::borrow::Cow;
use std::collections::BTreeSet;

use sqlx::PgConnection;
use sqlx::migrate::{MigrateError, Migrator};

use crate::store::Migration;
use crate::store::error::{Error, Unavailable};

use super::{PostgresStore, partitions};

/// Not locked by the migrator itself, whose lock is a session's and passes no pooler.
static MIGRATIONS: Migrator = {
    let Migrator { migrations: Cow::Borrowed(migrations), .. } = sqlx::migrate!("migrations/postgres") else {
        panic!("the steps are in the program")
    };
    Migrator { migrations: Cow::Borrowed(migrations), locking: false, ..Migrator::DEFAULT }
};

/// Whoever makes tables holds this until its commit: "port", and what for.
pub(super) const TURN_TO_MIGRATE: &str = "SELECT pg_advisory_xact_lock(1886352500, 1)";

/// Brings the tables up to this release, all or nothing, while nobody else does; and makes the
/// partitions of the days to come.
pub(super) async fn run(store: &PostgresStore) -> Result<(), Error> {
    if status(store).await?.iter().any(|step| !step.applied) {
        // Not one of ours: the migrator must know that it is in a transaction.
        let mut transaction = store.pool.begin_with(store.beginnings.write).await?;
        sqlx::raw_sql(TURN_TO_MIGRATE).execute(&mut *transaction).await?;
        MIGRATIONS.run_direct(None, &mut *transaction, false).await.map_err(refused)?;
        transaction.commit().await?;
    }
    partitions::make_ahead(store).await
}

/// Whether any step was made.
pub(super) async fn has_begun(store: &PostgresStore) -> Result<bool, Error> {
    Ok(status(store).await?.iter().any(|step| step.applied))
}

/// The steps of this release, and whether they were made; [`Unavailable::Newer`] if more were.
pub(super) async fn status(store: &PostgresStore) -> Result<Vec<Migration>, Error> {
    let mut work = store.read().await?;
    let applied = applied(&mut work).await?;
    work.commit().await?;
    let ours: BTreeSet<i64> = MIGRATIONS.iter().map(|step| step.version).collect();
    if applied.iter().any(|version| Some(version) > ours.last()) {
        return Err(Unavailable::Newer.into());
    }
    let step = |step: &sqlx::migrate::Migration| Migration {
        number: step.version,
        name: step.description.to_string(),
        applied: applied.contains(&step.version),
    };
    Ok(MIGRATIONS.iter().map(step).collect())
}

async fn applied(connection: &mut PgConnection) -> Result<BTreeSet<i64>, Error> {
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(BTreeSet::new());
    }
    let versions: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(connection)
            .await?;
    Ok(versions.into_iter().collect())
}

fn refused(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(_) => Unavailable::Newer.into(),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => sqlx::Error::from(other).into(),
    }
}

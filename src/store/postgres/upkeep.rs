//! What becomes of a database that was loaded from a copy, and how one fares.

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::domain::{ApiKey, Position, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, KeyRow};
use crate::store::{Backup, Health, Restoration, Restored, Upkeep};

use super::again::again;
use super::publish::{append_audit, publish, take_turn};
use super::{PostgresStore, live_tokens, signing_keys};

/// `fsync`, `full_page_writes`, `synchronous_commit` and `synchronous_standby_names`.
type Durability = (String, String, String, String);

#[async_trait]
impl Upkeep for PostgresStore {
    /// The server has tools for that, which copy it while it changes and replay every commit since.
    async fn back_up(&self, _: &Backup) -> Result<(), Error> {
        Err(Error::Elsewhere)
    }

    /// In place, marked or not: what was loaded from a dump or recovered to a point in time has no
    /// mark of ours.
    async fn restore(&self, restoration: &Restoration) -> Result<Restored, Error> {
        again(move || async move {
            let mut work = self.write().await?;
            take_turn(&mut work).await?;
            sqlx::query("UPDATE installation SET backup_mark = NULL WHERE id = 1")
                .execute(&mut *work)
                .await?;
            let at = restoration.audit.at;
            let blocked = block_active_keys(&mut work).await?;
            replace_signing_keys(&mut work, restoration, at).await?;
            // They follow a database that is no more.
            sqlx::query("DELETE FROM nodes").execute(&mut *work).await?;
            hold_webhooks(&mut work).await?;
            append_audit(&mut work, &restoration.audit).await?;
            let position = publish_restoration(&mut work, restoration, at).await?;
            work.commit().await?;
            Ok(Restored { position, blocked })
        })
        .await
    }

    async fn close(&self) {
        Self::close(self).await;
    }

    async fn health(&self) -> Result<Health, Error> {
        let mut work = self.write().await?;
        let (version, now, newest): (String, i64, Option<i64>) = sqlx::query_as(
            "SELECT current_setting('server_version'), \
               (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
               (SELECT max(at) FROM (SELECT max(at) AS at FROM audit \
                UNION ALL SELECT max(seen_at) FROM nodes) AS times)",
        )
        .fetch_one(&mut *work)
        .await?;
        let durability: Durability = sqlx::query_as(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'), \
               current_setting('synchronous_commit'), current_setting('synchronous_standby_names')",
        )
        .fetch_one(&mut *work)
        .await?;
        let faults = faults(&mut work).await?;
        // A number that has to be written down, so that the commit waits for whatever commits wait for.
        sqlx::query("SELECT txid_current()").execute(&mut *work).await?;
        work.commit().await?;
        Ok(Health {
            engine: format!("PostgreSQL {version}, primary"),
            durable: durable(&durability),
            faults,
            sound: "no index and no constraint is called invalid",
            newest: newest.map(Timestamp::from_millis),
            now: Some(Timestamp::from_millis(now)),
        })
    }
}

fn durable((fsync, pages, commit, standbys): &Durability) -> (bool, String) {
    let standbys = if standbys.is_empty() { "no synchronous standby" } else { standbys };
    let said = format!("fsync {fsync}, full_page_writes {pages}, synchronous_commit {commit}, {standbys}");
    (fsync == "on" && pages == "on" && commit == "on", said)
}

/// Indexes and constraints that the server itself calls invalid: left so by something that broke off.
async fn faults(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(
        "SELECT 'index ' || indexrelid::regclass || ' is not valid' FROM pg_index \
         WHERE NOT indisvalid AND indrelid IN (\
           SELECT oid FROM pg_class WHERE relnamespace = (\
             SELECT relnamespace FROM pg_class WHERE oid = 'installation'::regclass)) \
         UNION ALL \
         SELECT 'constraint ' || conname || ' of ' || conrelid::regclass || ' is not valid' \
         FROM pg_constraint WHERE NOT convalidated AND connamespace = (\
           SELECT relnamespace FROM pg_class WHERE oid = 'installation'::regclass) \
         LIMIT 10",
    )
    .fetch_all(connection)
    .await?)
}

async fn block_active_keys(connection: &mut PgConnection) -> Result<Vec<ApiKey>, Error> {
    // Each row as it was is joined to the one that changes.
    let rows: Vec<KeyRow> = sqlx::query_as(
        "WITH blocked AS (UPDATE api_keys SET state = 'blocked' WHERE state = 'active' RETURNING id) \
         SELECT id, project, name, state, permissions, role, allowlist, audiences, token_lifetime, \
         require_scope, auth_methods, live_tokens, created_at, expires_at, changed \
         FROM api_keys WHERE id IN (SELECT id FROM blocked) ORDER BY project, id",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// Nothing of the past is sent again, and nothing new until somebody says that the receivers are still right.
async fn hold_webhooks(connection: &mut PgConnection) -> Result<(), Error> {
    for statement in [
        "DELETE FROM webhook_deliveries",
        "UPDATE webhooks SET state = 'paused', failing_since = NULL WHERE state = 'active'",
    ] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Ends every signing key at once, and begins with new ones.
async fn replace_signing_keys(
    connection: &mut PgConnection,
    restoration: &Restoration,
    at: Timestamp,
) -> Result<(), Error> {
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT kid FROM signing_keys ORDER BY kid").fetch_all(&mut *connection).await?;
    let mut revoked: Vec<&str> = restoration.revoked.iter().map(|(kid, _)| kid.as_str()).collect();
    revoked.sort_unstable();
    if stored != revoked {
        return Err(Error::Conflict);
    }
    sqlx::query(
        "UPDATE signing_keys SET retires_at = least(retires_at, $1), \
         gone_at = least(gone_at, $1)",
    )
    .bind(at.millis())
    .execute(&mut *connection)
    .await?;
    for key in &restoration.signing_keys {
        signing_keys::insert(connection, key).await?;
    }
    Ok(())
}

/// Moves the counter beyond whatever the lost history has counted, and tells what is revoked.
async fn publish_restoration(
    connection: &mut PgConnection,
    restoration: &Restoration,
    at: Timestamp,
) -> Result<Position, Error> {
    sqlx::query("UPDATE feed_counter SET position = greatest(position, $1 - 1) WHERE id = 1")
        .bind(rows::stored(restoration.at_least))
        .execute(&mut *connection)
        .await?;
    live_tokens::free(connection, &restoration.all.entry, at).await?;
    let first = publish(connection, &restoration.all, at).await?;
    let mut position = first;
    for (_, entry) in &restoration.revoked {
        position = publish(connection, entry, at).await?;
    }
    for statement in ["UPDATE api_keys SET changed = $1", "UPDATE projects SET changed = $1"] {
        sqlx::query(statement).bind(rows::stored(first)).execute(&mut *connection).await?;
    }
    Ok(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_waits_for_no_disk_is_not_durable() {
        let of = |fsync: &str, pages: &str, commit: &str| {
            durable(&(fsync.to_owned(), pages.to_owned(), commit.to_owned(), String::new()))
        };
        assert_eq!(
            of("on", "on", "on"),
            (true, "fsync on, full_page_writes on, synchronous_commit on, no synchronous standby".to_owned())
        );
        for not in [of("off", "on", "on"), of("on", "off", "on"), of("on", "on", "local")] {
            assert!(!not.0, "{not:?}");
        }
    }
}

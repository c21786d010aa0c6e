//! Keys that come from elsewhere. A batch is an array for each column, and each statement takes all
//! of it.

use async_trait::async_trait;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, PgConnection};

use crate::domain::{Position, RoleName, Timestamp};
use crate::store::error::Error;
use crate::store::import::Known;
use crate::store::rows::{self, KnownRow};
use crate::store::{Arrival, KeyBatch, KeyImport, KeyToImport};

use super::again::again;
use super::keys::{lifetime, written};
use super::publish::conclude;
use super::{PostgresStore, live_tokens};

#[async_trait]
impl KeyImport for PostgresStore {
    async fn import_keys(&self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error> {
        again(move || async move {
            let mut work = self.write().await?;
            let arrivals = batch.sort_out(&known(&mut work, batch).await?);
            let chosen = batch.chosen(&arrivals);
            if chosen.is_empty() {
                return Ok(arrivals);
            }
            insert(&mut work, batch, &chosen).await.map_err(|error| match error {
                // Somebody made it after it was looked for.
                Error::Taken(_) => Error::Conflict,
                other => other,
            })?;
            let position = conclude(&mut work, &batch.audit_of(&chosen), &batch.feed).await?;
            set_changed(&mut work, &chosen, position).await?;
            work.commit().await?;
            Ok(arrivals)
        })
        .await
    }

    async fn foresee_import(&self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error> {
        let mut work = self.read().await?;
        let arrivals = batch.sort_out(&known(&mut work, batch).await?);
        work.commit().await?;
        Ok(arrivals)
    }
}

/// What is known of each key of the batch, in its order.
async fn known(connection: &mut PgConnection, batch: &KeyBatch) -> Result<Vec<Known>, Error> {
    let project: Option<String> = sqlx::query_scalar("SELECT id FROM projects WHERE id = $1")
        .bind(batch.project.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    project.ok_or(Error::Missing("project"))?;
    let rows: Vec<KnownRow> = sqlx::query_as(
        "SELECT k.created_at, coalesce(k.project = $3 AND s.key = k.id, FALSE) AS is_same, \
           s.key IS NOT NULL AS secret_in_use \
         FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS b(id, digest, number) \
           LEFT JOIN api_keys AS k ON k.id = b.id \
           LEFT JOIN api_key_secrets AS s ON s.digest = b.digest \
         ORDER BY b.number",
    )
    .bind(batch.keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>())
    .bind(batch.keys.iter().map(|key| key.digest.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind(batch.project.as_str())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Known::from).collect())
}

/// Writes keys and secrets; the keys' `changed` is set once the position is known. In the order of
/// ids, so that of two imports of the same keys one waits for the other and neither for both.
async fn insert(connection: &mut PgConnection, batch: &KeyBatch, keys: &[&KeyToImport]) -> Result<(), Error> {
    sqlx::query_with(
        "INSERT INTO api_keys (id, project, kind, name, state, permissions, role, allowlist, audiences, \
         token_lifetime, require_scope, auth_methods, live_tokens, created_at, expires_at, changed) \
         SELECT b.id, $1, 'server', b.name, 'active', b.permissions, b.role, b.allowlist, b.audiences, \
           b.token_lifetime, b.require_scope, b.auth_methods, b.live_tokens, $2, b.expires_at, 0 \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
           $9::bigint[], $10::boolean[], $11::text[], $12::bigint[], $13::bigint[]) \
           AS b(id, name, permissions, role, allowlist, audiences, token_lifetime, require_scope, auth_methods, \
             live_tokens, expires_at) \
         ORDER BY b.id",
        taken_apart(batch, keys)?,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO api_key_secrets (key, digest, created_at) \
         SELECT b.key, b.digest, $3 FROM unnest($1::text[], $2::bytea[]) AS b(key, digest) ORDER BY b.digest",
    )
    .bind(ids(keys))
    .bind(keys.iter().map(|key| key.digest.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind(batch.began.millis())
    .execute(connection)
    .await?;
    Ok(())
}

async fn set_changed(
    connection: &mut PgConnection,
    keys: &[&KeyToImport],
    position: Position,
) -> Result<(), Error> {
    sqlx::query("UPDATE api_keys SET changed = $2 WHERE id = ANY($1)")
        .bind(ids(keys))
        .bind(rows::stored(position))
        .execute(connection)
        .await?;
    Ok(())
}

fn ids<'a>(keys: &[&'a KeyToImport]) -> Vec<&'a str> {
    keys.iter().map(|key| key.id.as_str()).collect()
}

/// The batch as one array for each column, in the order of the statement.
fn taken_apart(batch: &KeyBatch, keys: &[&KeyToImport]) -> Result<PgArguments, Error> {
    let details = || keys.iter().map(|key| &key.details);
    let mut arrays = PgArguments::default();
    let mut add = || -> Result<(), sqlx::error::BoxDynError> {
        arrays.add(batch.project.as_str())?;
        arrays.add(batch.began.millis())?;
        arrays.add(ids(keys))?;
        arrays.add(details().map(|key| key.name.as_str()).collect::<Vec<_>>())?;
        arrays.add(details().map(|key| key.permissions.to_string()).collect::<Vec<_>>())?;
        arrays.add(details().map(|key| key.role.as_ref().map(RoleName::as_str)).collect::<Vec<_>>())?;
        arrays.add(details().map(|key| key.allowlist.to_string()).collect::<Vec<_>>())?;
        arrays.add(details().map(|key| written(&key.audiences)).collect::<Vec<_>>())?;
        arrays.add(details().map(lifetime).collect::<Vec<_>>())?;
        arrays.add(details().map(|key| key.require_scope).collect::<Vec<_>>())?;
        arrays.add(details().map(|key| key.auth_methods.to_string()).collect::<Vec<_>>())?;
        arrays.add(details().map(|key| live_tokens::stored(key.live_tokens)).collect::<Vec<_>>())?;
        arrays.add(details().map(|key| key.expires_at.map(Timestamp::millis)).collect::<Vec<_>>())
    };
    add().map_err(sqlx::Error::Encode)?;
    Ok(arrays)
}

//! The secrets of API keys.

use sqlx::PgConnection;

use crate::domain::{KeyId, SecretDigest, Timestamp};
use crate::store::SecretUse;
use crate::store::error::Error;

/// A secret to be stored.
pub(super) struct NewSecret<'a> {
    pub(super) digest: &'a SecretDigest,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) at: Timestamp,
}

pub(super) async fn add(
    connection: &mut PgConnection,
    key: &KeyId,
    new: &NewSecret<'_>,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO api_key_secrets (key, digest, created_at, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(key.as_str())
        .bind(new.digest.as_bytes().as_slice())
        .bind(new.at.millis())
        .bind(new.expires_at.map(Timestamp::millis))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends one secret of the key, unless it ends before.
pub(super) async fn expire(
    connection: &mut PgConnection,
    key: &KeyId,
    secret: &SecretDigest,
    end: Timestamp,
) -> Result<(), Error> {
    let ended = sqlx::query(
        "UPDATE api_key_secrets SET expires_at = least(expires_at, $3) WHERE key = $1 AND digest = $2",
    )
    .bind(key.as_str())
    .bind(secret.as_bytes().as_slice())
    .bind(end.millis())
    .execute(connection)
    .await?;
    if ended.rows_affected() == 0 { Err(Error::Missing("secret")) } else { Ok(()) }
}

/// Ends the key's secrets at `end`, unless they end before, and drops those whose end has come.
pub(super) async fn end_all(
    connection: &mut PgConnection,
    key: &KeyId,
    end: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE api_key_secrets SET expires_at = $2 \
         WHERE key = $1 AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(key.as_str())
    .bind(end.millis())
    .execute(&mut *connection)
    .await?;
    drop_ended(connection, key, now).await
}

/// Drops those of the key's secrets whose end has come; when they were used last the key remembers.
pub(super) async fn drop_ended(
    connection: &mut PgConnection,
    key: &KeyId,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE api_keys SET past_use_at = s.used_at FROM ( \
           SELECT max(last_used_at) AS used_at FROM api_key_secrets WHERE key = $1 AND expires_at <= $2) AS s \
         WHERE id = $1 AND s.used_at > coalesce(past_use_at, 0)",
    )
    .bind(key.as_str())
    .bind(now.millis())
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM api_key_secrets WHERE key = $1 AND expires_at <= $2")
        .bind(key.as_str())
        .bind(now.millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes down uses, all in one statement that finds each secret by its digest. Servers that note
/// uses of the same secrets lock them in the same order, and never wait in a circle.
pub(super) async fn note_uses(connection: &mut PgConnection, uses: &[SecretUse]) -> Result<(), Error> {
    let digests: Vec<&[u8]> = uses.iter().map(|noted| noted.digest.as_bytes().as_slice()).collect();
    let at: Vec<i64> = uses.iter().map(|noted| noted.last.at.millis()).collect();
    let from: Vec<Option<String>> =
        uses.iter().map(|noted| noted.last.from.map(|from| from.to_string())).collect();
    sqlx::query(
        "WITH noted AS (\
           SELECT s.id, u.at, u.used_from \
           FROM unnest($1::bytea[], $2::bigint[], $3::text[]) AS u(digest, at, used_from) \
           JOIN api_key_secrets AS s ON s.digest = u.digest \
           WHERE coalesce(s.last_used_at, 0) <= u.at ORDER BY s.id FOR NO KEY UPDATE OF s) \
         UPDATE api_key_secrets AS s SET last_used_at = noted.at, last_used_from = noted.used_from \
         FROM noted WHERE s.id = noted.id",
    )
    .bind(digests)
    .bind(at)
    .bind(from)
    .execute(connection)
    .await?;
    Ok(())
}

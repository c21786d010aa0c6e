//! What PostgreSQL's errors mean.

use sqlx::postgres::PgDatabaseError;

use crate::store::error::{Error, Unavailable};

/// What an error of PostgreSQL means; none if this is not one. The codes are `SQLSTATE`s,
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(in crate::store) fn refusal(error: &sqlx::Error) -> Option<fn(sqlx::Error) -> Error> {
    let refusal = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    Some(match refusal.code() {
        // Lock not available.
        "55P03" => |error| Unavailable::Locked(error).into(),
        // Deadlock, serialization failure: the whole transaction is undone.
        "40P01" | "40001" => |error| Unavailable::Undone(error).into(),
        // Read-only transaction: the server is a standby now.
        "25006" => |_| Unavailable::Standby.into(),
        // Disk full.
        "53100" => |error| Unavailable::Full(error).into(),
        // Statement cancelled by its time limit; too many connections.
        "57014" | "53300" => |_| Unavailable::Slow.into(),
        // Data or index corrupted.
        "XX001" | "XX002" => |_| Unavailable::Damaged.into(),
        _ => constraint(refusal.constraint()?)?,
    })
}

/// What a violated constraint means, by its name in the migrations.
fn constraint(name: &str) -> Option<fn(sqlx::Error) -> Error> {
    match name {
        "api_keys_pkey" => Some(|_| Error::Taken("key id")),
        "api_key_secrets_digest" => Some(|_| Error::Taken("secret")),
        "audiences_pkey" => Some(|_| Error::Taken("audience")),
        "projects_pkey" => Some(|_| Error::Taken("project id")),
        _ => None,
    }
}

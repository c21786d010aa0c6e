//! What SQLite's errors mean.

use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

use crate::store::error::{Error, Unavailable};

// Primary result codes, <https://sqlite.org/rescode.html>.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
/// The file was moved or deleted: an extended code of [`READ_ONLY`].
const READ_ONLY_MOVED: i32 = 1032;

/// What an error of SQLite means; none if this is not one.
pub(in crate::store) fn refusal(error: &sqlx::Error) -> Option<fn(sqlx::Error) -> Error> {
    let refusal = error.as_database_error()?.try_downcast_ref::<SqliteError>()?;
    let code: i32 = refusal.code()?.parse().ok()?;
    Some(match (code, code & 0xFF) {
        (READ_ONLY_MOVED, _) => |_| Unavailable::Gone.into(),
        (_, BUSY | LOCKED) => |error| Unavailable::Locked(error).into(),
        (_, READ_ONLY) => |error| Unavailable::ReadOnly(error).into(),
        (_, CORRUPT) => |_| Unavailable::Damaged.into(),
        (_, FULL) => |error| Unavailable::Full(error).into(),
        _ => constraint(refusal.message())?,
    })
}

/// What a violated constraint means, by the columns that SQLite's message names.
fn constraint(message: &str) -> Option<fn(sqlx::Error) -> Error> {
    match message.strip_prefix("UNIQUE constraint failed: ")? {
        "api_keys.id" => Some(|_| Error::Taken("key id")),
        "api_key_secrets.digest" => Some(|_| Error::Taken("secret")),
        "audiences.audience" => Some(|_| Error::Taken("audience")),
        "creations.actor, creations.name" => Some(|_| Error::Taken("idempotency key")),
        "projects.id" => Some(|_| Error::Taken("project id")),
        "roles.project, roles.name" => Some(|_| Error::Taken("role")),
        _ => None,
    }
}

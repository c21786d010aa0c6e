//! Requests that made something under a name.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::once::Once;
use crate::domain::{KeyId, Position, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, ReplayRow};
use crate::store::{Replay, Replays};

use super::SqliteStore;

#[async_trait]
impl Replays for SqliteStore {
    async fn replay(&self, actor: &KeyId, name: &str, now: Timestamp) -> Result<Option<Replay>, Error> {
        let row: Option<ReplayRow> = sqlx::query_as(
            "SELECT name, request, answer, position FROM creations \
             WHERE actor = $1 AND name = $2 AND ends_at > $3",
        )
        .bind(actor.as_str())
        .bind(name)
        .bind(now.millis())
        .fetch_optional(&mut *self.read().await?)
        .await?;
        row.map(Replay::try_from).transpose()
    }
}

/// Records what was made, in the transaction that makes it, and forgets what has ended; whoever comes
/// second under the same name is told [`Error::Taken`], and has made nothing.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    once: Option<&Once>,
    position: Position,
    at: Timestamp,
) -> Result<(), Error> {
    let Some(once) = once else { return Ok(()) };
    sqlx::query("DELETE FROM creations WHERE ends_at <= $1")
        .bind(at.millis())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO creations (actor, name, request, answer, position, ends_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(once.actor.as_str())
    .bind(&once.name)
    .bind(once.request.as_slice())
    .bind(&once.answer)
    .bind(rows::stored(position))
    .bind(once.ends_at.millis())
    .execute(connection)
    .await?;
    Ok(())
}

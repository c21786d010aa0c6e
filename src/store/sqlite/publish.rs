//! The end of every act: its audit row, then its feed entry.

use sqlx::SqliteConnection;

use crate::domain::audit::{self, AuditDraft, AuditRow};
use crate::domain::webhook::Message;
use crate::domain::{FeedDraft, Position, ProjectId, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, Appended};

use super::{live_tokens, outbox};

/// Frees the places of tokens that die of it, and writes what was done to the audit log and to the
/// feed; tells where in the feed it stands.
///
/// It comes after the rows that the act is about: everybody locks rows by id, then the audit
/// log's head, then the counter. SQLite has one lock for all of them, other engines have not.
pub(super) async fn conclude(
    connection: &mut SqliteConnection,
    audit: &AuditDraft,
    feed: &FeedDraft,
) -> Result<Position, Error> {
    live_tokens::free(connection, feed, audit.at).await?;
    append_audit(connection, audit).await?;
    publish(connection, feed, audit.at).await
}

/// Moves the counter, which stays locked until the commit, and writes the entry.
pub(super) async fn publish(
    connection: &mut SqliteConnection,
    draft: &FeedDraft,
    at: Timestamp,
) -> Result<Position, Error> {
    let position: i64 =
        sqlx::query_scalar("UPDATE feed_counter SET position = position + 1 WHERE id = 1 RETURNING position")
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(Error::Missing("installation"))?;
    sqlx::query(
        "INSERT INTO feed (position, tag, kind, project, entry, published_at, ends_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(position)
    .bind(draft.tag.as_bytes().as_slice())
    .bind(draft.entry.kind())
    .bind(draft.entry.project().map(ProjectId::as_str))
    .bind(serde_json::to_string(&draft.entry).expect("an entry is an object of texts"))
    .bind(at.millis())
    .bind(draft.ends.at(at).map(Timestamp::millis))
    .execute(connection)
    .await?;
    rows::counter(position)
}

/// Appends a row to the chain, sealed over the one before, and writes down what is told of it.
pub(super) async fn append_audit(
    connection: &mut SqliteConnection,
    draft: &AuditDraft,
) -> Result<Appended, Error> {
    let head: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&mut *connection)
            .await?;
    let (seq, previous) = match head {
        Some((seq, hash)) => (seq, rows::hash(seq, &hash)?),
        None => (0, [0; 32]),
    };
    let row = AuditRow::of(draft, seq + 1);
    let hash = audit::seal(&previous, &row);
    sqlx::query(
        "INSERT INTO audit (seq, at, actor, address, act, project, target, detail, previous, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(row.seq)
    .bind(row.at.millis())
    .bind(&row.actor)
    .bind(&row.address)
    .bind(&row.act)
    .bind(&row.project)
    .bind(&row.target)
    .bind(&row.detail)
    .bind(previous.as_slice())
    .bind(hash.as_slice())
    .execute(&mut *connection)
    .await?;
    if let Some(message) = Message::of(draft, &row, &hash) {
        outbox::fill(connection, &message, draft.at).await?;
    }
    Appended::of(row, hash)
}

//! The end of every act: its audit row, then its feed entry.

use sqlx::PgConnection;

use crate::domain::audit::{self, AuditDraft, AuditRow};
use crate::domain::webhook::Message;
use crate::domain::{FeedDraft, Position, ProjectId, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, Appended};

use super::{live_tokens, outbox};

/// Who listens here is told that there is something new, with the commit and not before.
pub(super) const CHANNEL: &str = "portcullis_feed";

/// Frees the places of tokens that die of it, and writes what was done to the audit log and to the
/// feed; tells where in the feed it stands.
///
/// It comes after the rows that the act is about: everybody locks rows by id, then the turn.
pub(super) async fn conclude(
    connection: &mut PgConnection,
    audit: &AuditDraft,
    feed: &FeedDraft,
) -> Result<Position, Error> {
    live_tokens::free(connection, &feed.entry, audit.at).await?;
    append_audit(connection, audit).await?;
    publish(connection, feed, audit.at).await
}

/// Waits until nobody else appends to the audit log or the feed, to the commit of this transaction.
/// The counter's row is the one lock of both: an act that has its place in the one has it in the
/// other. What is read before it may be old; what is read after it is not.
pub(super) async fn take_turn(connection: &mut PgConnection) -> Result<(), Error> {
    let turn: Option<i64> = sqlx::query_scalar("SELECT id FROM feed_counter WHERE id = 1 FOR UPDATE")
        .fetch_optional(connection)
        .await?;
    turn.map(drop).ok_or(Error::Missing("installation"))
}

/// Moves the counter, which stays locked until the commit, and writes the entry.
pub(super) async fn publish(
    connection: &mut PgConnection,
    draft: &FeedDraft,
    at: Timestamp,
) -> Result<Position, Error> {
    let position: Option<i64> = sqlx::query_scalar(
        "WITH moved AS (\
           UPDATE feed_counter SET position = position + 1 WHERE id = 1 RETURNING position), \
         told AS (\
           INSERT INTO feed (position, tag, kind, project, entry, published_at, ends_at) \
           SELECT position, $1, $2, $3, $4, $5, $6 FROM moved) \
         SELECT position FROM moved, pg_notify($7, '')",
    )
    .bind(draft.tag.as_bytes().as_slice())
    .bind(draft.entry.kind())
    .bind(draft.entry.project().map(ProjectId::as_str))
    .bind(serde_json::to_string(&draft.entry).expect("an entry is an object of texts"))
    .bind(at.millis())
    .bind(draft.ends.at(at).map(Timestamp::millis))
    .bind(CHANNEL)
    .fetch_optional(connection)
    .await?;
    rows::counter(position.ok_or(Error::Missing("installation"))?)
}

/// Appends a row to the chain, sealed over the one before, in its turn, and writes down what is told of it.
pub(super) async fn append_audit(
    connection: &mut PgConnection,
    draft: &AuditDraft,
) -> Result<Appended, Error> {
    take_turn(connection).await?;
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

//! What is told of an act, written down in the transaction that carries it out.

use sqlx::SqliteConnection;

use crate::domain::ProjectId;
use crate::domain::Timestamp;
use crate::domain::webhook::{Message, WebhookId};
use crate::store::error::Error;
use crate::store::rows;

/// Writes an event down for every webhook that wants it.
pub(super) async fn fill(
    connection: &mut SqliteConnection,
    message: &Message,
    at: Timestamp,
) -> Result<(), Error> {
    let webhooks: Vec<(String, String)> = sqlx::query_as(
        "SELECT id, events FROM webhooks WHERE state <> 'disabled' AND (project IS NULL OR project = $1)",
    )
    .bind(message.project.as_ref().map(ProjectId::as_str))
    .fetch_all(&mut *connection)
    .await?;
    let Some(wanting) = rows::who_wants(&message.event, webhooks)? else { return Ok(()) };
    sqlx::query(
        "INSERT INTO webhook_deliveries (webhook, message, event, body, state, attempts, next_at, created_at) \
         SELECT value, $2, $3, $4, 'waiting', 0, $5, $5 FROM json_each($1)",
    )
    .bind(wanting)
    .bind(message.id.as_str())
    .bind(&message.event)
    .bind(&message.body)
    .bind(at.millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a message down for one webhook, whatever it wants.
pub(super) async fn send(
    connection: &mut SqliteConnection,
    webhook: &WebhookId,
    message: &Message,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO webhook_deliveries (webhook, message, event, body, state, attempts, next_at, created_at) \
         VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $5)",
    )
    .bind(webhook.as_str())
    .bind(message.id.as_str())
    .bind(&message.event)
    .bind(&message.body)
    .bind(at.millis())
    .execute(connection)
    .await?;
    Ok(())
}

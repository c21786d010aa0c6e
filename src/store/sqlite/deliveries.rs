//! What is on its way to webhooks. `next_at` is also the lease: whoever takes a delivery moves it ahead, and
//! counts the attempt, whose number says later whether it is still theirs.

use sqlx::SqliteConnection;

use crate::domain::webhook::WebhookId;
use crate::store::error::Error;
use crate::store::rows::{ClaimedRow, SigningWebhookRow};
use crate::store::{Attempt, Claim, Claimed};

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    claim: &Claim,
) -> Result<Option<Claimed>, Error> {
    let webhook: Option<SigningWebhookRow> = sqlx::query_as(
        "SELECT id, project, url, events, description, state, failing_since, created_at, changed, secret, \
         old_secret, old_secret_ends_at FROM webhooks WHERE id = $1 AND state = 'active'",
    )
    .bind(claim.webhook.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(webhook) = webhook else { return Ok(None) };
    let messages: Vec<ClaimedRow> = sqlx::query_as(
        "UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = $3 \
         WHERE webhook = $1 AND message IN (\
           SELECT message FROM webhook_deliveries WHERE webhook = $1 AND next_at <= $2 \
           ORDER BY next_at, message LIMIT $4) \
         RETURNING message, body, attempts",
    )
    .bind(claim.webhook.as_str())
    .bind(claim.now.millis())
    .bind(claim.until.millis())
    .bind(claim.limit)
    .fetch_all(connection)
    .await?;
    webhook.sending(messages).map(Some)
}

pub(super) async fn settle(connection: &mut SqliteConnection, attempt: &Attempt) -> Result<bool, Error> {
    let (state, next_at) = attempt.stands();
    let settled = sqlx::query(
        "UPDATE webhook_deliveries SET state = $4, next_at = $5, tried_at = $6, outcome = $7, status = $8 \
         WHERE webhook = $1 AND message = $2 AND attempts = $3 AND state = 'waiting'",
    )
    .bind(attempt.webhook.as_str())
    .bind(attempt.message.as_str())
    .bind(attempt.number)
    .bind(state)
    .bind(next_at)
    .bind(attempt.at.millis())
    .bind(attempt.outcome.as_str())
    .bind(attempt.outcome.status())
    .execute(&mut *connection)
    .await?;
    if settled.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE webhooks SET failing_since = CASE WHEN $2 THEN NULL ELSE coalesce(failing_since, $3) END \
         WHERE id = $1 AND (failing_since IS NULL) <> $2",
    )
    .bind(attempt.webhook.as_str())
    .bind(attempt.has_arrived())
    .bind(attempt.at.millis())
    .execute(connection)
    .await?;
    Ok(true)
}

/// Nothing is tried any more.
pub(super) async fn fail_waiting(
    connection: &mut SqliteConnection,
    webhook: &WebhookId,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE webhook_deliveries SET state = 'failed', next_at = NULL WHERE webhook = $1 AND state = 'waiting'",
    )
    .bind(webhook.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

//! Webhooks. Each act on one waits for its turn at the audit log before it touches its row.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::audit::AuditDraft;
use crate::domain::webhook::{MOST, MessageId, Webhook, WebhookDetails, WebhookId, WebhookState};
use crate::domain::{Position, Timestamp};
use crate::store::error::Error;
use crate::store::rows::{self, DeliveryRow, DueWebhookRow, WebhookRow};
use crate::store::search::listed;
use crate::store::{
    Attempt, Claim, Claimed, Delivery, DueWebhook, NewWebhook, WantedDeliveries, WantedWebhooks,
    WebhookChange, WebhookEdit, Webhooks,
};

use super::publish::append_audit;
use super::{SqliteStore, creations, deliveries, outbox};

#[async_trait]
impl Webhooks for SqliteStore {
    async fn create_webhook(&self, new: &NewWebhook) -> Result<Position, Error> {
        let mut transaction = self.write().await?;
        let appended = append_audit(&mut transaction, &new.audit).await?;
        insert(&mut transaction, new, appended.number).await?;
        creations::record(&mut transaction, new.once.as_ref(), appended.number, new.audit.at).await?;
        transaction.commit().await?;
        Ok(appended.number)
    }

    async fn webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, Error> {
        let row: Option<WebhookRow> = sqlx::query_as(
            "SELECT id, project, url, events, description, state, failing_since, created_at, changed \
             FROM webhooks WHERE id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(&mut *self.read().await?)
        .await?;
        row.map(Webhook::try_from).transpose()
    }

    async fn find_webhooks(&self, wanted: &WantedWebhooks) -> Result<Vec<Webhook>, Error> {
        let rows: Vec<WebhookRow> = sqlx::query_as(
            "SELECT id, project, url, events, description, state, failing_since, created_at, changed \
             FROM webhooks WHERE id > $1 \
             AND ($2 IS NULL OR project IN (SELECT value FROM json_each($2))) \
             ORDER BY id LIMIT $3",
        )
        .bind(wanted.after.as_ref().map_or("", WebhookId::as_str))
        .bind(listed(&wanted.within))
        .bind(wanted.limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(Webhook::try_from).collect()
    }

    async fn change_webhook(&self, change: &WebhookChange) -> Result<Position, Error> {
        let mut transaction = self.write().await?;
        let (id, at) = (&change.webhook.id, change.audit.at);
        let appended = append_audit(&mut transaction, &change.audit).await?;
        expect_unchanged(&mut transaction, id, change.expected()).await?;
        match &change.edit {
            WebhookEdit::Details(details) => set_details(&mut transaction, id, details).await?,
            WebhookEdit::RotateSecret { secret, old_ends_at } => {
                rotate_secret(&mut transaction, id, secret, *old_ends_at).await?;
            }
            WebhookEdit::Delete => delete(&mut transaction, id).await?,
            WebhookEdit::Test => {
                outbox::send(&mut transaction, id, &appended.message(&change.audit), at).await?;
            }
            WebhookEdit::Redeliver(message) => redeliver(&mut transaction, id, message, at).await?,
        }
        if change.expected().is_some() {
            set_changed(&mut transaction, id, appended.number).await?;
        }
        transaction.commit().await?;
        Ok(appended.number)
    }

    async fn find_deliveries(&self, wanted: &WantedDeliveries) -> Result<Vec<Delivery>, Error> {
        let rows: Vec<DeliveryRow> = sqlx::query_as(
            "SELECT message, event, state, attempts, next_at, tried_at, outcome, status, created_at \
             FROM webhook_deliveries WHERE webhook = $1 \
             AND ($2 IS NULL OR state = $2) \
             AND ($3 IS NULL OR message < $3) \
             ORDER BY message DESC LIMIT $4",
        )
        .bind(wanted.webhook.as_str())
        .bind(&wanted.state)
        .bind(wanted.before.as_ref().map(MessageId::as_str))
        .bind(wanted.limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(Delivery::try_from).collect()
    }

    async fn webhooks_due(&self, now: Timestamp) -> Result<Vec<DueWebhook>, Error> {
        let rows: Vec<DueWebhookRow> = sqlx::query_as(
            "SELECT id, failing_since IS NOT NULL AS failing FROM webhooks WHERE state = 'active' AND EXISTS (\
               SELECT 1 FROM webhook_deliveries WHERE webhook = webhooks.id AND next_at <= $1) ORDER BY id",
        )
        .bind(now.millis())
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(DueWebhook::try_from).collect()
    }

    async fn claim_deliveries(&self, claim: &Claim) -> Result<Option<Claimed>, Error> {
        let mut transaction = self.write().await?;
        let claimed = deliveries::claim(&mut transaction, claim).await?;
        transaction.commit().await?;
        Ok(claimed)
    }

    async fn settle_delivery(&self, attempt: &Attempt) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        let settled = deliveries::settle(&mut transaction, attempt).await?;
        transaction.commit().await?;
        Ok(settled)
    }

    async fn disable_webhook(&self, seen: &Webhook, audit: &AuditDraft) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        let appended = append_audit(&mut transaction, audit).await?;
        let disabled = sqlx::query(
            "UPDATE webhooks SET state = 'disabled', changed = $2 WHERE id = $1 AND state = 'active' \
             AND changed = $3 AND ($4 IS NULL OR failing_since = $4)",
        )
        .bind(seen.id.as_str())
        .bind(rows::stored(appended.number))
        .bind(rows::stored(seen.changed))
        .bind(seen.failing_since.map(Timestamp::millis))
        .execute(&mut *transaction)
        .await?;
        if disabled.rows_affected() == 0 {
            return Ok(false);
        }
        deliveries::fail_waiting(&mut transaction, &seen.id).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut connection = self.one_write().await?;
        let forgotten = sqlx::query(
            "DELETE FROM webhook_deliveries WHERE (webhook, message) IN (\
               SELECT webhook, message FROM webhook_deliveries WHERE created_at < $1 \
               ORDER BY created_at LIMIT $2)",
        )
        .bind(before.millis())
        .bind(limit)
        .execute(&mut *connection)
        .await?;
        Ok(forgotten.rows_affected())
    }

    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT min((SELECT min(next_at) FROM webhook_deliveries WHERE webhook = webhooks.id AND next_at <= $1)) \
             FROM webhooks WHERE state = 'active'",
        )
        .bind(now.millis())
        .fetch_one(&mut *self.read().await?)
        .await?;
        Ok(oldest.map(Timestamp::from_millis))
    }
}

async fn insert(connection: &mut SqliteConnection, new: &NewWebhook, number: Position) -> Result<(), Error> {
    let (webhook, details) = (&new.webhook, &new.webhook.details);
    if let Some(project) = new.project() {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM projects WHERE id = $1")
            .bind(project)
            .fetch_optional(&mut *connection)
            .await?;
        found.ok_or(Error::Missing("project"))?;
    }
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM webhooks WHERE project IS $1")
        .bind(new.project())
        .fetch_one(&mut *connection)
        .await?;
    if there >= i64::from(MOST) {
        return Err(Error::Full("webhooks"));
    }
    sqlx::query(
        "INSERT INTO webhooks (id, project, url, events, description, state, secret, created_at, changed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(webhook.id.as_str())
    .bind(new.project())
    .bind(details.url.as_str())
    .bind(details.events.to_string())
    .bind(&details.description)
    .bind(details.state.as_str())
    .bind(&new.secret)
    .bind(webhook.created_at.millis())
    .bind(rows::stored(number))
    .execute(connection)
    .await?;
    Ok(())
}

async fn expect_unchanged(
    connection: &mut SqliteConnection,
    id: &WebhookId,
    expected: Option<Position>,
) -> Result<(), Error> {
    let changed: Option<i64> = sqlx::query_scalar("SELECT changed FROM webhooks WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    match changed {
        None => Err(Error::Missing("webhook")),
        Some(changed) if expected.is_none_or(|expected| changed == rows::stored(expected)) => Ok(()),
        Some(_) => Err(Error::Conflict),
    }
}

async fn set_changed(
    connection: &mut SqliteConnection,
    id: &WebhookId,
    number: Position,
) -> Result<(), Error> {
    sqlx::query("UPDATE webhooks SET changed = $2 WHERE id = $1")
        .bind(id.as_str())
        .bind(rows::stored(number))
        .execute(connection)
        .await?;
    Ok(())
}

async fn set_details(
    connection: &mut SqliteConnection,
    id: &WebhookId,
    details: &WebhookDetails,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE webhooks SET url = $2, events = $3, description = $4, \
         failing_since = CASE WHEN $5 = 'active' AND state <> 'active' THEN NULL ELSE failing_since END, \
         state = $5 WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(details.url.as_str())
    .bind(details.events.to_string())
    .bind(&details.description)
    .bind(details.state.as_str())
    .execute(&mut *connection)
    .await?;
    if details.state == WebhookState::Disabled {
        deliveries::fail_waiting(connection, id).await?;
    }
    Ok(())
}

async fn rotate_secret(
    connection: &mut SqliteConnection,
    id: &WebhookId,
    secret: &[u8],
    old_ends_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE webhooks SET old_secret = secret, old_secret_ends_at = $3, secret = $2 WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(secret)
    .bind(old_ends_at.millis())
    .execute(connection)
    .await?;
    Ok(())
}

async fn delete(connection: &mut SqliteConnection, id: &WebhookId) -> Result<(), Error> {
    for statement in
        ["DELETE FROM webhook_deliveries WHERE webhook = $1", "DELETE FROM webhooks WHERE id = $1"]
    {
        sqlx::query(statement).bind(id.as_str()).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn redeliver(
    connection: &mut SqliteConnection,
    id: &WebhookId,
    message: &MessageId,
    at: Timestamp,
) -> Result<(), Error> {
    let done = sqlx::query(
        "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, next_at = $3 \
         WHERE webhook = $1 AND message = $2",
    )
    .bind(id.as_str())
    .bind(message.as_str())
    .bind(at.millis())
    .execute(connection)
    .await?;
    if done.rows_affected() == 0 { Err(Error::Missing("message")) } else { Ok(()) }
}

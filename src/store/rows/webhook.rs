//! Rows of webhooks and of what is on its way to them.

use sqlx::FromRow;

use crate::domain::Timestamp;
use crate::domain::webhook::{EventFilter, Webhook, WebhookDetails};
use crate::store::error::Error;
use crate::store::{Claimed, ClaimedMessage, Delivery, DueWebhook};

use super::Place;

#[derive(FromRow)]
pub(in crate::store) struct WebhookRow {
    id: String,
    project: Option<String>,
    url: String,
    events: String,
    description: String,
    state: String,
    failing_since: Option<i64>,
    created_at: i64,
    changed: i64,
}

impl TryFrom<WebhookRow> for Webhook {
    type Error = Error;

    fn try_from(row: WebhookRow) -> Result<Self, Error> {
        let place = Place::of("webhooks", &row.id);
        Ok(Self {
            id: place.parse("id", &row.id)?,
            project: row.project.map(|id| place.parse("project", &id)).transpose()?,
            details: WebhookDetails {
                url: place.parse("url", &row.url)?,
                events: place.parse("events", &row.events)?,
                state: place.parse("state", &row.state)?,
                description: row.description,
            },
            failing_since: row.failing_since.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
            changed: place.position("changed", row.changed)?,
        })
    }
}

/// A webhook and what signs for it.
#[derive(FromRow)]
pub(in crate::store) struct SigningWebhookRow {
    #[sqlx(flatten)]
    webhook: WebhookRow,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
    old_secret_ends_at: Option<i64>,
}

impl SigningWebhookRow {
    /// With the messages that are to be sent to it.
    pub(in crate::store) fn sending(self, messages: Vec<ClaimedRow>) -> Result<Claimed, Error> {
        let old_ends = self.old_secret_ends_at.map(Timestamp::from_millis);
        Ok(Claimed {
            webhook: self.webhook.try_into()?,
            secret: self.secret,
            old_secret: self.old_secret.zip(old_ends),
            messages: messages.into_iter().map(ClaimedMessage::try_from).collect::<Result<_, _>>()?,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct ClaimedRow {
    message: String,
    body: String,
    attempts: i64,
}

impl TryFrom<ClaimedRow> for ClaimedMessage {
    type Error = Error;

    fn try_from(row: ClaimedRow) -> Result<Self, Error> {
        let place = Place::of("webhook_deliveries", &row.message);
        Ok(Self {
            id: place.parse("message", &row.message)?,
            attempt: place.number("attempts", row.attempts)?,
            body: row.body,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct DueWebhookRow {
    id: String,
    failing: bool,
}

impl TryFrom<DueWebhookRow> for DueWebhook {
    type Error = Error;

    fn try_from(row: DueWebhookRow) -> Result<Self, Error> {
        Ok(Self { id: Place::of("webhooks", &row.id).parse("id", &row.id)?, failing: row.failing })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct DeliveryRow {
    message: String,
    event: String,
    state: String,
    attempts: i64,
    next_at: Option<i64>,
    tried_at: Option<i64>,
    outcome: Option<String>,
    status: Option<i64>,
    created_at: i64,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;

    fn try_from(row: DeliveryRow) -> Result<Self, Error> {
        let place = Place::of("webhook_deliveries", &row.message);
        Ok(Self {
            message: place.parse("message", &row.message)?,
            attempts: place.number("attempts", row.attempts)?,
            next_at: row.next_at.map(Timestamp::from_millis),
            tried_at: row.tried_at.map(Timestamp::from_millis),
            status: row.status.map(|status| place.number("status", status)).transpose()?,
            created_at: Timestamp::from_millis(row.created_at),
            event: row.event,
            state: row.state,
            outcome: row.outcome,
        })
    }
}

/// The webhooks that want an event of this type, as a JSON array; none, if nobody does.
pub(in crate::store) fn who_wants(
    event: &str,
    webhooks: Vec<(String, String)>,
) -> Result<Option<String>, Error> {
    let mut wanting = Vec::new();
    for (id, events) in webhooks {
        let filter: EventFilter = Place::of("webhooks", &id).parse("events", &events)?;
        if filter.admits(event) {
            wanting.push(id);
        }
    }
    let listed = || serde_json::to_string(&wanting).expect("texts are JSON");
    Ok((!wanting.is_empty()).then(listed))
}

//! Webhooks and what was sent to them, as they are shown.

use serde::{Deserialize, Deserializer, Serialize};

use super::parsed;
use crate::domain::webhook::{EventFilter, MessageId, Webhook, WebhookId, WebhookState, WebhookUrl};
use crate::domain::{Position, ProjectId, Timestamp};
use crate::store::Delivery;

/// A webhook.
#[derive(Debug, Serialize, Deserialize)]
pub struct WebhookRow {
    /// Its id.
    #[serde(deserialize_with = "parsed")]
    pub webhook: WebhookId,
    /// Of whose keys; of all projects', if none.
    pub project: Option<ProjectId>,
    /// Where events are sent.
    #[serde(deserialize_with = "parsed")]
    pub url: WebhookUrl,
    /// Which; all, if empty.
    #[serde(deserialize_with = "events")]
    pub events: EventFilter,
    /// What people say about it.
    pub description: String,
    /// Whether they are sent.
    #[serde(deserialize_with = "parsed")]
    pub state: WebhookState,
    /// Since when nothing has arrived there, if the last attempt failed.
    pub failing_since: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// The number of the audit log's row of the last act on it.
    pub seq: Position,
}

/// Those too that a later release knows.
fn events<'de, D: Deserializer<'de>>(from: D) -> Result<EventFilter, D::Error> {
    Vec::<String>::deserialize(from)?.join(" ").parse().map_err(serde::de::Error::custom)
}

impl From<Webhook> for WebhookRow {
    fn from(webhook: Webhook) -> Self {
        Self {
            webhook: webhook.id,
            project: webhook.project,
            url: webhook.details.url,
            events: webhook.details.events,
            description: webhook.details.description,
            state: webhook.details.state,
            failing_since: webhook.failing_since.map(Timestamp::secs),
            created_at: webhook.created_at.secs(),
            seq: webhook.changed,
        }
    }
}

/// A webhook whose signing secret was replaced.
#[derive(Debug, Serialize, Deserialize)]
pub struct WebhookRotated {
    /// The webhook.
    #[serde(deserialize_with = "parsed")]
    pub webhook: WebhookId,
    /// Until when the old secret signs as well.
    pub old_ends_at: i64,
    /// The number of the audit log's row.
    pub seq: Position,
}

/// Something is on its way to a webhook, or it is gone.
#[derive(Debug, Serialize, Deserialize)]
pub struct WebhookActed {
    /// The webhook.
    #[serde(deserialize_with = "parsed")]
    pub webhook: WebhookId,
    /// The number of the audit log's row; none of a deleted one.
    pub seq: Option<Position>,
}

/// A message and what became of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// The message's id: the `webhook-id` of each attempt.
    #[serde(deserialize_with = "parsed")]
    pub message: MessageId,
    /// The type of its event.
    pub event: String,
    /// Whether it waits, was delivered, or has failed.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When the event was.
    pub created_at: i64,
    /// When it is tried next; while it is being tried, when it will be if nothing is heard of that.
    pub next_at: Option<i64>,
    /// When it was tried last.
    pub tried_at: Option<i64>,
    /// What came of that.
    pub outcome: Option<String>,
    /// The status that the receiver answered.
    pub status: Option<u16>,
}

impl From<Delivery> for DeliveryRow {
    fn from(delivery: Delivery) -> Self {
        Self {
            message: delivery.message,
            event: delivery.event,
            state: delivery.state,
            attempts: delivery.attempts,
            created_at: delivery.created_at.secs(),
            next_at: delivery.next_at.map(Timestamp::secs),
            tried_at: delivery.tried_at.map(Timestamp::secs),
            outcome: delivery.outcome,
            status: delivery.status,
        }
    }
}

//! Webhooks, and what was sent to them: what a command may want of an installation.

use std::time::Duration;

use async_trait::async_trait;

use crate::admin::view::{DeliveryRow, Page, WebhookActed, WebhookRotated, WebhookRow};
use crate::cli::failure::Failure;
use crate::domain::ProjectId;
use crate::domain::webhook::{
    EventFilter, MessageId, WebhookDetails, WebhookId, WebhookSecret, WebhookState, WebhookUrl,
};

/// What of a webhook is to change.
#[derive(Debug)]
pub(in crate::cli) struct WebhookPatch {
    pub(in crate::cli) url: Option<WebhookUrl>,
    pub(in crate::cli) events: Option<EventFilter>,
    pub(in crate::cli) description: Option<String>,
    pub(in crate::cli) state: Option<WebhookState>,
}

impl WebhookPatch {
    /// The details, with what is given in place of what was there.
    pub(super) fn over(self, before: WebhookDetails) -> WebhookDetails {
        WebhookDetails {
            url: self.url.unwrap_or(before.url),
            events: self.events.unwrap_or(before.events),
            description: self.description.unwrap_or(before.description),
            state: self.state.unwrap_or(before.state),
        }
    }
}

/// Which messages of a webhook are wanted: those of which all holds that is named here.
#[derive(Debug)]
pub(in crate::cli) struct WhichDeliveries {
    pub(in crate::cli) webhook: WebhookId,
    pub(in crate::cli) state: Option<String>,
    /// Those that are older.
    pub(in crate::cli) after: Option<MessageId>,
    pub(in crate::cli) limit: u32,
}

/// Webhooks, and what was sent to them.
#[async_trait]
pub(in crate::cli) trait Webhooks: Send + Sync {
    /// Makes one of a project, or of all of them.
    async fn create_webhook(
        &self,
        project: Option<ProjectId>,
        details: WebhookDetails,
    ) -> Result<(WebhookRow, WebhookSecret), Failure>;

    /// Webhooks by id, those after `after`.
    async fn webhooks(
        &self,
        project: Option<ProjectId>,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Page<WebhookRow>, Failure>;

    async fn webhook(&self, id: &WebhookId) -> Result<WebhookRow, Failure>;

    async fn edit_webhook(&self, id: &WebhookId, patch: WebhookPatch) -> Result<WebhookRow, Failure>;

    async fn delete_webhook(&self, id: &WebhookId) -> Result<WebhookActed, Failure>;

    async fn rotate_webhook_secret(
        &self,
        id: &WebhookId,
        overlap: Duration,
    ) -> Result<(WebhookRotated, WebhookSecret), Failure>;

    async fn test_webhook(&self, id: &WebhookId) -> Result<WebhookActed, Failure>;

    /// What was sent to one and what is on its way, the newest first.
    async fn deliveries(&self, which: WhichDeliveries) -> Result<Page<DeliveryRow>, Failure>;

    async fn redeliver(&self, id: &WebhookId, message: &MessageId) -> Result<WebhookActed, Failure>;
}

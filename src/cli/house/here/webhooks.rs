//! Webhooks, and what was sent to them.

use std::time::Duration;

use async_trait::async_trait;

use super::Here;
use crate::admin::view::{DeliveryRow, Page, WebhookActed, WebhookRotated, WebhookRow};
use crate::cli::failure::Failure;
use crate::cli::house::{WebhookPatch, Webhooks, WhichDeliveries};
use crate::domain::ProjectId;
use crate::domain::authority::Reach;
use crate::domain::webhook::{MessageId, WebhookDetails, WebhookId, WebhookSecret};
use crate::store::{WantedDeliveries, WantedWebhooks};

#[async_trait]
impl Webhooks for Here {
    async fn create_webhook(
        &self,
        project: Option<ProjectId>,
        details: WebhookDetails,
    ) -> Result<(WebhookRow, WebhookSecret), Failure> {
        let made = self.acts.create_webhook(project, details, &self.destinations).await?;
        Ok((made.webhook.into(), made.secret))
    }

    async fn webhooks(
        &self,
        project: Option<ProjectId>,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Page<WebhookRow>, Failure> {
        let within = project.map_or(Reach::Everywhere, |project| Reach::Within([project].into()));
        let wanted = WantedWebhooks { within, after, limit: limit + 1 };
        let rows = self.store().find_webhooks(&wanted).await?.into_iter().map(WebhookRow::from).collect();
        Ok(Page::cut(rows, limit, |last: &WebhookRow| last.webhook.to_string()))
    }

    async fn webhook(&self, id: &WebhookId) -> Result<WebhookRow, Failure> {
        Ok(self.acts.webhook(id).await?.into())
    }

    async fn edit_webhook(&self, id: &WebhookId, patch: WebhookPatch) -> Result<WebhookRow, Failure> {
        let edited = self.acts.edit_webhook(id, |before| patch.over(before), &self.destinations).await?;
        Ok(edited.into())
    }

    async fn delete_webhook(&self, id: &WebhookId) -> Result<WebhookActed, Failure> {
        self.acts.delete_webhook(id).await?;
        Ok(WebhookActed { webhook: id.clone(), seq: None })
    }

    async fn rotate_webhook_secret(
        &self,
        id: &WebhookId,
        overlap: Duration,
    ) -> Result<(WebhookRotated, WebhookSecret), Failure> {
        let (made, old_ends_at) = self.acts.rotate_webhook_secret(id, overlap).await?;
        let (webhook, seq) = (made.webhook.id, made.webhook.changed);
        Ok((WebhookRotated { webhook, old_ends_at: old_ends_at.secs(), seq }, made.secret))
    }

    async fn test_webhook(&self, id: &WebhookId) -> Result<WebhookActed, Failure> {
        let seq = self.acts.test_webhook(id).await?;
        Ok(WebhookActed { webhook: id.clone(), seq: Some(seq) })
    }

    async fn deliveries(&self, which: WhichDeliveries) -> Result<Page<DeliveryRow>, Failure> {
        let WhichDeliveries { webhook, state, after, limit } = which;
        let webhook = self.acts.webhook(&webhook).await?.id;
        let wanted = WantedDeliveries { webhook, state, before: after, limit: limit + 1 };
        let rows = self.store().find_deliveries(&wanted).await?.into_iter().map(DeliveryRow::from).collect();
        Ok(Page::cut(rows, limit, |last: &DeliveryRow| last.message.to_string()))
    }

    async fn redeliver(&self, id: &WebhookId, message: &MessageId) -> Result<WebhookActed, Failure> {
        let seq = self.acts.redeliver(id, message).await?;
        Ok(WebhookActed { webhook: id.clone(), seq: Some(seq) })
    }
}

//! Webhooks of a database whose answers a test can hold up: they pass.

use async_trait::async_trait;
use portcullis::domain::audit::AuditDraft;
use portcullis::domain::webhook::{Webhook, WebhookId};
use portcullis::domain::{Position, Timestamp};
use portcullis::store::{
    Attempt, Claim, Claimed, Delivery, DueWebhook, Error, NewWebhook, WantedDeliveries, WantedWebhooks,
    WebhookChange, Webhooks,
};

use super::through::Through;

#[async_trait]
impl Webhooks for Through {
    async fn create_webhook(&self, new: &NewWebhook) -> Result<Position, Error> {
        self.store.create_webhook(new).await
    }

    async fn webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, Error> {
        self.store.webhook(id).await
    }

    async fn find_webhooks(&self, wanted: &WantedWebhooks) -> Result<Vec<Webhook>, Error> {
        self.store.find_webhooks(wanted).await
    }

    async fn change_webhook(&self, change: &WebhookChange) -> Result<Position, Error> {
        self.store.change_webhook(change).await
    }

    async fn find_deliveries(&self, wanted: &WantedDeliveries) -> Result<Vec<Delivery>, Error> {
        self.store.find_deliveries(wanted).await
    }

    async fn webhooks_due(&self, now: Timestamp) -> Result<Vec<DueWebhook>, Error> {
        self.store.webhooks_due(now).await
    }

    async fn claim_deliveries(&self, claim: &Claim) -> Result<Option<Claimed>, Error> {
        self.store.claim_deliveries(claim).await
    }

    async fn settle_delivery(&self, attempt: &Attempt) -> Result<bool, Error> {
        self.store.settle_delivery(attempt).await
    }

    async fn disable_webhook(&self, seen: &Webhook, audit: &AuditDraft) -> Result<bool, Error> {
        self.store.disable_webhook(seen, audit).await
    }

    async fn forget_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.store.forget_deliveries(before, limit).await
    }

    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        self.store.oldest_due(now).await
    }
}

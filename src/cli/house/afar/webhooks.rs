//! Webhooks, and what was sent to them.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, json};

use super::secret::WithSecret;
use super::{Afar, Again, Parts as _};
use crate::admin::view::{DeliveryRow, Page, WebhookActed, WebhookRotated, WebhookRow};
use crate::cli::failure::Failure;
use crate::cli::house::{WebhookPatch, Webhooks, WhichDeliveries};
use crate::domain::authority::Right;
use crate::domain::webhook::{MessageId, WebhookDetails, WebhookId, WebhookSecret};
use crate::domain::{ProjectId, Scope};

/// By which a webhook gets another secret.
const ROTATE: &str = "webhook rotate-secret";

impl Afar {
    fn scope_of_webhook(&self, right: Right) -> [Scope; 1] {
        // An id does not say whose it is.
        [self.scope(right, None)]
    }

    /// An act without anything to say about it, that would be carried out twice.
    async fn tell_webhook<T: DeserializeOwned>(&self, method: Method, path: &[&str]) -> Result<T, Failure> {
        let scope = self.scope_of_webhook(Right::WriteWebhooks);
        self.ask(&scope, self.to(method, path), Again::Never).await
    }

    fn signing_secret(&self, text: &str) -> Result<WebhookSecret, Failure> {
        text.parse().map_err(|_| self.admin.failed("its answer cannot be read".to_owned()))
    }
}

#[async_trait]
impl Webhooks for Afar {
    async fn create_webhook(
        &self,
        project: Option<ProjectId>,
        details: WebhookDetails,
    ) -> Result<(WebhookRow, WebhookSecret), Failure> {
        let WebhookDetails { url, events, description, state } = details;
        let body = json!({ "project": project, "url": url, "events": events, "description": description, "state": state });
        let request = self.make(&["webhooks"]).json_of(&body);
        let right = Right::WriteWebhooks;
        // One for all projects is nobody's who is limited to a project.
        let scope = [project.as_ref().map_or_else(|| right.everywhere(), |project| right.within(project))];
        let made: WithSecret<WebhookRow> = self.ask(&scope, request, Again::Safely).await?;
        let (row, secret) = made.take(|row| (ROTATE, row.webhook.to_string()))?;
        Ok((row, self.signing_secret(&secret)?))
    }

    async fn webhooks(
        &self,
        project: Option<ProjectId>,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Page<WebhookRow>, Failure> {
        let scope = [self.scope(Right::ReadWebhooks, project.as_ref())];
        let mut query = vec![("limit", limit.to_string())];
        query.extend(project.map(|project| ("project", project.to_string())));
        query.extend(after.map(|after| ("after", after.to_string())));
        let page: Page<WebhookRow> = self.ask(&scope, self.get(&["webhooks"], &query), Again::Safely).await?;
        Ok(page.named(|last| last.webhook.to_string()))
    }

    async fn webhook(&self, id: &WebhookId) -> Result<WebhookRow, Failure> {
        let request = self.get(&["webhooks", id.as_str()], &[]);
        self.ask(&self.scope_of_webhook(Right::ReadWebhooks), request, Again::Safely).await
    }

    async fn edit_webhook(&self, id: &WebhookId, patch: WebhookPatch) -> Result<WebhookRow, Failure> {
        let WebhookPatch { url, events, description, state } = patch;
        let mut body = Map::new();
        body.extend(url.map(|url| ("url".to_owned(), json!(url))));
        body.extend(events.map(|events| ("events".to_owned(), json!(events))));
        body.extend(description.map(|description| ("description".to_owned(), json!(description))));
        body.extend(state.map(|state| ("state".to_owned(), json!(state))));
        let request = self.to(Method::PATCH, &["webhooks", id.as_str()]).json_of(&body.into());
        // What is not named stays as it is, whatever that is.
        let request = request.header("if-match", "*");
        self.ask(&self.scope_of_webhook(Right::WriteWebhooks), request, Again::Never).await
    }

    async fn delete_webhook(&self, id: &WebhookId) -> Result<WebhookActed, Failure> {
        self.tell_webhook(Method::DELETE, &["webhooks", id.as_str()]).await
    }

    async fn rotate_webhook_secret(
        &self,
        id: &WebhookId,
        overlap: Duration,
    ) -> Result<(WebhookRotated, WebhookSecret), Failure> {
        let body = json!({ "overlap_secs": overlap.as_secs() });
        let request = self.to(Method::POST, &["webhooks", id.as_str(), "rotate-secret"]).json_of(&body);
        let scope = self.scope_of_webhook(Right::WriteWebhooks);
        // A second try would end the secret that the receiver has.
        let made: WithSecret<WebhookRotated> = self.ask(&scope, request, Again::Never).await?;
        let (rotated, secret) = made.take(|_| (ROTATE, id.to_string()))?;
        Ok((rotated, self.signing_secret(&secret)?))
    }

    async fn test_webhook(&self, id: &WebhookId) -> Result<WebhookActed, Failure> {
        self.tell_webhook(Method::POST, &["webhooks", id.as_str(), "test"]).await
    }

    async fn deliveries(&self, which: WhichDeliveries) -> Result<Page<DeliveryRow>, Failure> {
        let WhichDeliveries { webhook, state, after, limit } = which;
        let mut query = vec![("limit", limit.to_string())];
        query.extend(state.map(|state| ("state", state)));
        query.extend(after.map(|after| ("after", after.to_string())));
        let request = self.get(&["webhooks", webhook.as_str(), "deliveries"], &query);
        let scope = self.scope_of_webhook(Right::ReadWebhooks);
        let page: Page<DeliveryRow> = self.ask(&scope, request, Again::Safely).await?;
        Ok(page.named(|last| last.message.to_string()))
    }

    async fn redeliver(&self, id: &WebhookId, message: &MessageId) -> Result<WebhookActed, Failure> {
        let path = ["webhooks", id.as_str(), "deliveries", message.as_str(), "redeliver"];
        self.tell_webhook(Method::POST, &path).await
    }
}

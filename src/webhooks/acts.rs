//! What administrators do to webhooks. A webhook of which whoever acts may see nothing is as if it were not
//! there.

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::audit::Act;
use crate::domain::authority::Right;
use crate::domain::webhook::{
    Destinations, InvalidWebhook, LONGEST_OVERLAP, MessageId, Webhook, WebhookDetails, WebhookId,
    WebhookSecret, WebhookState,
};
use crate::domain::{Position, ProjectId, Timestamp};
use crate::keys::acts::{Acts, Error, Made};
use crate::store::{Error as StoreError, NewWebhook, WebhookChange, WebhookEdit};

/// A webhook that was made, or given a new secret, which is shown to whoever asked and kept sealed.
#[derive(Debug)]
pub struct WebhookMade {
    /// As it is now.
    pub webhook: Webhook,
    /// What its messages are signed with.
    pub secret: WebhookSecret,
}

impl Acts {
    /// Makes a webhook of a project, or of all of them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_webhook(
        &self,
        project: Option<ProjectId>,
        details: WebhookDetails,
        destinations: &Destinations,
    ) -> Result<WebhookMade, Error> {
        self.authority.check(Right::WriteWebhooks, project.as_ref())?;
        details.check(destinations)?;
        let mut webhook = Webhook {
            id: WebhookId::new(&self.entropy.bytes()),
            project,
            details,
            failing_since: None,
            created_at: self.clock.now(),
            changed: Position::START,
        };
        let secret = WebhookSecret::new(&self.entropy.bytes());
        let new = NewWebhook {
            secret: self.sealed(&webhook.id, &secret),
            audit: self.audit(
                Act::CreateWebhook,
                webhook.project.as_ref(),
                webhook.id.as_str(),
                described(&webhook.details),
            ),
            once: self.once(&Made::Webhook(&webhook)),
            webhook: webhook.clone(),
        };
        webhook.changed = self.store.create_webhook(&new).await?;
        Ok(WebhookMade { webhook, secret })
    }

    /// A webhook, for whoever may see it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn webhook(&self, id: &WebhookId) -> Result<Webhook, Error> {
        let found = self.store.webhook(id).await?;
        let seen =
            |webhook: &Webhook| self.authority.check(Right::ReadWebhooks, webhook.project.as_ref()).is_ok();
        Ok(found.filter(seen).ok_or(StoreError::Missing("webhook"))?)
    }

    /// Replaces a webhook's details by what `edit` makes of them.
    ///
    /// # Errors
    /// See [`Error`]; [`StoreError::Conflict`] if somebody else edited it meanwhile.
    pub async fn edit_webhook(
        &self,
        id: &WebhookId,
        edit: impl FnOnce(WebhookDetails) -> WebhookDetails + Send,
        destinations: &Destinations,
    ) -> Result<Webhook, Error> {
        let webhook = self.webhook(id).await?;
        let details = edit(webhook.details.clone());
        details.check(destinations)?;
        let mut detail = described(&details);
        detail["was"] = described(&webhook.details);
        let recovers = details.state == WebhookState::Active && webhook.details.state != WebhookState::Active;
        let failing_since = webhook.failing_since.filter(|_| !recovers);
        let edited = Webhook { details: details.clone(), failing_since, ..webhook.clone() };
        let changed = self.change(webhook, Act::EditWebhook, WebhookEdit::Details(details), detail).await?;
        Ok(Webhook { changed, ..edited })
    }

    /// Deletes a webhook, and what was on its way to it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_webhook(&self, id: &WebhookId) -> Result<(), Error> {
        let webhook = self.webhook(id).await?;
        let detail = described(&webhook.details);
        self.change(webhook, Act::DeleteWebhook, WebhookEdit::Delete, detail).await.map(drop)
    }

    /// Gives a webhook a new signing secret; the one before signs beside it for as long as `overlap`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rotate_webhook_secret(
        &self,
        id: &WebhookId,
        overlap: Duration,
    ) -> Result<(WebhookMade, Timestamp), Error> {
        if overlap > LONGEST_OVERLAP {
            return Err(InvalidWebhook::Overlap.into());
        }
        let webhook = self.webhook(id).await?;
        let secret = WebhookSecret::new(&self.entropy.bytes());
        let old_ends_at = self.clock.now().after(overlap);
        let edit = WebhookEdit::RotateSecret { secret: self.sealed(id, &secret), old_ends_at };
        let detail = json!({ "overlap_secs": overlap.as_secs() });
        let changed = self.change(webhook.clone(), Act::RotateWebhookSecret, edit, detail).await?;
        Ok((WebhookMade { webhook: Webhook { changed, ..webhook }, secret }, old_ends_at))
    }

    /// Sends a webhook an event that is none, to see whether it arrives.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn test_webhook(&self, id: &WebhookId) -> Result<Position, Error> {
        let webhook = self.sending(id).await?;
        self.change(webhook, Act::TestWebhook, WebhookEdit::Test, json!({})).await
    }

    /// Sends a webhook a message again that is still remembered, however it ended.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn redeliver(&self, id: &WebhookId, message: &MessageId) -> Result<Position, Error> {
        let webhook = self.sending(id).await?;
        let detail = json!({ "message": message });
        self.change(webhook, Act::RedeliverWebhook, WebhookEdit::Redeliver(message.clone()), detail).await
    }

    /// A webhook to which something may be sent.
    async fn sending(&self, id: &WebhookId) -> Result<Webhook, Error> {
        let webhook = self.webhook(id).await?;
        if webhook.details.state == WebhookState::Disabled {
            return Err(Error::DisabledWebhook);
        }
        Ok(webhook)
    }

    async fn change(
        &self,
        webhook: Webhook,
        act: Act,
        edit: WebhookEdit,
        detail: Value,
    ) -> Result<Position, Error> {
        self.authority.check(Right::WriteWebhooks, webhook.project.as_ref())?;
        if self.expecting.is_some_and(|expected| expected != webhook.changed) {
            return Err(StoreError::Conflict.into());
        }
        let audit = self.audit(act, webhook.project.as_ref(), webhook.id.as_str(), detail);
        Ok(self.store.change_webhook(&WebhookChange { webhook, edit, audit }).await?)
    }

    fn sealed(&self, id: &WebhookId, secret: &WebhookSecret) -> Vec<u8> {
        self.signing.seal(&name_of_secret(id), secret.as_bytes(), self.entropy.as_ref())
    }
}

/// Under which name a webhook's secrets are sealed.
pub(super) fn name_of_secret(id: &WebhookId) -> String {
    format!("webhook {id}")
}

/// A webhook, for the audit log. Of its URL only where it leads: the rest may be somebody's password.
fn described(details: &WebhookDetails) -> Value {
    json!({
        "url": details.url.origin(),
        "events": details.events,
        "description": details.description,
        "state": details.state,
    })
}

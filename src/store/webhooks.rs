//! What is asked of webhooks, and of what is on its way to them.

use async_trait::async_trait;

use super::Error;
use crate::domain::audit::AuditDraft;
use crate::domain::authority::Reach;
use crate::domain::once::Once;
use crate::domain::webhook::{Fate, MessageId, Outcome, Webhook, WebhookDetails, WebhookId};
use crate::domain::{Position, ProjectId, Timestamp};

/// Webhooks. What is sent to them is written down by whatever appends to the audit log, in its transaction.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Makes a webhook and tells the number of its row in the audit log. [`Error::Missing`] if the project
    /// is not there, [`Error::Full`] if it has [`MOST`](crate::domain::webhook::MOST) already.
    async fn create_webhook(&self, new: &NewWebhook) -> Result<Position, Error>;

    /// A webhook.
    async fn webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, Error>;

    /// Webhooks by id.
    async fn find_webhooks(&self, wanted: &WantedWebhooks) -> Result<Vec<Webhook>, Error>;

    /// Carries out an act on a webhook as it was read, and tells the number of its row in the audit log.
    /// [`Error::Conflict`] if its `changed` has moved, [`Error::Missing`] if it, or the message to send
    /// again, is not there.
    async fn change_webhook(&self, change: &WebhookChange) -> Result<Position, Error>;

    /// What was sent to a webhook, and what is on its way, the newest first.
    async fn find_deliveries(&self, wanted: &WantedDeliveries) -> Result<Vec<Delivery>, Error>;

    /// The active webhooks to which something is to be sent now.
    async fn webhooks_due(&self, now: Timestamp) -> Result<Vec<DueWebhook>, Error>;

    /// Takes some of what is to be sent to a webhook now, the longest due first: nobody else tries it until
    /// the lease ends. None, if the webhook is not active any more.
    async fn claim_deliveries(&self, claim: &Claim) -> Result<Option<Claimed>, Error>;

    /// Writes down what became of an attempt, and whether the webhook is failing. False, if somebody else
    /// has tried it meanwhile or it is not there any more; then nothing is written.
    async fn settle_delivery(&self, attempt: &Attempt) -> Result<bool, Error>;

    /// Sends an active webhook nothing any more: what waits for it has failed. False, if it is not as it was seen
    /// any more, by an act or because something has arrived there; then nothing is written.
    async fn disable_webhook(&self, seen: &Webhook, audit: &AuditDraft) -> Result<bool, Error>;

    /// Deletes at most `limit` deliveries of events before this time, whatever became of them; tells how many.
    async fn forget_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, Error>;

    /// Since when the longest due of all deliveries to active webhooks is due.
    async fn oldest_due(&self, now: Timestamp) -> Result<Option<Timestamp>, Error>;
}

/// A webhook to be made.
#[derive(Debug)]
pub struct NewWebhook {
    /// The webhook; its `changed` is not read.
    pub webhook: Webhook,
    /// Its signing secret, sealed.
    pub secret: Vec<u8>,
    /// What the audit log is told.
    pub audit: AuditDraft,
    /// How it is made once.
    pub once: Option<Once>,
}

/// An act on a webhook.
#[derive(Debug)]
pub struct WebhookChange {
    /// As it was read.
    pub webhook: Webhook,
    /// What becomes of it.
    pub edit: WebhookEdit,
    /// What the audit log is told.
    pub audit: AuditDraft,
}

/// What becomes of a webhook.
#[derive(Debug)]
pub enum WebhookEdit {
    /// It is like this. Whoever makes it active forgets that it failed; whoever disables it, what waits.
    Details(WebhookDetails),
    /// It signs with this secret, sealed; with the one before until then as well.
    RotateSecret {
        /// The new one.
        secret: Vec<u8>,
        /// When the old one ends.
        old_ends_at: Timestamp,
    },
    /// It is gone, with what was sent to it.
    Delete,
    /// It is sent the event of this act itself.
    Test,
    /// It is sent this again, from the beginning.
    Redeliver(MessageId),
}

/// Which webhooks are looked for.
#[derive(Clone, Debug)]
pub struct WantedWebhooks {
    /// Whose; those of all projects are seen by whoever may see everything.
    pub within: Reach,
    /// Only those after this one.
    pub after: Option<WebhookId>,
    /// At most so many.
    pub limit: u32,
}

/// Which deliveries are looked for.
#[derive(Clone, Debug)]
pub struct WantedDeliveries {
    /// To which webhook.
    pub webhook: WebhookId,
    /// Only those in this state, as it is stored.
    pub state: Option<String>,
    /// Only those before this one.
    pub before: Option<MessageId>,
    /// At most so many.
    pub limit: u32,
}

/// A message and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: MessageId,
    /// The type of its event.
    pub event: String,
    /// Where it stands: `waiting`, `delivered`, `failed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; while it is being tried, when it will be if nothing is heard of that.
    pub next_at: Option<Timestamp>,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
    /// What came of that.
    pub outcome: Option<String>,
    /// The status that was answered, if any was.
    pub status: Option<u16>,
    /// When the event was.
    pub created_at: Timestamp,
}

/// A webhook to which something is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueWebhook {
    /// Which.
    pub id: WebhookId,
    /// Whether the last attempt failed.
    pub failing: bool,
}

/// What somebody takes to send it.
#[derive(Clone, Debug)]
pub struct Claim {
    /// To which webhook.
    pub webhook: WebhookId,
    /// What is due by then.
    pub now: Timestamp,
    /// When the lease ends.
    pub until: Timestamp,
    /// At most so many.
    pub limit: u32,
}

/// What is to be sent to a webhook.
#[derive(Debug)]
pub struct Claimed {
    /// The webhook.
    pub webhook: Webhook,
    /// Its signing secret, sealed.
    pub secret: Vec<u8>,
    /// The one before, sealed, and when it ends.
    pub old_secret: Option<(Vec<u8>, Timestamp)>,
    /// The messages.
    pub messages: Vec<ClaimedMessage>,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedMessage {
    /// Which.
    pub id: MessageId,
    /// Its body.
    pub body: String,
    /// The number of this attempt.
    pub attempt: u32,
}

/// An attempt that was made.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// To which webhook.
    pub webhook: WebhookId,
    /// With which message.
    pub message: MessageId,
    /// Its number.
    pub number: u32,
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// What becomes of the delivery.
    pub fate: Fate,
}

impl WebhookChange {
    /// The act that it must be unchanged since, and which moves it. Whoever sends something changes nothing.
    pub(super) fn expected(&self) -> Option<Position> {
        let sends = matches!(self.edit, WebhookEdit::Test | WebhookEdit::Redeliver(_));
        (!sends).then_some(self.webhook.changed)
    }
}

/// What a delivery is called where it is stored: waiting, delivered, failed.
pub const DELIVERY_STATES: [&str; 3] = ["waiting", "delivered", "failed"];

impl Attempt {
    /// The state, and when it is tried next.
    pub(super) fn stands(&self) -> (&'static str, Option<i64>) {
        use crate::domain::webhook::Ended;
        match self.fate {
            Fate::Again(at) => ("waiting", Some(at.millis())),
            Fate::Ended(Ended::Delivered) => ("delivered", None),
            Fate::Ended(Ended::Failed) => ("failed", None),
        }
    }

    /// Whether it has arrived.
    pub(super) fn has_arrived(&self) -> bool {
        matches!(self.outcome, Outcome::Delivered(_))
    }
}

impl NewWebhook {
    /// Whose it is.
    pub(super) fn project(&self) -> Option<&str> {
        self.webhook.project.as_ref().map(ProjectId::as_str)
    }
}

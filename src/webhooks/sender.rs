//! Sends what the outbox holds: takes what is due under a lease, some of each webhook, and tries it.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use crate::domain::Timestamp;
use crate::domain::audit::{Act, Actor, AuditDraft};
use crate::domain::webhook::{
    Brought, Fate, GivenUp, Outcome, REMEMBERED, Webhook, WebhookId, WebhookSecret, after, signatures,
};
use crate::entropy::Entropy;
use crate::signing::SealingKey;
use crate::store::{Attempt, Claim, Claimed, ClaimedMessage, Error, Store};
use crate::time::{Clock, Moment};

use super::acts::name_of_secret;
use super::counts::Counts;
use super::transport::{Request, Transport};

/// How many attempts are made at a time.
const AT_ONCE: usize = 32;
/// How many of them to one webhook.
const EACH: usize = 4;
/// How many to one whose last attempt failed: whoever does not answer holds up nobody else.
const EACH_FAILING: usize = 1;
/// How long nobody else tries what was taken: longer than an attempt takes by any clock that is believed.
const LEASE: Duration = Duration::from_mins(1);
/// How often it is looked for what is to be forgotten, and for how long something has been waiting.
const LOOK_BACK: Duration = Duration::from_secs(15);
/// How many deliveries one transaction forgets.
const BATCH: u32 = 500;
/// How many of them follow each other; what is left then goes with the next turn.
const BATCHES: u32 = 40;
/// How long a turn without anything to do is put off.
const IDLE: Duration = Duration::from_secs(1);

/// What a sender is made of.
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// What signing secrets are sealed under.
    pub sealing: Arc<SealingKey>,
    /// The way to receivers.
    pub transport: Transport,
}

/// Sends what the outbox holds.
pub struct Sender {
    at_work: Arc<AtWork>,
    tries: Mutex<Tries>,
    looked_back: Mutex<Option<Moment>>,
}

/// What every attempt needs.
struct AtWork {
    parts: Parts,
    counts: Counts,
    /// An attempt has ended.
    ended: Notify,
}

/// The attempts under way, and to whom.
#[derive(Default)]
struct Tries {
    tasks: JoinSet<WebhookId>,
    to: HashMap<WebhookId, usize>,
    /// Who came first in the last turn.
    turn: usize,
}

impl Sender {
    /// Begins with nothing under way.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let at_work = Arc::new(AtWork { parts, counts: Counts::default(), ended: Notify::new() });
        Self { at_work, tries: Mutex::default(), looked_back: Mutex::default() }
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.at_work.counts
    }

    /// The way to receivers.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.at_work.parts.transport
    }

    /// Waits until a turn is worth it: an attempt has ended, or some time has passed.
    pub async fn wait(&self) {
        let _ = tokio::time::timeout(IDLE, self.at_work.ended.notified()).await;
    }

    /// One turn: begins to send what is due, as far as there are places; tells how many attempts that are.
    ///
    /// # Errors
    /// Whatever kept it from being taken. What was taken already is tried.
    pub async fn step(&self) -> Result<usize, Error> {
        self.look_back().await?;
        let mut tries = self.tries.lock().await;
        tries.reap();
        let Parts { store, clock, .. } = &self.at_work.parts;
        if tries.tasks.len() >= AT_ONCE {
            return Ok(0);
        }
        let mut due = store.webhooks_due(clock.now()).await?;
        if due.is_empty() {
            return Ok(0);
        }
        // Another one comes first each time, should there not be enough places for all of them.
        tries.turn = tries.turn.wrapping_add(1);
        let first = tries.turn % due.len();
        due.rotate_left(first);
        let mut begun = 0;
        for webhook in due {
            let places = tries.places(&webhook.id, if webhook.failing { EACH_FAILING } else { EACH });
            if places == 0 {
                continue;
            }
            let now = clock.now();
            let limit = u32::try_from(places).unwrap_or(u32::MAX);
            let claim = Claim { webhook: webhook.id, now, until: now.after(LEASE), limit };
            if let Some(claimed) = store.claim_deliveries(&claim).await? {
                begun += tries.begin(&self.at_work, claimed);
            }
        }
        Ok(begun)
    }

    /// Waits until nothing is under way.
    pub async fn finish(&self) {
        let mut tries = self.tries.lock().await;
        while let Some(ended) = tries.tasks.join_next().await {
            tries.ended(ended);
        }
    }

    /// Breaks off what is under way: it is tried again when the leases have ended, by whoever comes first.
    pub async fn stop(&self) {
        let mut tries = self.tries.lock().await;
        tries.tasks.shutdown().await;
        tries.to.clear();
    }

    /// Forgets what is old, and looks for how long something has been waiting.
    async fn look_back(&self) -> Result<(), Error> {
        let Parts { store, clock, .. } = &self.at_work.parts;
        let mut looked = self.looked_back.lock().await;
        if looked.is_some_and(|last| last.age(clock.as_ref()) < LOOK_BACK) {
            return Ok(());
        }
        let began = Moment::now(clock.as_ref());
        let oldest = store.oldest_due(clock.now()).await?;
        let waiting = oldest.map_or(Duration::ZERO, |oldest| clock.now().since(oldest));
        self.at_work.counts.waiting(u64::try_from(waiting.as_millis()).unwrap_or(u64::MAX));
        for _ in 0..BATCHES {
            let forgotten = store.forget_deliveries(clock.now().before(REMEMBERED), BATCH).await?;
            if forgotten < u64::from(BATCH) {
                break;
            }
        }
        *looked = Some(began);
        Ok(())
    }
}

impl Tries {
    /// How many more attempts there may be to this webhook, of which there may be so many.
    fn places(&self, webhook: &WebhookId, each: usize) -> usize {
        let under_way = self.to.get(webhook).copied().unwrap_or_default();
        each.saturating_sub(under_way).min(AT_ONCE.saturating_sub(self.tasks.len()))
    }

    fn begin(&mut self, at_work: &Arc<AtWork>, claimed: Claimed) -> usize {
        let Claimed { webhook, secret, old_secret, messages } = claimed;
        let begun = messages.len();
        let sealed = Arc::new(Sealed { webhook, secret, old_secret });
        for message in messages {
            let (at_work, sealed) = (at_work.clone(), sealed.clone());
            *self.to.entry(sealed.webhook.id.clone()).or_default() += 1;
            self.tasks.spawn(async move {
                at_work.attempt(&sealed, &message).await;
                at_work.ended.notify_one();
                sealed.webhook.id.clone()
            });
        }
        begun
    }

    /// Forgets what has ended.
    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended(ended);
        }
    }

    fn ended(&mut self, ended: Result<WebhookId, tokio::task::JoinError>) {
        match ended {
            Ok(webhook) => {
                if let Some(under_way) = self.to.get_mut(&webhook) {
                    *under_way = under_way.saturating_sub(1);
                }
                self.to.retain(|_, under_way| *under_way > 0);
            }
            // Nobody knows whose it was. With nothing under way the count is right again.
            Err(_) => {
                tracing::error!("an attempt to send to a webhook panicked; it is tried again in a minute");
            }
        }
        if self.tasks.is_empty() {
            self.to.clear();
        }
    }
}

/// A webhook and its sealed secrets.
struct Sealed {
    webhook: Webhook,
    secret: Vec<u8>,
    old_secret: Option<(Vec<u8>, Timestamp)>,
}

impl AtWork {
    async fn attempt(&self, to: &Sealed, message: &ClaimedMessage) {
        let brought = self.send(to, message).await;
        let outcome = brought.outcome;
        self.counts.attempted(outcome);
        let (webhook, now) = (&to.webhook, self.parts.clock.now());
        let chance = u32::from_be_bytes(self.parts.entropy.bytes());
        let (fate, given_up) = after(brought, message.attempt, webhook.failing_since, (now, chance));
        tracing::debug!(
            webhook.id = %webhook.id, webhook.message = %message.id, webhook.attempt = message.attempt,
            webhook.outcome = outcome.as_str(), "a message was sent to a webhook"
        );
        if let Err(error) = self.settle(webhook, message, (outcome, fate), given_up).await {
            let told = &error as &dyn StdError;
            tracing::warn!(
                error = told, webhook.id = %webhook.id,
                "what came of a message to a webhook could not be written down; it is sent again"
            );
        }
    }

    /// Signed anew at each attempt: the time is part of what is signed.
    async fn send(&self, to: &Sealed, message: &ClaimedMessage) -> Brought {
        let sent = self.parts.clock.now();
        let Some(secrets) = self.opened(to, sent) else {
            tracing::error!(webhook.id = %to.webhook.id, "a webhook's signing secret is damaged; rotate it");
            return Outcome::Unsigned.into();
        };
        let signature = signatures(&secrets, &message.id, sent, &message.body);
        let request = Request {
            url: &to.webhook.details.url,
            id: message.id.as_str(),
            timestamp: sent.secs(),
            signature: &signature,
            body: &message.body,
        };
        self.parts.transport.post(&request).await
    }

    /// What signs now, the newest first.
    fn opened(&self, to: &Sealed, now: Timestamp) -> Option<Vec<WebhookSecret>> {
        let old = to.old_secret.iter().filter(|(_, ends)| now < *ends).map(|(old, _)| old);
        let name = name_of_secret(&to.webhook.id);
        let open =
            |sealed: &Vec<u8>| WebhookSecret::from_bytes(self.parts.sealing.open(&name, sealed).ok()?).ok();
        [&to.secret].into_iter().chain(old).map(open).collect()
    }

    async fn settle(
        &self,
        webhook: &Webhook,
        message: &ClaimedMessage,
        (outcome, fate): (Outcome, Fate),
        given_up: Option<GivenUp>,
    ) -> Result<(), Error> {
        let at = self.parts.clock.now();
        let attempt = Attempt {
            webhook: webhook.id.clone(),
            message: message.id.clone(),
            number: message.attempt,
            at,
            outcome,
            fate,
        };
        let settled = self.parts.store.settle_delivery(&attempt).await?;
        let Some(why) = given_up.filter(|_| settled) else { return Ok(()) };
        let audit = AuditDraft {
            at,
            actor: Actor::System,
            address: None,
            act: Act::DisableWebhook,
            project: webhook.project.clone(),
            target: webhook.id.to_string(),
            detail: json!({ "why": why }),
        };
        if self.parts.store.disable_webhook(webhook, &audit).await? {
            tracing::warn!(webhook.id = %webhook.id, "a webhook is sent nothing any more: its receiver is gone or fails");
        }
        Ok(())
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("transport", self.transport()).finish_non_exhaustive()
    }
}

//! Webhooks: who is told of acts on keys, of what, where, and how it is proven to come from us
//! (Standard Webhooks, <https://www.standardwebhooks.com>).
//!
//! Not here: the connection (`webhooks::transport`), and when there is something to send
//! (`webhooks::sender`).

mod after;
mod destination;
mod event;
mod filter;
mod id;
mod signature;
mod url;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use portcullis_guard::{Position, ProjectId, Timestamp};
use serde::Serialize;

pub use after::{Brought, Ended, Fate, GivenUp, Outcome, after, asked, pause};
pub use destination::Destinations;
pub use event::{EVENTS, GROUPS, Message, TEST, event_of};
pub use filter::{EventFilter, InvalidEvent};
pub use id::{InvalidId, MessageId, WebhookId};
pub use signature::{InvalidSecret, WebhookSecret, signatures};
pub use url::{InvalidUrl, WebhookUrl};

/// How many webhooks one project may have, and how many may belong to all projects.
pub const MOST: u32 = 20;
/// How long a delivery is remembered after its event, whatever became of it.
pub const REMEMBERED: Duration = Duration::from_hours(7 * 24);
/// The longest time for which a replaced signing secret goes on signing.
pub const LONGEST_OVERLAP: Duration = Duration::from_hours(7 * 24);
/// How long it does if nobody says.
pub const USUAL_OVERLAP: Duration = Duration::from_hours(24);
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 1000;

/// Somebody who is told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Of whose keys; of all projects' and those to come, if absent.
    pub project: Option<ProjectId>,
    /// What can be edited of it.
    pub details: WebhookDetails,
    /// Since when nothing has arrived there, if the last attempt failed.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The number of the audit log's row of the last act on it.
    pub changed: Position,
}

/// What can be edited of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDetails {
    /// Where events are sent.
    pub url: WebhookUrl,
    /// Which.
    pub events: EventFilter,
    /// What people say about it.
    pub description: String,
    /// Whether they are sent.
    pub state: WebhookState,
}

/// Whether events are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// They are.
    #[default]
    Active,
    /// They wait.
    Paused,
    /// There are none: its receiver is gone, or has failed for too long.
    Disabled,
}

impl WebhookState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Disabled];

    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// A text that is no [`WebhookState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook is active, paused or disabled")]
pub struct InvalidState;

impl FromStr for WebhookState {
    type Err = InvalidState;

    fn from_str(raw: &str) -> Result<Self, InvalidState> {
        Self::ALL.into_iter().find(|state| state.as_str() == raw).ok_or(InvalidState)
    }
}

impl fmt::Display for WebhookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a webhook may not be like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhook {
    /// Its URL.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// Its events.
    #[error(transparent)]
    Event(#[from] InvalidEvent),
    /// Its description.
    #[error("a description has at most {LONGEST_DESCRIPTION} characters and no control characters")]
    Description,
    /// The time for which a replaced secret goes on signing.
    #[error("a replaced secret goes on signing for at most seven days")]
    Overlap,
}

impl InvalidWebhook {
    /// What of it cannot be.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Event(_) => "events",
            Self::Description => "description",
            Self::Overlap => "overlap_secs",
        }
    }
}

impl WebhookDetails {
    /// Whether a webhook may be like this, where these destinations may be reached.
    ///
    /// # Errors
    /// See [`InvalidWebhook`].
    pub fn check(&self, destinations: &Destinations) -> Result<(), InvalidWebhook> {
        self.url.check(destinations)?;
        let fits = self.description.chars().count() <= LONGEST_DESCRIPTION
            && !self.description.chars().any(char::is_control);
        if fits { Ok(()) } else { Err(InvalidWebhook::Description) }
    }
}

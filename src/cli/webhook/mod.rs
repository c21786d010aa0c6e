//! `portcullis webhook …`: who is told of acts on keys. What is to be sent is sent by a running server.

mod view;

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::admin::view::Shown;
use crate::domain::ProjectId;
use crate::domain::webhook::{EventFilter, MessageId, WebhookDetails, WebhookId, WebhookState, WebhookUrl};
use crate::store::DELIVERY_STATES;

use super::failure::Failure;
use super::house::{WebhookPatch, WhichDeliveries};
use super::session::Session;
use super::values::span;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a webhook. Its signing secret is shown once.
    Create(Create),
    /// List the webhooks.
    List {
        /// Only those of this project.
        #[arg(long, value_name = "ID")]
        project: Option<ProjectId>,
        /// Only those after this one.
        #[arg(long, value_name = "ID")]
        after: Option<WebhookId>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show a webhook.
    Show {
        /// The webhook.
        #[arg(value_name = "ID")]
        webhook: WebhookId,
    },
    /// Change what is named of a webhook.
    Edit(Edit),
    /// Delete a webhook, and what was on its way to it.
    Delete {
        /// The webhook.
        #[arg(value_name = "ID")]
        webhook: WebhookId,
    },
    /// Give a webhook a new signing secret, shown once.
    RotateSecret {
        /// The webhook.
        #[arg(value_name = "ID")]
        webhook: WebhookId,
        /// For how long the old secret signs as well, at most 7d.
        #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = span)]
        overlap: Duration,
    },
    /// Send a webhook an event that is none, to see whether it arrives.
    Test {
        /// The webhook.
        #[arg(value_name = "ID")]
        webhook: WebhookId,
    },
    /// List what was sent to a webhook and what is on its way, the newest first.
    Deliveries {
        /// The webhook.
        #[arg(value_name = "ID")]
        webhook: WebhookId,
        /// Only those that wait, were delivered, or have failed.
        #[arg(long, value_parser = PossibleValuesParser::new(DELIVERY_STATES))]
        state: Option<String>,
        /// Only those after this one, which are older.
        #[arg(long, value_name = "MESSAGE")]
        after: Option<MessageId>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Send a message again, under the id that it has.
    Redeliver {
        /// The webhook.
        #[arg(value_name = "ID")]
        webhook: WebhookId,
        /// The message.
        message: MessageId,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// Of whose keys it is told.
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "all_projects",
        conflicts_with = "all_projects"
    )]
    project: Option<ProjectId>,
    /// It is told of the keys of all projects, administrators' among them.
    #[arg(long)]
    all_projects: bool,
    /// Where events are sent: https, or http within `webhooks.allow_networks`.
    #[arg(long)]
    url: WebhookUrl,
    /// Which events: a type such as key.block, or a group such as key.*; repeatable [default: all].
    #[arg(long = "event", value_name = "TYPE", value_parser = event)]
    events: Vec<String>,
    /// What there is to say about it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true, id = "changes")]
pub(super) struct Changes {
    /// Where events are sent.
    #[arg(long)]
    url: Option<WebhookUrl>,
    /// Which events, in place of those before; repeatable.
    #[arg(long = "event", value_name = "TYPE", value_parser = event, conflicts_with = "all_events")]
    events: Vec<String>,
    /// All events.
    #[arg(long)]
    all_events: bool,
    /// What there is to say about it.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// active, paused (events wait) or disabled (there are none).
    #[arg(long, value_parser = state())]
    state: Option<WebhookState>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Edit {
    /// The webhook.
    #[arg(value_name = "ID")]
    webhook: WebhookId,
    #[command(flatten)]
    changes: Changes,
}

fn state() -> impl TypedValueParser<Value = WebhookState> {
    PossibleValuesParser::new(WebhookState::ALL.map(WebhookState::as_str))
        .try_map(|word| word.parse::<WebhookState>())
}

fn event(word: &str) -> Result<String, String> {
    EventFilter::new([word]).map(|_| word.to_owned()).map_err(|error| error.to_string())
}

fn filter(words: &[String]) -> Result<EventFilter, Failure> {
    EventFilter::new(words.iter().map(String::as_str)).map_err(|error| Failure::Usage(error.to_string()))
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let (house, output) = (&session.house, session.output);
        match self {
            Self::Create(new) => new.run(session).await,
            Self::List { project, after, limit } => {
                output.show(&house.webhooks(project, after, limit).await?)
            }
            Self::Show { webhook } => output.show(&house.webhook(&webhook).await?),
            Self::Edit(edit) => edit.run(session).await,
            Self::Delete { webhook } => output.show(&house.delete_webhook(&webhook).await?),
            Self::RotateSecret { webhook, overlap } => {
                let (rotated, secret) = house.rotate_webhook_secret(&webhook, overlap).await?;
                output.show(&Shown { key: rotated, secret: &secret.expose() })
            }
            Self::Test { webhook } => output.show(&house.test_webhook(&webhook).await?),
            Self::Deliveries { webhook, state, after, limit } => {
                let which = WhichDeliveries { webhook, state, after, limit };
                output.show(&house.deliveries(which).await?)
            }
            Self::Redeliver { webhook, message } => output.show(&house.redeliver(&webhook, &message).await?),
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let details = WebhookDetails {
            url: self.url,
            events: filter(&self.events)?,
            description: self.description,
            state: WebhookState::default(),
        };
        let (row, secret) = session.house.create_webhook(self.project, details).await?;
        session.output.show(&Shown { key: row, secret: &secret.expose() })
    }
}

impl Edit {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let Changes { url, events, all_events, description, state } = self.changes;
        let events = if all_events || !events.is_empty() { Some(filter(&events)?) } else { None };
        let patch = WebhookPatch { url, events, description, state };
        session.output.show(&session.house.edit_webhook(&self.webhook, patch).await?)
    }
}

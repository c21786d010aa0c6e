//! What a webhook is made of, as it is given.

use crate::admin::body::{Field, Fields, FromFields};
use crate::admin::problem::Problem;
use crate::domain::ProjectId;
use crate::domain::webhook::{EventFilter, WebhookDetails, WebhookState, WebhookUrl};

/// A webhook to be made.
pub(super) struct New {
    pub(super) project: Option<ProjectId>,
    pub(super) details: WebhookDetails,
}

impl FromFields for New {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        // For all projects it has to be said that it is: left out by mistake it would tell of everybody's keys.
        let project = match fields.take::<ProjectId>("project")? {
            Field::Absent => {
                return Err(Problem::value("project", "it is missing; null is for the keys of all projects"));
            }
            named => named.given(),
        };
        let url = fields.need::<String>("url")?;
        let details = WebhookDetails {
            url: url_of(&url)?,
            events: events(fields)?.given().unwrap_or_default(),
            description: fields.take("description")?.given().unwrap_or_default(),
            state: state(fields)?.given().unwrap_or_default(),
        };
        Ok(Self { project, details })
    }
}

/// What of a webhook is to change.
pub(super) struct Patch {
    url: Field<WebhookUrl>,
    events: Field<EventFilter>,
    description: Field<String>,
    state: Field<WebhookState>,
}

impl FromFields for Patch {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let url = fields.take::<String>("url")?.and_then(|raw| url_of(&raw))?;
        if url == Field::Null {
            return Err(Problem::value("url", "a webhook has a URL"));
        }
        Ok(Self {
            url,
            events: events(fields)?,
            description: fields.take("description")?,
            state: state(fields)?,
        })
    }
}

impl Patch {
    pub(super) fn over(self, before: WebhookDetails) -> WebhookDetails {
        WebhookDetails {
            url: match self.url {
                Field::Given(url) => url,
                Field::Absent | Field::Null => before.url,
            },
            events: self.events.over(before.events, EventFilter::default),
            description: self.description.over(before.description, String::new),
            state: self.state.over(before.state, WebhookState::default),
        }
    }
}

fn url_of(raw: &str) -> Result<WebhookUrl, Problem> {
    raw.parse().map_err(|error: crate::domain::webhook::InvalidUrl| Problem::value("url", error.to_string()))
}

fn events(fields: &mut Fields) -> Result<Field<EventFilter>, Problem> {
    fields.take::<Vec<String>>("events")?.and_then(|words| {
        let filter = EventFilter::new(words.iter().map(String::as_str));
        filter.map_err(|error| Problem::value("events", error.to_string()))
    })
}

fn state(fields: &mut Fields) -> Result<Field<WebhookState>, Problem> {
    fields.take::<String>("state")?.and_then(|word| {
        word.parse()
            .map_err(|error: crate::domain::webhook::InvalidState| Problem::value("state", error.to_string()))
    })
}

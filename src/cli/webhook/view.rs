//! How webhooks are shown to people.

use std::io::{self, Write};

use crate::admin::view::{DeliveryRow, Shown, WebhookActed, WebhookRotated, WebhookRow};
use crate::cli::output::{Report, Row, write_fields};
use crate::domain::Timestamp;

fn time(secs: i64) -> String {
    Timestamp::from_secs(secs).to_string()
}

fn perhaps(secs: Option<i64>) -> String {
    secs.map_or_else(|| "-".to_owned(), time)
}

impl Row for WebhookRow {
    const NOTHING: &'static str = "There are no webhooks.";
    const COLUMNS: &'static [&'static str] = &["webhook", "project", "url", "state", "failing since"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.webhook.to_string(),
            self.whose(),
            self.url.to_string(),
            self.state.to_string(),
            perhaps(self.failing_since),
        ]
    }
}

impl WebhookRow {
    fn whose(&self) -> String {
        self.project.as_ref().map_or_else(|| "(all)".to_owned(), ToString::to_string)
    }
}

impl Report for WebhookRow {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let events = self.events.to_string();
        let fields = [
            ("webhook", self.webhook.to_string()),
            ("project", self.whose()),
            ("url", self.url.to_string()),
            ("events", if events.is_empty() { "all".to_owned() } else { events }),
            ("description", self.description.clone()),
            ("state", self.state.to_string()),
            ("failing since", perhaps(self.failing_since)),
            ("created", time(self.created_at)),
        ];
        write_fields(out, &fields)
    }
}

impl Report for Shown<'_, WebhookRow> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.key.write(out)?;
        writeln!(out, "\nsecret  {}\n\nIt is shown this once; the receiver verifies by it.", self.secret)
    }
}

impl Report for Shown<'_, WebhookRotated> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "secret  {}\n", self.secret)?;
        writeln!(
            out,
            "It is shown this once. The old one signs as well until {}.",
            time(self.key.old_ends_at)
        )
    }
}

impl Report for WebhookActed {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let webhook = &self.webhook;
        match self.seq {
            Some(_) => {
                writeln!(
                    out,
                    "It is on its way: `portcullis webhook deliveries {webhook}` tells what comes of it."
                )
            }
            None => writeln!(out, "Deleted {webhook}, and what was on its way to it."),
        }
    }
}

impl Row for DeliveryRow {
    const NOTHING: &'static str = "Nothing was sent to it in the last seven days.";
    const COLUMNS: &'static [&'static str] =
        &["message", "event", "at", "state", "attempts", "outcome", "status", "next"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.message.to_string(),
            self.event.clone(),
            time(self.created_at),
            self.state.clone(),
            self.attempts.to_string(),
            self.outcome.clone().unwrap_or_else(|| "-".to_owned()),
            self.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
            perhaps(self.next_at),
        ]
    }
}

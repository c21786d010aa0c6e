//! `portcullis doctor`: what holds, what is wrong, what to do.

use std::io::{self, Write};

use serde::Serialize;

use crate::config::{Effective, Environment, Flags, Settings};
use crate::installation::doctor::{Finding, State, examine};

use super::failure::Failure;
use super::output::{Output, Report, Row, write_rows};
use super::session::surroundings;

pub(super) async fn run(flags: &Flags, settings: &Settings, output: Output) -> Result<(), Failure> {
    let checks = examine(settings, &surroundings()).await;
    let settings = Settings::effective(flags, &Environment::of_process())?;
    let wrong: Vec<_> = checks.iter().filter(|c| c.state == State::Wrong).map(|c| c.check).collect();
    let wrong = wrong.join(", ");
    let settings = settings.into_iter().map(Setting::from).collect();
    output.show(&Examination { ok: wrong.is_empty(), checks, settings })?;
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Unhealthy(wrong)) }
}

#[derive(Serialize)]
struct Examination {
    /// Whether nothing is wrong; there may be warnings.
    ok: bool,
    checks: Vec<Finding>,
    settings: Vec<Setting>,
}

#[derive(Serialize)]
struct Setting {
    #[serde(rename = "setting")]
    name: &'static str,
    value: String,
    source: String,
}

impl From<Effective> for Setting {
    fn from(effective: Effective) -> Self {
        let Effective { name, value, origin } = effective;
        Self { name, value, source: origin.to_string() }
    }
}

impl Report for Examination {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write_rows(&self.settings, out)?;
        writeln!(out)?;
        write_rows(&self.checks, out)
    }
}

impl Row for Setting {
    const NOTHING: &'static str = "There are no settings.";
    const COLUMNS: &'static [&'static str] = &["setting", "value", "source"];

    fn cells(&self) -> Vec<String> {
        let value = if self.value.is_empty() { "-" } else { &self.value };
        vec![self.name.to_owned(), value.to_owned(), self.source.clone()]
    }
}

impl Row for Finding {
    const NOTHING: &'static str = "Nothing was looked at.";
    const COLUMNS: &'static [&'static str] = &["check", "state", "found", "fix"];

    fn cells(&self) -> Vec<String> {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Wrong => "WRONG",
        };
        let fix = self.fix.clone().unwrap_or_else(|| "-".to_owned());
        vec![self.check.to_owned(), state.to_owned(), self.found.clone(), fix]
    }
}

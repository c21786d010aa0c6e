//! `portcullis migrate`: the tables of the database, from one release to the next. `serve` brings
//! them up to date by itself; this is for those who want to see it, or to do it before.

use clap::Subcommand;
use serde::Serialize;

use crate::config::Settings;
use crate::installation;
use crate::store::Migration;

use super::failure::Failure;
use super::output::{Output, Page, Row};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The steps that were made, and those to come; changes nothing.
    Status,
    /// Make the steps to come.
    Run,
}

impl Command {
    pub(super) async fn run(self, settings: &Settings, output: Output) -> Result<(), Failure> {
        let steps: Vec<Step> = match self {
            Self::Status => installation::migrations(settings).await?.into_iter().map(Step::found).collect(),
            Self::Run => installation::migrate(settings).await?.into_iter().map(Step::done).collect(),
        };
        output.show(&Page::whole(steps))
    }
}

#[derive(Serialize)]
struct Step {
    number: i64,
    name: String,
    /// `applied` before, or `pending` still, or `applied_now`.
    state: &'static str,
}

impl Step {
    fn found(step: Migration) -> Self {
        let state = if step.applied { "applied" } else { "pending" };
        Self { number: step.number, name: step.name, state }
    }

    fn done(step: Migration) -> Self {
        let state = if step.applied { "applied" } else { "applied_now" };
        Self { number: step.number, name: step.name, state }
    }
}

impl Row for Step {
    const NOTHING: &'static str = "There are no steps.";
    const COLUMNS: &'static [&'static str] = &["step", "name", "state"];

    fn cells(&self) -> Vec<String> {
        vec![self.number.to_string(), self.name.clone(), self.state.replace('_', " ")]
    }
}

//! `portcullis project …`

use std::io::{self, Write};
use std::num::NonZeroU32;

use clap::ArgAction;
use serde::{Serialize, Serializer};

use crate::admin::view::{ProjectEdited, ProjectRow, ProjectWhole};
use crate::domain::{OnLeak, ProjectId, ProjectKind, SigningAlgorithm, Timestamp};
use crate::keys::acts::Done;

use super::failure::Failure;
use super::house::ProjectPatch;
use super::output::{Report, Row, joined, limit, write_fields};
use super::session::Session;
use super::values::Limit;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a project.
    Create {
        /// What people call it.
        name: String,
        /// For trying things out: its ids and secrets say `test`.
        #[arg(long)]
        sandbox: bool,
        /// How many tokens of all its keys may live at once [default: any number].
        #[arg(long, value_name = "N")]
        live_tokens: Option<NonZeroU32>,
    },
    /// List the projects.
    List {
        /// Only those after this one.
        #[arg(long, value_name = "ID")]
        after: Option<ProjectId>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Choose how a project's tokens are signed.
    SetAlgorithm {
        /// The project.
        #[arg(value_name = "ID")]
        project: ProjectId,
        /// ES256, EdDSA or RS256. A first key of it signs ten minutes after it is announced.
        algorithm: SigningAlgorithm,
    },
    /// Choose how many tokens of all a project's keys may live at once.
    SetLiveTokens {
        /// The project.
        #[arg(value_name = "ID")]
        project: ProjectId,
        /// A number, or `unlimited`. Tokens that are out live on, and count.
        #[arg(value_name = "N")]
        limit: Limit,
    },
    /// Change what a project lets pass.
    Edit {
        /// The project.
        #[arg(value_name = "ID")]
        project: ProjectId,
        /// Whether its API keys themselves pass at /verify, where its tokens do. To let them pass no
        /// longer also ends its tokens that are out.
        #[arg(long, value_name = "true|false", action = ArgAction::Set, conflicts_with = "on_leak")]
        raw_keys: Option<bool>,
        /// Whether a key is blocked at once when a live secret of it is reported as leaked, or only flagged.
        #[arg(long, value_name = "block|flag", required_unless_present = "raw_keys")]
        on_leak: Option<OnLeak>,
    },
    /// Show a project.
    Show {
        /// The project.
        #[arg(value_name = "ID")]
        project: ProjectId,
    },
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Create { name, sandbox, live_tokens } => create(session, &name, sandbox, live_tokens).await,
            Self::List { after, limit } => list(session, after.as_ref(), limit).await,
            Self::SetAlgorithm { project, algorithm } => {
                let done = session.house.edit_project(&project, ProjectPatch::Algorithm(algorithm)).await?;
                session.output.show(&Edited::of(&done, "algorithm", &algorithm, "Set"))
            }
            Self::SetLiveTokens { project, limit } => {
                let done = session.house.edit_project(&project, ProjectPatch::LiveTokens(limit.0)).await?;
                session.output.show(&Limited { done, live_tokens: limit.0 })
            }
            Self::Edit { project, on_leak: Some(policy), .. } => {
                let done = session.house.edit_project(&project, ProjectPatch::OnLeak(policy)).await?;
                session.output.show(&Edited::of(&done, "on_leak", &policy, "Set"))
            }
            Self::Edit { project, raw_keys, on_leak: None } => {
                let raw_keys = raw_keys.unwrap_or_default();
                let done = session.house.edit_project(&project, ProjectPatch::RawKeys(raw_keys)).await?;
                session.output.show(&Passes { done, raw_keys })
            }
            Self::Show { project } => show(session, &project).await,
        }
    }
}

async fn create(
    session: &Session,
    name: &str,
    sandbox: bool,
    live_tokens: Option<NonZeroU32>,
) -> Result<(), Failure> {
    let kind = if sandbox { ProjectKind::Sandbox } else { ProjectKind::Live };
    session.output.show(&session.house.create_project(name, kind, live_tokens).await?)
}

async fn list(session: &Session, after: Option<&ProjectId>, limit: u32) -> Result<(), Failure> {
    session.output.show(&session.house.projects(after, limit).await?)
}

async fn show(session: &Session, id: &ProjectId) -> Result<(), Failure> {
    session.output.show(&session.house.project(id).await?)
}

impl Row for ProjectRow {
    const NOTHING: &'static str = "There are no projects.";
    const COLUMNS: &'static [&'static str] = &["project", "name", "kind", "created"];

    fn cells(&self) -> Vec<String> {
        let kind = self.kind.as_str().to_owned();
        vec![self.project.to_string(), self.name.clone(), kind, time(self.created_at)]
    }
}

impl Report for ProjectWhole {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let fields = [
            ("project", self.row.project.to_string()),
            ("name", self.row.name.clone()),
            ("kind", self.row.kind.as_str().to_owned()),
            ("algorithm", self.row.algorithm.to_string()),
            ("live tokens", limit(self.row.live_tokens)),
            ("raw keys", if self.row.raw_keys { "pass" } else { "do not pass" }.to_owned()),
            ("on leak", format!("{} the key", self.row.on_leak)),
            ("created", time(self.row.created_at)),
            ("default audience", self.default_audience.to_string()),
            ("audiences", joined(&self.audiences, "none but the default")),
        ];
        write_fields(out, &fields)
    }
}

fn time(secs: i64) -> String {
    Timestamp::from_secs(secs).to_string()
}

/// A limit of live tokens that was set or lifted.
struct Limited {
    done: Done,
    live_tokens: Option<NonZeroU32>,
}

impl Serialize for Limited {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ProjectEdited::of(self.done.clone(), "live_tokens", &self.live_tokens).serialize(to)
    }
}

impl Report for Limited {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Set live tokens of {} to {}.", self.done.project, limit(self.live_tokens))?;
        writeln!(out, "Those that are out live on, and count.")
    }
}

/// What a project lets pass, as it is now.
struct Passes {
    done: Done,
    raw_keys: bool,
}

impl Serialize for Passes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ProjectEdited::of(self.done.clone(), "raw_keys", &self.raw_keys).serialize(to)
    }
}

impl Report for Passes {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let pass = if self.raw_keys { "pass" } else { "do not pass" };
        writeln!(out, "API keys of {} themselves {pass} at /verify.", self.done.project)?;
        let fate = if self.done.narrowed { "are revoked" } else { "live on" };
        writeln!(out, "The project's outstanding tokens {fate}.")
    }
}

/// An edit of a project that was carried out.
pub(super) struct Edited<'a> {
    done: &'a Done,
    /// What it was done to: what it is, and its name.
    noun: &'static str,
    name: String,
    verb: &'static str,
}

impl<'a> Edited<'a> {
    pub(super) fn of(done: &'a Done, noun: &'static str, name: &impl ToString, verb: &'static str) -> Self {
        Self { done, noun, name: name.to_string(), verb }
    }
}

impl Serialize for Edited<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ProjectEdited::of(self.done.clone(), self.noun, &self.name).serialize(to)
    }
}

impl Report for Edited<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} {} {}.", self.verb, self.noun, self.name)?;
        let fate = if self.done.narrowed { "are revoked" } else { "live on" };
        writeln!(out, "The project's outstanding tokens {fate}.")
    }
}

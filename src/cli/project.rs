//! `portcullis project …`

use std::io::{self, Write};
use std::num::NonZeroU32;

use clap::ArgAction;
use serde::{Serialize, Serializer};

use crate::admin::view::{ProjectEdited, ProjectRow, ProjectWhole};
use crate::domain::{OnLeak, ProjectId, ProjectKind, ProjectPatch, SigningAlgorithm, Timestamp};
use crate::keys::acts::Done;

use super::failure::Failure;
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
    /// Edit a project; what is not named stays as it is.
    Edit {
        /// The project.
        #[arg(value_name = "ID")]
        project: ProjectId,
        #[command(flatten)]
        patch: PatchArgs,
    },
    /// Show a project.
    Show {
        /// The project.
        #[arg(value_name = "ID")]
        project: ProjectId,
    },
}

/// What of a project is to change.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct PatchArgs {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// How its tokens are signed: ES256, EdDSA or RS256. A first key of it signs ten minutes after it is
    /// announced.
    #[arg(long)]
    algorithm: Option<SigningAlgorithm>,
    /// How many tokens of all its keys may live at once, or `unlimited`. Those that are out live on, and count.
    #[arg(long, value_name = "N")]
    live_tokens: Option<Limit>,
    /// Whether its API keys themselves pass at /verify, where its tokens do. To let them pass no longer also
    /// ends its tokens that are out.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    raw_keys: Option<bool>,
    /// Whether a key is blocked at once when a live secret of it is reported as leaked, or only flagged.
    #[arg(long, value_name = "block|flag")]
    on_leak: Option<OnLeak>,
}

impl From<PatchArgs> for ProjectPatch {
    fn from(PatchArgs { name, algorithm, live_tokens, raw_keys, on_leak }: PatchArgs) -> Self {
        Self { name, algorithm, live_tokens: live_tokens.map(|limit| limit.0), raw_keys, on_leak }
    }
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Create { name, sandbox, live_tokens } => create(session, &name, sandbox, live_tokens).await,
            Self::List { after, limit } => list(session, after.as_ref(), limit).await,
            Self::Edit { project, patch } => edit(session, &project, patch.into()).await,
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

async fn edit(session: &Session, id: &ProjectId, patch: ProjectPatch) -> Result<(), Failure> {
    let done = session.house.edit_project(id, patch.clone()).await?;
    session.output.show(&Patched { done, patch })
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
            ("raw keys", pass_or_not(self.row.raw_keys)),
            ("on leak", format!("{} the key", self.row.on_leak)),
            ("created", time(self.row.created_at)),
            ("default audience", self.default_audience.to_string()),
            ("audiences", joined(&self.audiences, "none but the default")),
        ];
        write_fields(out, &fields)
    }
}

fn pass_or_not(pass: bool) -> String {
    if pass { "pass" } else { "do not pass" }.to_owned()
}

fn time(secs: i64) -> String {
    Timestamp::from_secs(secs).to_string()
}

/// What was changed of a project.
struct Patched {
    done: Done,
    patch: ProjectPatch,
}

impl Serialize for Patched {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ProjectEdited::patched(self.done.clone(), &self.patch).serialize(to)
    }
}

impl Report for Patched {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let ProjectPatch { name, algorithm, live_tokens, raw_keys, on_leak } = &self.patch;
        let fields = [
            Some(("project", self.done.project.to_string())),
            name.as_ref().map(|name| ("name", name.clone())),
            algorithm.map(|algorithm| ("algorithm", algorithm.to_string())),
            live_tokens.map(|most| ("live tokens", limit(most))),
            raw_keys.map(|pass| ("raw keys", pass_or_not(pass))),
            on_leak.map(|policy| ("on leak", format!("{policy} the key"))),
        ];
        write_fields(out, &fields.into_iter().flatten().collect::<Vec<_>>())?;
        write_fate(out, &self.done)
    }
}

/// What becomes of a project's tokens when it is edited.
fn write_fate(out: &mut dyn Write, done: &Done) -> io::Result<()> {
    let fate = if done.narrowed { "are revoked" } else { "live on" };
    writeln!(out, "The project's outstanding tokens {fate}.")
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
        write_fate(out, self.done)
    }
}

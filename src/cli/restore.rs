//! `portcullis restore`: a backup's copy becomes the database, and its past is dead.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::config::Settings;
use crate::domain::{ApiKey, KeyId, Position, ProjectId};
use crate::installation::{self, Returned, Wanted};

use super::failure::Failure;
use super::output::{Output, Report, Row, write_rows};
use super::session::{myself, surroundings};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The copy that `portcullis backup` made.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Take the place of the database that is there; it is kept under another name.
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(settings: &Settings, args: Args, output: Output) -> Result<(), Failure> {
    let wanted = Wanted { from: args.path, replace: args.replace, actor: myself() };
    let returned = installation::restore(settings, &wanted, &surroundings()).await?;
    output.show(&Restored::of(settings, returned))
}

#[derive(Serialize)]
struct Restored {
    data_dir: PathBuf,
    mark: String,
    position: Position,
    /// The database that was there before.
    replaced: Option<PathBuf>,
    /// Keys that wait for `portcullis key unblock`.
    blocked: Vec<Blocked>,
}

#[derive(Serialize)]
struct Blocked {
    key_id: KeyId,
    project: ProjectId,
    name: String,
}

impl Restored {
    fn of(settings: &Settings, returned: Returned) -> Self {
        Self {
            data_dir: settings.data_dir.clone(),
            mark: returned.mark,
            position: returned.position,
            replaced: returned.aside,
            blocked: returned.blocked.into_iter().map(Blocked::from).collect(),
        }
    }
}

impl From<ApiKey> for Blocked {
    fn from(key: ApiKey) -> Self {
        Self { key_id: key.id, project: key.project, name: key.details.name }
    }
}

impl Report for Restored {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Restored the copy {} into {}.", self.mark, self.data_dir.display())?;
        writeln!(out, "Every token that was issued before is revoked; new signing keys sign from now on.")?;
        if let Some(replaced) = &self.replaced {
            writeln!(out, "The database that was there is kept as {}.", replaced.display())?;
        }
        if self.blocked.is_empty() {
            return writeln!(out, "\nNo key was active in it.");
        }
        writeln!(
            out,
            "\nThese keys are blocked: one of them may have been deleted, blocked or given a new secret after the\n\
             copy was made. Confirm each that is still meant to work with `portcullis key unblock ID`.\n"
        )?;
        write_rows(&self.blocked, out)
    }
}

impl Row for Blocked {
    const NOTHING: &'static str = "No key was active in it.";
    const COLUMNS: &'static [&'static str] = &["key", "project", "name"];

    fn cells(&self) -> Vec<String> {
        vec![self.key_id.to_string(), self.project.to_string(), self.name.clone()]
    }
}

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
    #[arg(value_name = "PATH", required_unless_present = "in_place")]
    path: Option<PathBuf>,
    /// Take the place of the database that is there; it is kept under another name.
    #[arg(long)]
    replace: bool,
    /// The database on a server, as it was loaded from a dump or recovered to a point in time.
    #[arg(long, conflicts_with_all = ["path", "replace"])]
    in_place: bool,
}

const SERVER: &str = "the settings name a database on a server: load the copy there with the server's own tools, \
                      then run `portcullis restore --in-place`";
const FILE: &str = "--in-place is for a database on a server; name the copy that `portcullis backup` made";

pub(super) async fn run(settings: &Settings, args: Args, output: Output) -> Result<(), Failure> {
    let returned = match (args.path, settings.database.is_some()) {
        (Some(from), false) => {
            let wanted = Wanted { from, replace: args.replace, actor: myself() };
            installation::restore(settings, &wanted, &surroundings()).await?
        }
        (None, true) => installation::restore_in_place(settings, &myself(), &surroundings()).await?,
        (Some(_), true) => return Err(Failure::Usage(SERVER.to_owned())),
        (None, false) => return Err(Failure::Usage(FILE.to_owned())),
    };
    output.show(&Restored::of(settings, returned))
}

#[derive(Serialize)]
struct Restored {
    data_dir: PathBuf,
    /// The database on a server that was restored in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
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
            database: settings.database.as_ref().map(|server| server.url.to_string()),
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
        match (&self.mark, &self.database) {
            (Some(mark), _) => writeln!(out, "Restored the copy {mark} into {}.", self.data_dir.display())?,
            (None, database) => writeln!(out, "Restored {}.", database.as_deref().unwrap_or_default())?,
        }
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

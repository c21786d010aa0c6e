//! `portcullis backup`: a consistent copy, also beside a running server.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::config::Settings;
use crate::installation::{BackedUp, Files, Installation, Terms};

use super::failure::Failure;
use super::output::{Output, Report, write_fields};
use super::session::{myself, surroundings};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to write; it must not exist.
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

pub(super) async fn run(settings: &Settings, args: Args, output: Output) -> Result<(), Failure> {
    let installation = Installation::open(settings, &Terms::default(), surroundings()).await?;
    let made = installation.back_up(&args.path, myself()).await?;
    output.show(&Made::of(settings, made))
}

#[derive(Serialize)]
struct Made {
    backup: PathBuf,
    bytes: u64,
    mark: String,
    created_at: i64,
    /// What belongs to the copy and is not in it; none if the environment holds it.
    master_key: Option<PathBuf>,
}

impl Made {
    fn of(settings: &Settings, made: BackedUp) -> Self {
        let in_file = settings.master_key.is_none();
        Self {
            backup: made.path,
            bytes: made.bytes,
            mark: made.mark,
            created_at: made.at.secs(),
            master_key: in_file.then(|| Files::in_folder(&settings.data_dir).master_key_path()),
        }
    }
}

impl Report for Made {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let path = self.backup.display().to_string();
        write_fields(
            out,
            &[("backup", path), ("bytes", self.bytes.to_string()), ("mark", self.mark.clone())],
        )?;
        let master_key = match &self.master_key {
            Some(path) => path.display().to_string(),
            None => "the value of PORTCULLIS_MASTER_KEY".to_owned(),
        };
        writeln!(out, "\nIt is worth nothing without {master_key}: keep a copy of that, elsewhere.")?;
        writeln!(out, "No server serves the copy; `portcullis restore` makes a database of it again.")
    }
}

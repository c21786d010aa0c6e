//! `portcullis master-key …`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::config::Settings;
use crate::installation::master::{Rotated, Rotation};
use crate::installation::{self, FileError, read_master_key};
use crate::keys::acts::Why;
use crate::signing::MasterKey;

use super::failure::Failure;
use super::output::{Output, Report, write_fields};
use super::session::{myself, surroundings};
use super::values::WhyArgs;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Seal everything under a new master key, also beside a running server; no token, key or secret
    /// is touched. Where the environment holds the key, give the new one in
    /// `PORTCULLIS_NEW_MASTER_KEY` or in a file, and set `PORTCULLIS_MASTER_KEY` to it afterwards.
    Rotate {
        /// A file with the new key, 64 hex digits, that only you can read [default: a random key].
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
        #[command(flatten)]
        why: WhyArgs,
    },
}

impl Command {
    pub(super) async fn run(self, settings: &Settings, output: Output) -> Result<(), Failure> {
        let Self::Rotate { new_key_file, why } = self;
        let Why { reason, note } = why.into();
        let detail = json!({ "reason": reason, "note": note });
        let rotation = Rotation { key: given(settings, new_key_file)?, actor: myself(), detail };
        let surroundings = surroundings();
        let committed = rotation.prepare(settings, &surroundings).await?.commit().await?;
        output.show(&Outcome::from(committed.finish(surroundings.clock.now())?))
    }
}

/// The new key that somebody chose.
fn given(settings: &Settings, file: Option<PathBuf>) -> Result<Option<MasterKey>, Failure> {
    match (&settings.new_master_key, file) {
        (Some(_), Some(_)) => {
            let why = "both PORTCULLIS_NEW_MASTER_KEY and --new-key-file are given; keep one of them";
            Err(Failure::Usage(why.to_owned()))
        }
        (Some(set), None) => Ok(Some(MasterKey::from_bytes(Zeroizing::new(*set.expose())))),
        (None, Some(file)) => read(&file).map(Some),
        (None, None) => Ok(None),
    }
}

fn read(file: &Path) -> Result<MasterKey, Failure> {
    let none = || io::Error::from(io::ErrorKind::NotFound);
    match read_master_key(file) {
        Ok(key) => key.ok_or_else(|| Failure::Input { path: file.to_owned(), source: none() }),
        // Not the file of an installation, so there is nothing to restore.
        Err(FileError::NotAMasterKey(_)) => {
            let what = "it does not hold 64 hex digits; make a key with `openssl rand -hex 32`";
            let source = io::Error::new(io::ErrorKind::InvalidData, what);
            Err(Failure::Input { path: file.to_owned(), source })
        }
        Err(error) => Err(installation::Error::from(error).into()),
    }
}

#[derive(Serialize)]
struct Outcome {
    /// Whether anything was done: not if the new key was in force already.
    changed: bool,
    /// The file that holds the new key, unless the environment does.
    master_key: Option<PathBuf>,
    /// The file that holds the old one now.
    old_master_key: Option<PathBuf>,
}

impl From<Rotated> for Outcome {
    fn from(rotated: Rotated) -> Self {
        Self { changed: rotated.changed, master_key: rotated.file, old_master_key: rotated.old }
    }
}

impl Report for Outcome {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.changed {
            writeln!(
                out,
                "Everything is sealed under a new master key; tokens, keys and secrets are as before."
            )?;
        } else {
            writeln!(out, "The new master key is in force already; nothing was changed.")?;
        }
        if let Some(file) = &self.master_key {
            let old = self.old_master_key.as_ref();
            let old = old.map_or_else(|| "-".to_owned(), |path| path.display().to_string());
            writeln!(out)?;
            write_fields(out, &[("new", file.display().to_string()), ("old", old)])?;
        } else {
            writeln!(out, "Set PORTCULLIS_MASTER_KEY to it before the server starts again.")?;
        }
        writeln!(
            out,
            "\nA backup that was made before opens under the old key alone: keep that one as long as the backup,\n\
             and apart from it. Keep a copy of the new key away from the database."
        )
    }
}

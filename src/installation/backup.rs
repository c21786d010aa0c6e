//! A copy of a running installation's database, marked so that nobody serves it by mistake.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::{Builder, TempPath};

use super::files::{FileError, io_error};
use super::{Error, Installation};
use crate::domain::audit::{Act, Actor, AuditDraft};
use crate::domain::{Tag, Timestamp};
use crate::store::Backup;

/// A copy that was made.
#[derive(Debug)]
pub struct BackedUp {
    /// Where it is.
    pub path: PathBuf,
    /// What marks it, also in the audit log.
    pub mark: String,
    /// When it was begun: what happened later may not be in it.
    pub at: Timestamp,
    /// How long it is, in bytes.
    pub bytes: u64,
}

impl Installation {
    /// Copies the database into a file that is not there yet, for its owner alone, also beside a
    /// running server. Under its name the file is whole and marked, or not there.
    ///
    /// # Errors
    /// [`Error::Exists`], and whatever keeps the copy from being written.
    pub async fn back_up(&self, to: &Path, actor: Actor) -> Result<BackedUp, Error> {
        if to.symlink_metadata().is_ok() {
            return Err(Error::Exists(to.to_owned()));
        }
        let folder = folder_of(to).canonicalize().map_err(io_error(&folder_of(to)))?;
        let draft = Builder::new().prefix(".portcullis-backup-").tempfile_in(&folder);
        let draft = draft.map_err(io_error(&folder))?.into_temp_path();
        let (backup, at) = self.backup(&draft, to, actor);
        let failed = |source| Error::Store { place: self.database.clone(), source };
        self.store.back_up(&backup).await.map_err(failed)?;
        let bytes = draft.metadata().map_err(io_error(&draft))?.len();
        name(draft, to)?;
        sync(&folder)?;
        Ok(BackedUp { path: to.to_owned(), mark: backup.mark, at, bytes })
    }

    fn backup(&self, draft: &Path, to: &Path, actor: Actor) -> (Backup, Timestamp) {
        let at = self.surroundings.clock.now();
        let mark = format!("{at} {}", Tag::from_bytes(self.surroundings.entropy.bytes()));
        let audit = AuditDraft {
            at,
            actor,
            address: None,
            act: Act::Backup,
            project: None,
            target: to.display().to_string(),
            detail: json!({ "mark": mark }),
        };
        (Backup { to: draft.to_owned(), mark, audit }, at)
    }
}

/// Writes a new file for its owner alone: under its name it is whole, or not there.
///
/// # Errors
/// [`Error::Exists`], and whatever keeps it from being written.
pub fn write_private(to: &Path, content: &str) -> Result<(), Error> {
    if to.symlink_metadata().is_ok() {
        return Err(Error::Exists(to.to_owned()));
    }
    let folder = folder_of(to).canonicalize().map_err(io_error(&folder_of(to)))?;
    let draft = Builder::new().prefix(".portcullis-draft-").tempfile_in(&folder);
    let mut draft = draft.map_err(io_error(&folder))?;
    draft.write_all(content.as_bytes()).and_then(|()| draft.as_file().sync_all()).map_err(io_error(to))?;
    name(draft.into_temp_path(), to)?;
    Ok(sync(&folder)?)
}

/// Gives a finished draft its name.
fn name(draft: TempPath, to: &Path) -> Result<(), Error> {
    draft.persist_noclobber(to).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(to.to_owned()),
        _ => io_error(to)(failed.error).into(),
    })
}

/// The folder that a file is in.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Puts on the disk which files a folder has.
pub(super) fn sync(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error(folder))
}

//! The database's file: private to its owner, and watched for being replaced.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use tempfile::NamedTempFile;

use crate::store::error::{Error, Unavailable};

/// The file as it was when it was opened.
#[derive(Clone, Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|file| Self(file.dev(), file.ino()))
    }
}

impl DatabaseFile {
    /// Takes this file for the database; makes an empty one if there is none.
    pub(super) fn prepare(path: &Path) -> Result<Self, Error> {
        let identity = prepare(path).map_err(sqlx::Error::Io)?;
        Ok(Self { path: path.to_owned(), identity })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file at its path is still this one. What is read from another file, or written
    /// to one that lost its name, is worth nothing.
    pub(super) fn check(&self) -> Result<(), Unavailable> {
        match Identity::of(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            _ => Err(Unavailable::Replaced),
        }
    }
}

/// What may not be written is refused before SQLite sees it: SQLite would open it to read, and
/// leave files beside it that can be written as little.
fn prepare(path: &Path) -> io::Result<Identity> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    access(directory, Access::WRITE_OK)?;
    if !path.try_exists()? {
        create(path, directory)?;
    }
    access(path, Access::WRITE_OK)?;
    Identity::of(path)
}

/// Makes an empty file that only its owner can read; SQLite gives the files beside it the same
/// permissions. It comes under another name and is renamed once it is closed: whoever closes any
/// descriptor of a database drops all locks that SQLite holds on it in this process.
fn create(path: &Path, directory: &Path) -> io::Result<()> {
    let file = NamedTempFile::new_in(directory)?.into_temp_path();
    match file.persist_noclobber(path) {
        Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(failed.error),
        Ok(()) => File::open(directory)?.sync_all(),
    }
}

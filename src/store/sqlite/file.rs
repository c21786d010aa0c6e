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
    beside: Vec<(PathBuf, Identity)>,
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
        Ok(Self { path: path.to_owned(), identity, beside: Vec::new() })
    }

    /// The same, once SQLite has made the files beside it: commits not yet folded into the
    /// database stand in its log alone. They stay while any connection is open.
    pub(super) fn with_those_beside(mut self) -> Result<Self, Error> {
        for suffix in ["-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            let identity = Identity::of(path.as_ref()).map_err(sqlx::Error::Io)?;
            self.beside.push((path.into(), identity));
        }
        Ok(self)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the files at their paths are still these. What is read from another file, or written
    /// to one that lost its name, is worth nothing.
    pub(super) fn check(&self) -> Result<(), Unavailable> {
        let itself = (&self.path, self.identity);
        let beside = self.beside.iter().map(|(path, identity)| (path, *identity));
        [itself].into_iter().chain(beside).try_for_each(|(path, opened)| match Identity::of(path) {
            Ok(found) if found == opened => Ok(()),
            Ok(_) => Err(Unavailable::Replaced),
            // Whatever hides it: it may come back.
            Err(_) => Err(Unavailable::Gone),
        })
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

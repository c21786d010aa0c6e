//! The files of a data directory: who may read them, and how they are written without a moment in
//! which half of one is there.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::MasterKeySetting;
use crate::signing::MasterKey;

/// Why a file or folder cannot be used; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Others than its owner can read it.
    #[error("{} can be read by others; run `chmod 600 {}`", .0.display(), .0.display())]
    Open(PathBuf),
    /// It does not hold a master key.
    #[error("{} does not hold a master key of 64 hex digits; restore the file that belongs to this database", .0.display())]
    NotAMasterKey(PathBuf),
    /// The database is gone, and what belonged to it is still there.
    #[error("the database {} is missing, but {} of its installation is there; restore the database, or move that file away to begin anew", .database.display(), .left.display())]
    LostDatabase {
        /// Where the database was.
        database: PathBuf,
        /// What is left of its installation.
        left: PathBuf,
    },
    /// Another process rotates its master key.
    #[error("the master key of {} is being rotated by another process; look whether it is done, and run the command again", .0.display())]
    Rotating(PathBuf),
    /// Another server runs on it.
    #[error("another `portcullis serve` runs on {}; stop it, or name another --data-dir", .0.display())]
    Locked(PathBuf),
}

/// The files of a data directory.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Those of this folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.join("portcullis.db")
    }

    /// The master key, unless the environment holds it.
    #[must_use]
    pub fn master_key_path(&self) -> PathBuf {
        self.folder.join("master.key")
    }

    /// The master key that a rotation is about to put in place.
    pub(super) fn next_master_key_path(&self) -> PathBuf {
        self.folder.join("master.key.next")
    }

    /// The first administrator's key.
    #[must_use]
    pub fn admin_key_path(&self) -> PathBuf {
        self.folder.join("admin-key.json")
    }

    /// Without a database there is no administrator's key either: it is written when the database is
    /// there. A founding in its place would overwrite the key, and hide the loss.
    pub(super) fn check_nothing_was_lost(&self) -> Result<(), FileError> {
        let left = self.admin_key_path();
        if left.exists() { Err(FileError::LostDatabase { database: self.database(), left }) } else { Ok(()) }
    }

    /// Makes the folder, for its owner alone, if it is not there.
    pub(super) fn make_folder(&self) -> Result<(), FileError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(io_error(&self.folder))
    }

    /// The master key: from the environment, else from its file; none if there is neither.
    pub(super) fn master_key(&self, set: Option<&MasterKeySetting>) -> Result<Option<MasterKey>, FileError> {
        if let Some(set) = set {
            return Ok(Some(MasterKey::from_bytes(Zeroizing::new(*set.expose()))));
        }
        read_master_key(&self.master_key_path())
    }

    /// The one that a rotation was about to put in place when it was cut off.
    pub(super) fn next_master_key(&self) -> Result<Option<MasterKey>, FileError> {
        read_master_key(&self.next_master_key_path())
    }

    /// Removes a file that opens nothing.
    pub(super) fn remove(&self, path: &Path) -> Result<(), FileError> {
        std::fs::remove_file(path).map_err(io_error(path))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(io_error(path))
    }

    /// Writes a file for its owner alone: whole or not at all, and on the disk before this returns.
    pub(super) fn write(&self, path: &Path, content: &str) -> Result<(), FileError> {
        let draft = path.with_extension("new");
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            file.write_all(content.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&draft, path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(io_error(path))
    }
}

/// The master key of a file that only its owner can read; none if there is no such file.
///
/// # Errors
/// [`FileError::Open`], [`FileError::NotAMasterKey`], and what the operating system says.
pub fn read_master_key(path: &Path) -> Result<Option<MasterKey>, FileError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path)(error)),
    };
    let mode = path.metadata().map_err(io_error(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(FileError::Open(path.to_owned()));
    }
    MasterKey::from_hex(text.trim()).map(Some).ok_or_else(|| FileError::NotAMasterKey(path.to_owned()))
}

pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> FileError + use<> {
    let path = path.to_owned();
    move |source| FileError::Io { path, source }
}

/// Held by the one process that may do something to a data directory, and released with it,
/// whatever ends it.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Takes the lock of the one server.
    ///
    /// # Errors
    /// [`FileError::Locked`] if another server has it.
    pub fn take(folder: &Path) -> Result<Self, FileError> {
        Files::in_folder(folder).make_folder()?;
        Self::on(&folder.join("serve.lock"), || FileError::Locked(folder.to_owned()))
    }

    /// Takes the lock of whoever rotates the master key.
    pub(super) fn of_rotation(files: &Files) -> Result<Self, FileError> {
        Self::on(&files.folder.join("rotate.lock"), || FileError::Rotating(files.folder.clone()))
    }

    fn on(path: &Path, taken: impl FnOnce() -> FileError) -> Result<Self, FileError> {
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = open.map_err(io_error(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(taken()),
            Err(TryLockError::Error(error)) => Err(io_error(path)(error)),
        }
    }
}

//! The master key: found, and rotated.
//!
//! A rotation seals the data keys anew and touches nothing else. The new key is on the disk before
//! the database needs it, as `master.key.next`, and takes the old one's name afterwards: cut off at
//! any moment, the database opens with a key that is there, and whoever opens it next finishes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use zeroize::Zeroizing;

use super::backup::sync;
use super::database::Place;
use super::files::{FileError, Files, Lock, io_error};
use super::{Error, Surroundings};
use crate::config::{MasterKeySetting, Settings};
use crate::domain::audit::{Act, Actor, AuditDraft};
use crate::domain::{ProjectId, Timestamp};
use crate::signing::{DataKeys, MasterKey};
use crate::store::{Error as StoreError, Resealing, SealedKey, Store};

/// Opened data keys, and what opened them.
pub(super) struct Opened {
    pub(super) data_keys: DataKeys,
    /// Whether it was the new key of a rotation that was cut off or is under way.
    pub(super) by_next: bool,
    master: MasterKey,
}

/// Opens these data keys with the master key of these settings.
pub(super) fn open(
    sealed: &[SealedKey],
    files: &Files,
    set: Option<&MasterKeySetting>,
) -> Result<Opened, Error> {
    let current = files.master_key(set)?;
    let next = if set.is_none() { files.next_master_key()? } else { None };
    let mut refusal = Error::NoMasterKey(files.master_key_path());
    for (master, by_next) in [(current, false), (next, true)] {
        let Some(master) = master else { continue };
        match DataKeys::open(&master, sealed) {
            Ok(data_keys) => return Ok(Opened { data_keys, by_next, master }),
            Err(wrong) => refusal = wrong.into(),
        }
    }
    Err(refusal)
}

/// [`open`] for those of a database, which finishes a rotation that was cut off.
pub(super) async fn settle(
    store: &dyn Store,
    place: &Place<'_>,
    files: &Files,
    (set, at): (Option<&MasterKeySetting>, Timestamp),
) -> Result<DataKeys, Error> {
    let failed = place.failed();
    let opened = match open(&store.data_keys().await.map_err(&failed)?, files, set) {
        // A rotation may have ended between the one read and the other.
        Err(Error::MasterKey(_)) => open(&store.data_keys().await.map_err(&failed)?, files, set)?,
        opened => opened?,
    };
    // If somebody has the lock, they finish it themselves.
    if opened.by_next
        && let Ok(_lock) = Lock::of_rotation(files)
    {
        finish(files, at)?;
    }
    Ok(opened.data_keys)
}

/// Gives the new key its name; answers the one that the old key has from then on.
fn finish(files: &Files, at: Timestamp) -> Result<Option<PathBuf>, FileError> {
    let (place, next) = (files.master_key_path(), files.next_master_key_path());
    if !next.exists() {
        return Ok(None);
    }
    let aside = files.folder().join(format!("master.key.replaced-{}", at.millis()));
    // A second name: the first one stays until the new key takes it over.
    let kept = match std::fs::hard_link(&place, &aside) {
        Ok(()) => Some(aside),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_error(&aside)(error)),
    };
    std::fs::rename(&next, &place).map_err(io_error(&place))?;
    sync(files.folder())?;
    Ok(kept)
}

/// A rotation that is wanted.
#[derive(Debug)]
pub struct Rotation {
    /// The new key; a random one, if absent.
    pub key: Option<MasterKey>,
    /// Who wants it.
    pub actor: Actor,
    /// What the audit log is told besides.
    pub detail: Value,
}

/// A rotation whose new key is on the disk, and not needed yet.
pub struct Prepared {
    store: Arc<dyn Store>,
    /// Where the database is, in words.
    place: String,
    files: Files,
    in_file: bool,
    /// None if it was carried out before.
    resealing: Option<Resealing>,
    lock: Lock,
}

/// A rotation whose new key is needed, and has not the old one's name yet.
#[derive(Debug)]
pub struct Committed {
    files: Files,
    in_file: bool,
    changed: bool,
    _lock: Lock,
}

/// What became of a rotation.
#[derive(Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Whether anything was done: not if the new key was in force already.
    pub changed: bool,
    /// The file that holds the new key, unless the environment does.
    pub file: Option<PathBuf>,
    /// The file that holds the old one now.
    pub old: Option<PathBuf>,
}

impl Rotation {
    /// Puts the new key on the disk, beside the old one.
    ///
    /// # Errors
    /// [`Error::SameMasterKey`], [`Error::NewMasterKeyMissing`], [`FileError::Rotating`], and what
    /// keeps an installation from being opened.
    pub async fn prepare(self, settings: &Settings, surroundings: &Surroundings) -> Result<Prepared, Error> {
        let files = Files::in_folder(&settings.data_dir);
        let place = Place::of(settings);
        place.check_is_there(settings)?;
        let lock = Lock::of_rotation(&files)?;
        let (store, failed) = (place.open_what_is_there(settings).await?, place.failed());
        let founded = store.installation().await.map_err(&failed)?;
        match founded.map(|founded| founded.backup_mark) {
            None => return Err(place.none(settings)),
            Some(Some(_mark)) => return Err(Error::Backup),
            Some(None) => {}
        }
        let sealed = store.data_keys().await.map_err(&failed)?;
        let resealing = self.decide(sealed, &files, settings, surroundings)?;
        let in_file = settings.master_key.is_none();
        Ok(Prepared { store, place: place.name(), files, in_file, resealing, lock })
    }

    fn decide(
        self,
        sealed: Vec<SealedKey>,
        files: &Files,
        settings: &Settings,
        surroundings: &Surroundings,
    ) -> Result<Option<Resealing>, Error> {
        let set = settings.master_key.as_ref();
        let opened = match (open(&sealed, files, set), set, &self.key) {
            // Both keys are in the environment, and this is run once more, perhaps after a crash.
            (Err(Error::MasterKey(_)), Some(_), Some(key)) if DataKeys::open(key, &sealed).is_ok() => {
                return Ok(None);
            }
            (opened, _, _) => opened?,
        };
        if opened.by_next {
            finish(files, surroundings.clock.now())?;
        }
        let new = match self.key {
            Some(key) => key,
            None if set.is_none() => MasterKey::generate(surroundings.entropy.as_ref()),
            None => return Err(Error::NewMasterKeyMissing),
        };
        if DataKeys::open(&new, &sealed).is_ok() {
            return Err(Error::SameMasterKey);
        }
        let anew = DataKeys::reseal(&opened.master, &new, &sealed, surroundings.entropy.as_ref())?;
        let target = if set.is_none() {
            let line = Zeroizing::new(format!("{}\n", *new.to_hex()));
            files.write(&files.next_master_key_path(), &line)?;
            files.master_key_path().display().to_string()
        } else {
            "PORTCULLIS_MASTER_KEY".to_owned()
        };
        let audit = AuditDraft {
            at: surroundings.clock.now(),
            actor: self.actor,
            address: None,
            act: Act::RotateMasterKey,
            project: Some(ProjectId::administration()),
            target,
            detail: self.detail,
        };
        Ok(Some(Resealing { expected: sealed, sealed: anew, audit }))
    }
}

impl Prepared {
    /// Seals the data keys under the new key.
    ///
    /// # Errors
    /// Whatever the database says. Whether or not it has committed all the same, the key that it
    /// needs is on the disk.
    pub async fn commit(self) -> Result<Committed, Error> {
        let Self { store, place, files, in_file, resealing, lock } = self;
        let done = match &resealing {
            Some(resealing) => store.reseal_data_keys(resealing).await,
            None => Ok(()),
        };
        store.close().await;
        match done {
            Ok(()) => Ok(Committed { files, in_file, changed: resealing.is_some(), _lock: lock }),
            Err(StoreError::Conflict) => Err(FileError::Rotating(files.folder().to_owned()).into()),
            Err(source) => Err(Error::Store { place, source }),
        }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Committed {
    /// Gives the new key the old one's name; the old one is kept under another.
    ///
    /// # Errors
    /// What the operating system says. The next that opens the installation finishes it.
    pub fn finish(self, at: Timestamp) -> Result<Rotated, Error> {
        let old = if self.in_file { finish(&self.files, at)? } else { None };
        let file = self.in_file.then(|| self.files.master_key_path());
        Ok(Rotated { changed: self.changed, file, old })
    }
}

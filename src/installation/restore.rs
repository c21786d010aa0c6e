//! The return of a backup's copy: everything that its past has issued is dead before it is served.
//!
//! The copy itself is never touched. The work is done in a folder of its own inside the data
//! directory; only the finished database gets the name that servers look for. Cut off before that,
//! everything is as it was.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::{Builder, TempDir};

use super::backup::sync;
use super::database::Place;
use super::files::{FileError, Files, Lock, io_error};
use super::{Error, Surroundings, master};
use crate::config::Settings;
use crate::domain::audit::{Act, Actor, AuditDraft};
use crate::domain::signing_key::{Line, SigningKeyTimes};
use crate::domain::{ApiKey, FeedDraft, Position, SigningAlgorithm, SigningKeyId, Tag, Target, Timestamp};
use crate::signing::{SealingKey, generate};
use crate::store::{
    Error as StoreError, Restoration, Restored, SealedKey, SqliteStore, Store, StoredSigningKey,
};

/// What is to be restored.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The copy.
    pub from: PathBuf,
    /// Whether it takes the place of a database that is there.
    pub replace: bool,
    /// Who wants it.
    pub actor: Actor,
}

/// An installation that came back.
#[derive(Debug)]
pub struct Returned {
    /// What the copy was marked with; a database on a server has no mark.
    pub mark: Option<String>,
    /// Where its newest entry stands.
    pub position: Position,
    /// The keys that it blocked, in order of their projects.
    pub blocked: Vec<ApiKey>,
    /// The database that was there before, under its new name.
    pub aside: Option<PathBuf>,
}

/// Restores a copy into the data directory of these settings.
///
/// # Errors
/// See [`Error`]; then the data directory is as it was.
pub async fn restore(
    settings: &Settings,
    wanted: &Wanted,
    surroundings: &Surroundings,
) -> Result<Returned, Error> {
    let files = Files::in_folder(&settings.data_dir);
    let copy = Copy::read(&wanted.from).await?;
    let data_keys = master::open(&copy.data_keys, &files, settings.master_key.as_ref())?.data_keys;
    let is_there = files.database().symlink_metadata().is_ok();
    if is_there && !wanted.replace {
        return Err(Error::Occupied(settings.data_dir.clone()));
    }
    let _lock = Lock::take(&settings.data_dir)?;
    let counted = if is_there { SqliteStore::fold(&files.database()).await } else { None };
    let workshop = Workshop::beside(&files, &wanted.from)?;
    let at = surroundings.clock.now();
    let (from, actor) = (wanted.from.display().to_string(), &wanted.actor);
    let decision = Decision { mark: Some(&copy.mark), at, counted, from, actor, surroundings };
    let restored = decision.carry_out(&workshop.database, &data_keys.signing).await?;
    let aside = workshop.install(&files, at)?;
    Ok(Returned { mark: Some(copy.mark), position: restored.position, blocked: restored.blocked, aside })
}

/// Does to the database on the server of these settings, as it was loaded from a copy or recovered
/// to a point in time, what [`restore`] does to a marked copy. Servers that run on it read it from
/// the beginning.
///
/// # Errors
/// See [`Error`]; then the database is as it was.
pub async fn restore_in_place(
    settings: &Settings,
    actor: &Actor,
    surroundings: &Surroundings,
) -> Result<Returned, Error> {
    let (files, place) = (Files::in_folder(&settings.data_dir), Place::of(settings));
    let store = place.open_what_is_there(settings).await?;
    let at = surroundings.clock.now();
    let decision = Decision { mark: None, at, counted: None, from: place.name(), actor, surroundings };
    let sealed = store.data_keys().await.map_err(decision.failed())?;
    let data_keys = master::open(&sealed, &files, settings.master_key.as_ref())?.data_keys;
    let restored = decision.carry_out_on(store.as_ref(), &data_keys.signing).await?;
    store.close().await;
    Ok(Returned { mark: None, position: restored.position, blocked: restored.blocked, aside: None })
}

/// What a copy says of itself.
struct Copy {
    mark: String,
    data_keys: Vec<SealedKey>,
}

impl Copy {
    async fn read(path: &Path) -> Result<Self, Error> {
        // SQLite's own words for a file that is missing or closed to us name neither it nor the reason.
        File::open(path).map_err(io_error(path))?;
        let failed = |source| Error::Store { place: path.display().to_string(), source };
        let found = SqliteStore::inspect(path).await.map_err(failed)?;
        let mark = found.founded.and_then(|founded| founded.backup_mark);
        let mark = mark.ok_or_else(|| Error::NotABackup(path.to_owned()))?;
        Ok(Self { mark, data_keys: found.data_keys })
    }
}

/// Where the copy's double is worked on; gone with its owner.
struct Workshop {
    folder: TempDir,
    database: PathBuf,
}

impl Workshop {
    fn beside(files: &Files, copy: &Path) -> Result<Self, FileError> {
        let folder = Builder::new().prefix("restoring-").tempdir_in(files.folder());
        let folder = folder.map_err(io_error(files.folder()))?;
        let database = folder.path().join("portcullis.db");
        let double = || {
            let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database)?;
            io::copy(&mut File::open(copy)?, &mut to)?;
            to.sync_all()
        };
        double().map_err(io_error(&database))?;
        Ok(Self { folder, database })
    }

    /// Gives the finished database its name, in one step; what was there before keeps its content
    /// under another name.
    fn install(self, files: &Files, at: Timestamp) -> Result<Option<PathBuf>, FileError> {
        let place = files.database();
        let aside = files.folder().join(format!("portcullis.db.replaced-{}", at.millis()));
        let kept = set_aside(&place, &aside)?;
        fs::rename(&self.database, &place).map_err(io_error(&place))?;
        sync(files.folder())?;
        // What is left is an empty folder.
        drop(self.folder);
        Ok(kept.then_some(aside))
    }
}

/// Keeps the old database and the log beside it under other names. The log must be gone before
/// another database takes the place: SQLite would play it into that one.
fn set_aside(place: &Path, aside: &Path) -> Result<bool, FileError> {
    let beside = |path: &Path, end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let is_there = place.symlink_metadata().is_ok();
    if is_there {
        // A second name: the first one stays until the restored database takes it over.
        fs::hard_link(place, aside).map_err(io_error(aside))?;
    }
    for end in ["-wal", "-shm"] {
        let (from, to) = (beside(place, end), beside(aside, end));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(&from)(error)),
            _ => {}
        }
    }
    Ok(is_there)
}

/// What the restored database begins with.
struct Decision<'a> {
    mark: Option<&'a str>,
    at: Timestamp,
    /// How far the database that is replaced has counted, if it could be asked.
    counted: Option<Position>,
    /// What is restored, in words.
    from: String,
    actor: &'a Actor,
    surroundings: &'a Surroundings,
}

impl Decision<'_> {
    async fn carry_out(&self, database: &Path, sealing: &SealingKey) -> Result<Restored, Error> {
        let store = SqliteStore::open(database).await.map_err(self.failed())?;
        let done = self.carry_out_on(&store, sealing).await;
        store.close().await;
        done
    }

    async fn carry_out_on(&self, store: &dyn Store, sealing: &SealingKey) -> Result<Restored, Error> {
        let stored = store.signing_keys().await.map_err(self.failed())?;
        store.restore(&self.restoration(&stored, sealing)).await.map_err(self.failed())
    }

    fn failed(&self) -> impl Fn(StoreError) -> Error {
        |source| Error::Store { place: self.from.clone(), source }
    }

    fn restoration(&self, stored: &[StoredSigningKey], sealing: &SealingKey) -> Restoration {
        let at = self.at;
        let microseconds = u64::try_from(at.millis()).unwrap_or(0).saturating_mul(1000);
        let beyond = self.counted.map_or(0, |counted| counted.value() + 1);
        let revoked: Vec<(SigningKeyId, FeedDraft)> = stored
            .iter()
            .map(|key| (key.kid.clone(), self.revoke(Target::SigningKey { kid: key.kid.clone() })))
            .collect();
        let times = SigningKeyTimes { announced_at: at, signs_from: at, retires_at: None, gone_at: None };
        let make = |line| generate(line, times, sealing, self.surroundings.entropy.as_ref());
        Restoration {
            at_least: Position::new(microseconds.max(beyond)),
            all: self.revoke(Target::All),
            revoked,
            signing_keys: lines(stored, at).into_iter().map(make).collect(),
            audit: AuditDraft {
                at,
                actor: self.actor.clone(),
                address: None,
                act: Act::Restore,
                project: None,
                target: self.from.clone(),
                detail: json!({ "mark": self.mark }),
            },
        }
    }

    fn revoke(&self, target: Target) -> FeedDraft {
        FeedDraft::revoke(target, None, Tag::from_bytes(self.surroundings.entropy.bytes()))
    }
}

/// The algorithms that tokens are signed with, or are about to be; at least the default one. And the
/// feed's.
fn lines(stored: &[StoredSigningKey], now: Timestamp) -> Vec<Line> {
    let in_use = |line: &Line| {
        let mut keys = stored.iter().filter(|key| key.line() == *line);
        line.algorithm == SigningAlgorithm::default()
            || keys.any(|key| key.times.retires_at.is_none_or(|retires| retires > now))
    };
    SigningAlgorithm::ALL.map(Line::tokens).into_iter().filter(in_use).chain([Line::FEED]).collect()
}

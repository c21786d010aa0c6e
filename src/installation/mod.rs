//! The installation on disk: data directory, master key, database; made on first use.
//!
//! `serve` and every command begin here. Not here: what the server does once it runs (`http`).

mod backup;
mod database;
pub mod doctor;
mod files;
mod founding;
pub mod master;
mod restore;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::config::Settings;
use crate::domain::audit::{Act, Actor, AuditDraft};
use crate::domain::{Authority, ProjectId};
use crate::entropy::Entropy;
use crate::keys::acts::Acts;
use crate::signing::{DataKeys, Error as SigningError, WrongMasterKey};
use crate::store::{Error as StoreError, Store};
use crate::time::Clock;

pub use backup::{BackedUp, write_private};
use database::Place;
pub use database::{migrate, migrations};
pub use files::{FileError, Files, Lock, read_master_key};
pub use founding::AdminKey;
pub use restore::{Returned, Wanted, restore, restore_in_place};

/// An opened installation.
pub struct Installation {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The opened data keys.
    pub data_keys: DataKeys,
    /// The public URL under which tokens are issued.
    pub issuer: Arc<str>,
    /// The first administrator's key, if the installation was founded just now.
    pub admin_key: Option<AdminKey>,
    /// Where the database is, in words.
    pub database: String,
    surroundings: Surroundings,
}

/// What an installation takes from outside.
#[derive(Clone)]
pub struct Surroundings {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// What to do about an installation that is not there, or has another issuer.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The public URL wanted; none takes the one on record.
    pub issuer: Option<String>,
    /// Whether that URL is only for the founding, and the one on record is taken otherwise.
    pub for_founding_only: bool,
    /// Whether to found one where there is none.
    pub found: bool,
    /// Whether another issuer than the one on record is meant.
    pub accept_new_issuer: bool,
}

/// Why an installation cannot be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error(
        "there is no installation in {0}; run `portcullis init` or `portcullis serve`, or name another {1}"
    )]
    None(String, &'static str),
    /// A file or folder of it cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database cannot be used.
    #[error("{place}: {source}")]
    Store {
        /// The database's file, or its URL without a password.
        place: String,
        /// Why.
        source: StoreError,
    },
    /// The database was sealed under another master key.
    #[error(
        "{0}; restore the file master.key that belongs to this database, or set PORTCULLIS_MASTER_KEY to it"
    )]
    MasterKey(#[from] WrongMasterKey),
    /// There is no master key for the database that is there.
    #[error("the master key is missing: neither PORTCULLIS_MASTER_KEY nor {} exists; restore it: nothing can be opened without it", .0.display())]
    NoMasterKey(PathBuf),
    /// There is no master key to found an installation with that other machines will share.
    #[error("there is no master key: with a database on a server none is made, for every node needs the same one; set PORTCULLIS_MASTER_KEY or write {}: 64 hex digits, for example the output of `openssl rand -hex 32`", .0.display())]
    NoMasterKeyYet(PathBuf),
    /// The environment holds the master key, so a new one cannot be put in its place from here.
    #[error(
        "PORTCULLIS_MASTER_KEY holds the master key, so the new one must be given too: in PORTCULLIS_NEW_MASTER_KEY, or in a file named with --new-key-file"
    )]
    NewMasterKeyMissing,
    /// The new master key is the one in force.
    #[error("the new master key is the one that is in force; nothing was changed")]
    SameMasterKey,
    /// A signing key could not be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// It is a backup's copy.
    #[error("this database is a backup's copy; run `portcullis restore` before serving it")]
    Backup,
    /// A backup would overwrite something.
    #[error("{} exists already; name a file that does not", .0.display())]
    Exists(PathBuf),
    /// What is to be restored is no backup's copy.
    #[error("{} is not a copy that `portcullis backup` made; docs/backup.md says what to do with a raw copy of a database", .0.display())]
    NotABackup(PathBuf),
    /// There is a database where a copy is to be restored.
    #[error("there is an installation in {} already; pass --replace to put it aside, or name another --data-dir", .0.display())]
    Occupied(PathBuf),
    /// Tokens would be issued under another name.
    #[error(
        "this installation issues tokens as {on_record}, not as {wanted}; set `issuer` to it, or pass --accept-new-issuer: every token that is out is refused then"
    )]
    NewIssuer {
        /// The issuer that the database was founded with.
        on_record: String,
        /// The issuer that the settings name.
        wanted: String,
    },
    /// There is nothing to derive the issuer from.
    #[error(
        "`issuer` is not set and cannot be derived; set it to the public URL of this server (flag --issuer, PORTCULLIS_ISSUER, or `issuer` in portcullis.toml)"
    )]
    NoIssuer,
}

impl Installation {
    /// Opens the installation of these settings.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(settings: &Settings, terms: &Terms, surroundings: Surroundings) -> Result<Self, Error> {
        let (files, place) = (Files::in_folder(&settings.data_dir), Place::of(settings));
        let at = place.failed();
        let store = open(&place, &files, settings, terms).await?;
        let (mut founded, mut admin_key) = (store.installation().await.map_err(&at)?, None);
        if founded.is_none() && terms.found {
            admin_key = founding::found(store.as_ref(), &files, settings, terms, &surroundings).await?;
            founded = store.installation().await.map_err(&at)?;
        }
        let founded = founded.ok_or_else(|| place.none(settings))?;
        if founded.backup_mark.is_some() {
            return Err(Error::Backup);
        }
        let set = settings.master_key.as_ref();
        let data_keys =
            master::settle(store.as_ref(), &place, &files, (set, surroundings.clock.now())).await?;
        let issuer = settle_issuer(founded.issuer, terms)?;
        if issuer.instead_of.is_some() {
            let audit = issuer.audit(&surroundings);
            store.change_issuer(&issuer.url, &audit).await.map_err(&at)?;
        }
        let database = place.name();
        Ok(Self { store, data_keys, issuer: issuer.url.into(), admin_key, database, surroundings })
    }

    /// Acts in somebody's name, without a server.
    #[must_use]
    pub fn acts(&self, actor: Actor) -> Acts {
        Acts {
            store: self.store.clone(),
            clock: self.surroundings.clock.clone(),
            entropy: self.surroundings.entropy.clone(),
            pepper: self.data_keys.pepper.clone(),
            signing: self.data_keys.signing.clone(),
            issuer: self.issuer.clone(),
            actor,
            address: None,
            authority: Authority::Whole,
            expecting: None,
            witness: None,
        }
    }
}

impl std::fmt::Debug for Installation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installation").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

async fn open(
    place: &Place<'_>,
    files: &Files,
    settings: &Settings,
    terms: &Terms,
) -> Result<Arc<dyn Store>, Error> {
    if let Place::File(files) = place
        && !files.database().exists()
    {
        files.check_nothing_was_lost()?;
        if !terms.found {
            return Err(place.none(settings));
        }
    }
    if terms.found {
        files.make_folder()?;
        return place.open().await;
    }
    place.open_what_is_there(settings).await
}

/// The public URL that tokens are issued under: the setting, else that of the listener bound to
/// `bound` if only this machine can reach it. Clients elsewhere know the server by another name,
/// which nobody can guess.
#[must_use]
pub fn derive_issuer(settings: &Settings, bound: SocketAddr) -> Option<String> {
    let is_known = bound.ip().is_loopback() && bound.port() != 0;
    settings.issuer.clone().or_else(|| is_known.then(|| settings.listener_url(bound)))
}

struct Settled {
    url: String,
    /// The one on record, if another is wanted.
    instead_of: Option<String>,
}

impl Settled {
    fn audit(&self, surroundings: &Surroundings) -> AuditDraft {
        AuditDraft {
            at: surroundings.clock.now(),
            actor: Actor::Local(rustix::process::getuid().as_raw()),
            address: None,
            act: Act::ChangeIssuer,
            project: Some(ProjectId::administration()),
            target: self.url.clone(),
            detail: json!({ "was": self.instead_of }),
        }
    }
}

fn settle_issuer(on_record: String, terms: &Terms) -> Result<Settled, Error> {
    match &terms.issuer {
        Some(wanted) if *wanted != on_record && !terms.for_founding_only => {
            let wanted = wanted.clone();
            if terms.accept_new_issuer {
                Ok(Settled { url: wanted, instead_of: Some(on_record) })
            } else {
                Err(Error::NewIssuer { on_record, wanted })
            }
        }
        _ => Ok(Settled { url: on_record, instead_of: None }),
    }
}

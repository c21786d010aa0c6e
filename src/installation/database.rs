//! Where the database is, and which engine opens it.

use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::files::Files;
use crate::config::{DatabaseServer, Settings};
use crate::store::{Error as StoreError, Migration, PostgresOptions, PostgresStore, SqliteStore, Store};

/// The place of a database.
pub(super) enum Place<'a> {
    /// A file in the data directory.
    File(Files),
    /// A server.
    Server(&'a DatabaseServer),
}

impl<'a> Place<'a> {
    /// Where the settings say.
    pub(super) fn of(settings: &'a Settings) -> Self {
        match &settings.database {
            Some(server) => Self::Server(server),
            None => Self::File(Files::in_folder(&settings.data_dir)),
        }
    }

    /// In words, without a secret.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(files) => files.database().display().to_string(),
            Self::Server(server) => server.url.to_string(),
        }
    }

    /// Says that there is no installation.
    pub(super) fn none(&self, settings: &Settings) -> Error {
        match self {
            Self::File(_) => Error::None(settings.data_dir.display().to_string(), "--data-dir"),
            Self::Server(server) => Error::None(server.url.to_string(), "--database"),
        }
    }

    /// Says that the database of this place cannot be used.
    pub(super) fn failed(&self) -> impl Fn(StoreError) -> Error + use<> {
        let place = self.name();
        move |source| Error::Store { place: place.clone(), source }
    }

    /// Opens it, and makes what is not there, tables included.
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Error> {
        match self {
            Self::File(files) => open_file(files).await.map_err(self.failed()),
            Self::Server(server) => {
                let opened = PostgresStore::open_with(server.url.expose(), &options(server)).await;
                Ok(Arc::new(opened.map_err(self.failed())?))
            }
        }
    }

    /// Opens it, and makes no tables where there are none of ours: a look leaves nothing behind.
    pub(super) async fn open_what_is_there(&self, settings: &Settings) -> Result<Arc<dyn Store>, Error> {
        match self {
            Self::File(files) if !is_there(&files.database()) => Err(self.none(settings)),
            Self::File(files) => open_file(files).await.map_err(self.failed()),
            Self::Server(server) => {
                let opened = PostgresStore::open_if_there(server.url.expose(), &options(server)).await;
                Ok(Arc::new(opened.map_err(self.failed())?.ok_or_else(|| self.none(settings))?))
            }
        }
    }

    /// Refuses a place where there cannot be one.
    pub(super) fn check_is_there(&self, settings: &Settings) -> Result<(), Error> {
        match self {
            Self::File(files) if !is_there(&files.database()) => Err(self.none(settings)),
            _ => Ok(()),
        }
    }

    /// The steps that its tables have made, and those to come.
    async fn migrations(&self, settings: &Settings) -> Result<Vec<Migration>, Error> {
        match self {
            Self::File(files) if !is_there(&files.database()) => Err(self.none(settings)),
            Self::File(files) => SqliteStore::migrations(&files.database()).await.map_err(self.failed()),
            Self::Server(server) => {
                PostgresStore::migrations(server.url.expose(), &options(server)).await.map_err(self.failed())
            }
        }
    }
}

async fn open_file(files: &Files) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(SqliteStore::open(&files.database()).await?))
}

fn is_there(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

fn options(server: &DatabaseServer) -> PostgresOptions {
    let &DatabaseServer { connections, listen, prepare, .. } = server;
    PostgresOptions { connections: connections.get(), listen, prepare }
}

/// The steps that the tables of this installation have made, and those to come; changes nothing.
///
/// # Errors
/// [`Error::None`] if there is no file, and whatever keeps the database from being read.
pub async fn migrations(settings: &Settings) -> Result<Vec<Migration>, Error> {
    Place::of(settings).migrations(settings).await
}

/// Brings the tables of this installation up to this release; the steps as they were before.
///
/// # Errors
/// [`Error::None`] if there is no file, and whatever keeps the database from being changed.
pub async fn migrate(settings: &Settings) -> Result<Vec<Migration>, Error> {
    let place = Place::of(settings);
    let before = place.migrations(settings).await?;
    place.open().await?.close().await;
    Ok(before)
}

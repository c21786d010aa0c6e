//! `portcullis init`: everything that a server needs before its first start.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::config::Settings;
use crate::domain::KeyId;
use crate::installation::{Error, Files, Installation, Terms, derive_issuer};

use super::failure::Failure;
use super::output::{Output, Report, write_fields};
use super::session::surroundings;

/// Founds the installation, unless there is one.
pub(super) async fn run(settings: &Settings, output: Output) -> Result<(), Failure> {
    let installation = match open(settings).await {
        Err(Error::None(..)) => found(settings).await?,
        opened => opened?,
    };
    output.show(&Setup::of(settings, &installation, io::stdout().is_terminal()))
}

/// Opens what is there. Only an issuer that somebody set can contradict the one on record.
async fn open(settings: &Settings) -> Result<Installation, Error> {
    let terms = Terms { issuer: settings.issuer.clone(), ..Terms::default() };
    Installation::open(settings, &terms, surroundings()).await
}

async fn found(settings: &Settings) -> Result<Installation, Error> {
    // Known before anything is written.
    let issuer = derive_issuer(settings, settings.listen_public).ok_or(Error::NoIssuer)?;
    let terms = Terms { issuer: Some(issuer), found: true, ..Terms::default() };
    Installation::open(settings, &terms, surroundings()).await
}

/// What there is now, and where.
#[derive(Serialize)]
struct Setup<'a> {
    /// Whether it was made just now.
    founded: bool,
    issuer: &'a str,
    data_dir: PathBuf,
    database: &'a str,
    /// None if the environment holds it.
    master_key: Option<PathBuf>,
    admin_key: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a KeyId>,
    /// Shown on a terminal only: elsewhere it would end up in a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> Setup<'a> {
    fn of(settings: &Settings, installation: &'a Installation, on_terminal: bool) -> Self {
        let files = Files::in_folder(&settings.data_dir);
        let admin = installation.admin_key.as_ref();
        Self {
            founded: admin.is_some(),
            issuer: &installation.issuer,
            data_dir: settings.data_dir.clone(),
            database: &installation.database,
            master_key: settings.master_key.is_none().then(|| files.master_key_path()),
            admin_key: files.admin_key_path(),
            key_id: admin.map(|admin| &admin.key.id),
            secret: admin.filter(|_| on_terminal).map(|admin| admin.secret.expose()),
        }
    }

    fn write_admin_key(&self, out: &mut dyn Write) -> io::Result<()> {
        let (Some(key_id), Some(secret)) = (self.key_id, self.secret) else { return Ok(()) };
        writeln!(out, "\nThe first administrator's key, which {} holds too:\n", self.admin_key.display())?;
        write_fields(out, &[("key_id", key_id.to_string()), ("secret", secret.to_owned())])
    }
}

impl Report for Setup<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let folder = self.data_dir.display();
        if self.founded {
            writeln!(out, "Founded an installation in {folder}.\n")?;
        } else {
            writeln!(out, "There is an installation in {folder} already; nothing was changed.\n")?;
        }
        let environment = || "in PORTCULLIS_MASTER_KEY".to_owned();
        let master_key = self.master_key.as_ref().map_or_else(environment, |path| path.display().to_string());
        let fields = [
            ("issuer", self.issuer.to_owned()),
            ("database", self.database.to_owned()),
            ("master key", master_key),
            ("admin key", self.admin_key.display().to_string()),
        ];
        write_fields(out, &fields)?;
        if !self.founded {
            return Ok(());
        }
        self.write_admin_key(out)?;
        writeln!(out, "\nKeep a copy of the master key away from the database: without it nothing opens.")
    }
}

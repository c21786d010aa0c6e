//! Whose installation a command is about: one elsewhere, if a server or a profile is named.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::cli::input;
use crate::config::{Environment, Settings};
use crate::domain::ProjectId;

use super::Afar;

#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct FarArgs {
    /// Work on the installation of another machine, through its administrators' API at this URL
    /// [env: `PORTCULLIS_SERVER`].
    #[arg(long, value_name = "URL", global = true, help_heading = "Elsewhere")]
    server: Option<String>,
    /// A file (TOML, 0600) with `server`, `issuer`, `client_id` and `secret` of an administrator's key
    /// [env: `PORTCULLIS_PROFILE`].
    #[arg(long, value_name = "FILE", global = true, help_heading = "Elsewhere")]
    profile: Option<PathBuf>,
}

/// Where another installation is, and who asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    server: Option<String>,
    issuer: String,
    client_id: String,
    #[serde(deserialize_with = "wiped")]
    secret: Zeroizing<String>,
    /// Where tokens are asked for, if that is not the issuer's URL.
    public: Option<String>,
    /// Whom to believe.
    ca_file: Option<PathBuf>,
    /// The project that the key is limited to.
    project: Option<ProjectId>,
}

/// All that is known of it.
pub(super) struct Far {
    pub(super) server: String,
    pub(super) public: String,
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) secret: Zeroizing<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) project: Option<ProjectId>,
}

impl FarArgs {
    /// Whether the command line itself names another installation.
    pub(in crate::cli) fn are_given(&self) -> bool {
        self.server.is_some() || self.profile.is_some()
    }

    /// Whether command line or environment name one.
    pub(in crate::cli) fn are_named(&self, environment: &Environment) -> Result<bool, Failure> {
        let (server, profile) = environment.elsewhere()?;
        Ok(self.are_given() || server.is_some() || profile.is_some())
    }

    /// That installation, if one is named.
    pub(in crate::cli) fn house(
        &self,
        environment: &Environment,
        settings: &Settings,
    ) -> Result<Option<Afar>, Failure> {
        let (server, profile) = environment.elsewhere()?;
        let server = self.server.as_deref().or(server);
        let profile = self.profile.as_deref().or(profile.map(Path::new));
        let far = match (server, profile) {
            (None, None) => return Ok(None),
            (server, Some(file)) => Profile::read(file)?.far(server, file)?,
            (Some(server), None) => of_environment(server, environment, settings)?,
        };
        Afar::at(far).map(Some)
    }
}

impl Profile {
    fn read(file: &Path) -> Result<Self, Failure> {
        let text = input::read(file)?;
        if input::is_open_to_others(file) {
            let why = format!("others can read the secret in it; run `chmod 600 {}`", file.display());
            let source = io::Error::new(io::ErrorKind::PermissionDenied, why);
            return Err(Failure::Input { path: file.to_owned(), source });
        }
        toml::from_str(&text).map_err(|error| {
            // What the library shows of the text could be the secret; its sentence names members alone.
            let why = match error.message() {
                told if told.contains("field") => told.to_owned(),
                _ => "it is not a table of TOML as it should be".to_owned(),
            };
            let why = format!("{why}; a profile has server, issuer, client_id and secret, and may have public, ca_file and project");
            Failure::Input { path: file.to_owned(), source: io::Error::new(io::ErrorKind::InvalidData, why) }
        })
    }

    fn far(self, server: Option<&str>, file: &Path) -> Result<Far, Failure> {
        let Self { server: own, issuer, client_id, secret, public, ca_file, project } = self;
        let server = server.map(ToOwned::to_owned).or(own).ok_or_else(|| {
            Failure::Usage(format!("--server is missing, and {} names none", file.display()))
        })?;
        // Relative to the file that names it.
        let ca_file = ca_file.map(|ca| file.parent().map_or(ca.clone(), |folder| folder.join(&ca)));
        let public = public.unwrap_or_else(|| issuer.clone());
        Ok(Far { server, public, issuer, client_id, secret, ca_file, project })
    }
}

fn of_environment(server: &str, environment: &Environment, settings: &Settings) -> Result<Far, Failure> {
    let missing = || {
        let why = "who asks? name a file with --profile, or set PORTCULLIS_KEY_ID, PORTCULLIS_KEY_SECRET and PORTCULLIS_ISSUER";
        Failure::Usage(why.to_owned())
    };
    let (client_id, secret) = environment.key()?.ok_or_else(missing)?;
    let issuer = settings.issuer.clone().ok_or_else(missing)?;
    let (server, public) = (server.to_owned(), issuer.clone());
    Ok(Far { server, public, issuer, client_id, secret, ca_file: None, project: None })
}

fn wiped<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

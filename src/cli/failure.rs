//! Why a command failed: one message that names the fix, one code, one exit status.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::config;
use crate::domain::TokenRefusal;
use crate::domain::audit::Broken;
use crate::domain::webhook::{InvalidUrl, InvalidWebhook};
use crate::installation::{self, FileError};
use crate::keys::acts;
use crate::store::{self, Unavailable};
use crate::web;

use super::output::Output;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    /// A server gave no usable answer.
    #[error("the server {url} cannot be used: {why}; look whether it runs, and try again")]
    Remote {
        /// The server.
        url: String,
        /// What happened.
        why: String,
    },
    /// A server said no.
    #[error("the server refuses: {error}: {why}")]
    Refused {
        /// The code of RFC 6749 §5.2.
        error: String,
        /// What it says about it.
        why: String,
    },
    /// A server said no to an act.
    #[error("{why}")]
    Told {
        /// The code for programs.
        code: &'static str,
        /// What it says about it.
        why: String,
    },
    /// A secret was made, and the answer with it was lost.
    #[error(
        "it was made for {of}, but the answer with the secret was lost on the way; `portcullis {command} {of}` gives a new one"
    )]
    SecretLost {
        /// By which another one is had.
        command: &'static str,
        /// Whose it is.
        of: String,
    },
    /// What is elsewhere cannot be done from afar.
    #[error(
        "{0} works on the installation itself: run it on that machine, without --server and --profile (PORTCULLIS_SERVER, PORTCULLIS_PROFILE)"
    )]
    NotFromAfar(&'static str),
    /// Some lines of a file were not imported.
    #[error("{0} lines were refused; correct them and run the command again")]
    RefusedLines(u64),
    /// Secrets are where everybody can read them.
    #[error(
        "secrets found: {0}; block their keys (`portcullis key block ID --reason key_compromise`) or give them new secrets (`portcullis key regenerate ID`), then remove these"
    )]
    Leaked(u64),
    /// Nothing was found, but not everything was seen.
    #[error("paths that could not be read: {0}; nothing is known of them")]
    Unscanned(usize),
    /// A token is not good.
    #[error("{0} ({code})", code = .0.reason())]
    Token(TokenRefusal),
    /// What is to be read cannot be.
    #[error("{}: {source}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A program that was to be run cannot be.
    #[error("{program}: {source}")]
    Program {
        /// Its name.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] config::Error),
    /// The installation cannot be opened.
    #[error(transparent)]
    Installation(#[from] installation::Error),
    /// The act was not carried out.
    #[error(transparent)]
    Act(#[from] acts::Error),
    /// It was done, but that every server has applied it could not be seen in time.
    #[error(
        "it is done, but within {waited:?} not every server has said that it applied it; it takes effect within the minute, and `portcullis nodes` tells who follows"
    )]
    Unapplied {
        /// How long was waited.
        waited: Duration,
    },
    /// Whoever was asked did not confirm.
    #[error("nothing was deleted")]
    Unconfirmed,
    /// The audit log is not what was written.
    #[error("the audit log is broken: {0}; compare it with a backup")]
    Audit(#[from] Broken),
    /// A listener's address cannot be had.
    #[error(
        "listen.{listener}: cannot listen on {address}: {source}; choose another address (flag --listen-{listener}, PORTCULLIS_LISTEN_{}, or `{listener}` of [listen] in portcullis.toml)",
        listener.to_uppercase()
    )]
    Listen {
        /// Which one.
        listener: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The server cannot be built from what the installation holds.
    #[error(transparent)]
    Server(#[from] web::BuildError),
    /// The operating system refuses what a server needs.
    #[error("the operating system refuses what a server needs: {0}")]
    System(#[source] io::Error),
    /// The demonstration did not go as it should.
    #[error("{0}")]
    Demo(String),
    /// The doctor has found something.
    #[error("something is wrong: {0}")]
    Unhealthy(String),
    /// The answer could not be given.
    #[error("the command was carried out, but its answer could not be written: {0}")]
    Output(#[source] io::Error),
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Act(error.into())
    }
}

impl Failure {
    /// The code for programs, and the exit status.
    pub(super) fn code(&self) -> (&'static str, u8) {
        match self {
            Self::Usage(_) | Self::NotFromAfar(_) => ("usage", 2),
            Self::Told { code, .. } => (code, 1),
            Self::Token(_) => ("token_refused", 1),
            Self::RefusedLines(_) => ("lines_refused", 1),
            Self::Leaked(_) => ("secrets_found", 1),
            Self::Unscanned(_) => ("unreadable", 4),
            Self::Input { .. } => ("input", 1),
            // As shells and env(1) have it.
            Self::Program { source, .. } if source.kind() == io::ErrorKind::NotFound => ("program", 127),
            Self::Program { .. } => ("program", 126),
            Self::Settings(_) => ("settings", 3),
            Self::Installation(error) => code_of_installation(error),
            Self::Act(acts::Error::Store(error)) => code_of_store(error),
            Self::Act(_) | Self::Refused { .. } => ("refused", 1),
            Self::Unapplied { .. } => ("unapplied", 4),
            Self::Unconfirmed => ("unconfirmed", 1),
            Self::Audit(_) => ("audit_broken", 1),
            Self::Listen { .. } => ("listen", 3),
            Self::Demo(_) => ("demo_failed", 1),
            Self::Unhealthy(_) => ("unhealthy", 1),
            Self::Server(_)
            | Self::System(_)
            | Self::Output(_)
            | Self::Remote { .. }
            | Self::SecretLost { .. } => ("unavailable", 4),
        }
    }

    /// Whether it may be otherwise in a moment.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Act(acts::Error::Store(store::Error::Unavailable(_))) | Self::Remote { .. })
    }

    /// What to do about it, where the message does not say so itself.
    pub(super) fn fix(&self) -> Option<&'static str> {
        let error = match self {
            Self::Act(acts::Error::Store(error)) => error,
            Self::Installation(installation::Error::Store { source, .. }) => source,
            Self::Installation(installation::Error::File(FileError::Io { .. })) => {
                return Some("correct its permissions, or name a --data-dir that is yours");
            }
            Self::Act(acts::Error::Webhook(InvalidWebhook::Url(InvalidUrl::Plain | InvalidUrl::Address))) => {
                return Some(
                    "this command judges by its own settings: give it the networks that the servers have",
                );
            }
            _ => return None,
        };
        Some(match error {
            store::Error::Conflict => "look at it, and run the command again",
            store::Error::Missing("project") => "`portcullis project list` names those that are there",
            store::Error::Missing("scope") => {
                "`portcullis scope list --project ID` names those that are there"
            }
            store::Error::Missing("role") => "`portcullis role list --project ID` names those that are there",
            store::Error::Missing("audience") => {
                "`portcullis audience list --project ID` names those that are there"
            }
            store::Error::Missing("signing key") => {
                "`portcullis signing-key list` names those that are there"
            }
            store::Error::Missing("webhook") => "`portcullis webhook list` names those that are there",
            store::Error::Missing("message") => {
                "`portcullis webhook deliveries ID` names those that are remembered"
            }
            store::Error::Missing("token") => "`portcullis token list --key ID` names those of a key",
            store::Error::Missing("secret") => "`portcullis key secret list ID` names those that are there",
            store::Error::Missing(_) => "`portcullis key list --project ID` names those that are there",
            store::Error::Taken(_) => "choose another one",
            store::Error::Corrupt { .. } => "restore a backup",
            store::Error::Elsewhere => {
                "use pg_dump or continuous archiving; docs/backup.md says what to do with such a copy"
            }
            store::Error::Unavailable(Unavailable::Locked(_) | Unavailable::Slow) => {
                "end whatever holds it, and run the command again"
            }
            store::Error::Unavailable(Unavailable::Undone(_)) => "run the command again",
            store::Error::Unavailable(Unavailable::Other(_)) => {
                "check that it is a database of Portcullis which you may read and write"
            }
            _ => return None,
        })
    }
}

fn code_of_installation(error: &installation::Error) -> (&'static str, u8) {
    use installation::Error as E;
    match error {
        E::None(..) => ("no_installation", 3),
        E::File(FileError::Io { .. } | FileError::LostDatabase { .. }) => ("data_dir", 3),
        E::File(FileError::Locked(_) | FileError::Rotating(_)) => ("unavailable", 4),
        E::File(FileError::Open(_) | FileError::NotAMasterKey(_))
        | E::MasterKey(_)
        | E::NoMasterKey(_)
        | E::NoMasterKeyYet(_) => ("master_key", 3),
        E::Store { source, .. } => code_of_store(source),
        E::Signing(_) => ("damaged", 4),
        E::Backup => ("backup", 1),
        E::NewMasterKeyMissing => ("usage", 2),
        E::SameMasterKey => ("master_key", 1),
        E::Exists(_) => ("exists", 1),
        E::NotABackup(_) => ("no_backup", 1),
        E::Occupied(_) => ("occupied", 1),
        E::NewIssuer { .. } | E::NoIssuer => ("issuer", 3),
    }
}

fn code_of_store(error: &store::Error) -> (&'static str, u8) {
    match error {
        store::Error::Conflict => ("conflict", 1),
        store::Error::Missing(_) => ("not_found", 1),
        store::Error::Taken(_) => ("taken", 1),
        store::Error::InUse { .. } => ("in_use", 1),
        store::Error::Full(_) => ("limit", 1),
        store::Error::Elsewhere => ("elsewhere", 1),
        store::Error::Corrupt { .. } => ("damaged", 4),
        store::Error::Unavailable(_) => ("unavailable", 4),
    }
}

/// Answers a command line that clap did not take, or that asked for help.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    // It was not taken, so it has to be asked whether it held the flag.
    let json = std::env::args_os().any(|argument| argument == OsStr::new("--json"));
    if json && error.use_stderr() {
        let text = error.render().to_string();
        // What follows tells people how to ask for help.
        let end = ["\n\nUsage: ", "\n\nFor more information"].iter().find_map(|part| text.find(part));
        let message = text[..end.unwrap_or(text.len())].trim_start_matches("error: ").trim_end();
        return Output::new(true).fail(&Failure::Usage(message.to_owned()));
    }
    // Nobody is left to be told if this fails.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

//! `portcullis signing-key …`

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::admin::view::{Rotated, SigningKeyRow};
use crate::domain::signing_key::Line;
use crate::domain::{Reason, SigningAlgorithm, SigningKeyId, Timestamp};
use crate::installation;
use crate::keys::acts::{self, Why};
use crate::signing::PrivateKey;

use super::failure::Failure;
use super::input;
use super::output::{Page, Report, Row, write_fields};
use super::session::Session;
use super::values::WhyArgs;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the signing keys and where in their life they are.
    List,
    /// Announce a successor: it signs ten minutes later, and the one before it retires then.
    Rotate {
        /// Of which algorithm: ES256, EdDSA or RS256.
        #[arg(long, value_name = "ALG", default_value_t = SigningAlgorithm::default())]
        algorithm: SigningAlgorithm,
        /// The key that signs what guards are told of revocations, and not one of tokens.
        #[arg(long, conflicts_with = "algorithm")]
        feed: bool,
    },
    /// The emergency: a private key leaked. Revokes all that it signed, at once.
    Retire {
        // A thumbprint may begin with a hyphen.
        /// The signing key.
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: SigningKeyId,
        /// That every token it signed is to be refused from now on.
        #[arg(long, required = true)]
        now: bool,
        /// Why.
        #[arg(long, default_value_t = Reason::KeyCompromise)]
        reason: Reason,
        /// What else is to be said about it.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Take in a private key from elsewhere: it is announced now and signs ten minutes later.
    Import {
        /// A file with one private key as PEM (PKCS#8, not encrypted), or - for the standard input.
        #[arg(value_name = "FILE")]
        from: PathBuf,
        #[command(flatten)]
        why: WhyArgs,
    },
    /// Write out a private key as PEM (PKCS#8, not encrypted): whoever has it can sign tokens.
    Export {
        // A thumbprint may begin with a hyphen.
        /// The signing key.
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: SigningKeyId,
        /// The file to write, which must not exist; or - for the standard output, off a terminal.
        #[arg(value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        why: WhyArgs,
    },
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::List => session.output.show(&Page::whole(session.house.signing_keys().await?)),
            Self::Rotate { algorithm, feed } => {
                let line = if feed { Line::FEED } else { Line::tokens(algorithm) };
                let new = Some(session.house.rotate_signing_key(line).await?);
                session.output.show(&Rotated { new, retired: None })
            }
            Self::Retire { kid, now: _, reason, note } => {
                let new = session.house.retire_signing_key(&kid, &Why { reason, note }).await?;
                session.output.show(&Rotated { new, retired: Some(kid) })
            }
            Self::Import { from, why } => {
                let acts = &session.here("`signing-key import`")?.acts;
                let key = PrivateKey::from_pem(&input::read(&from)?).map_err(acts::Error::from)?;
                let (new, now) = (acts.import_signing_key(&key, &why.into()).await?, acts.clock.now());
                session.output.show(&Rotated { new: Some(SigningKeyRow::of(&new, now)), retired: None })
            }
            Self::Export { kid, to, why } => export(session, &kid, to, &why.into()).await,
        }
    }
}

async fn export(session: &Session, kid: &SigningKeyId, to: PathBuf, why: &Why) -> Result<(), Failure> {
    let acts = &session.here("`signing-key export`")?.acts;
    let is_stream = to == Path::new("-");
    if is_stream && io::stdout().is_terminal() {
        let why = "a private key is not shown on a terminal; name a file, or send the output to a program";
        return Err(Failure::Usage(why.to_owned()));
    }
    if !is_stream && to.symlink_metadata().is_ok() {
        return Err(installation::Error::Exists(to).into());
    }
    let key = acts.export_signing_key(kid, why).await?;
    if is_stream {
        return session.output.say(key.to_pem().trim_end());
    }
    installation::write_private(&to, &key.to_pem())?;
    session.output.show(&Exported { kid: kid.clone(), algorithm: key.algorithm(), file: to })
}

/// A private key that was written out.
#[derive(Serialize)]
struct Exported {
    kid: SigningKeyId,
    algorithm: SigningAlgorithm,
    file: PathBuf,
}

impl Report for Exported {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "The private key of {} ({}) is in {}.", self.kid, self.algorithm, self.file.display())?;
        writeln!(
            out,
            "Whoever has it can sign tokens in your name: move it where it belongs, and delete it here."
        )
    }
}

impl Row for SigningKeyRow {
    const NOTHING: &'static str = "There are no signing keys.";
    const COLUMNS: &'static [&'static str] = &["kid", "signs", "algorithm", "state", "signs from", "retires"];

    fn cells(&self) -> Vec<String> {
        let time = |secs| Timestamp::from_secs(secs).to_string();
        vec![
            self.kid.to_string(),
            self.purpose.to_string(),
            self.algorithm.to_string(),
            self.state.to_string(),
            time(self.signs_from),
            self.retires_at.map_or_else(|| "-".to_owned(), time),
        ]
    }
}

impl Report for Rotated {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(kid) = &self.retired {
            writeln!(out, "Retired {kid}: every token that it signed is refused from now on.")?;
        }
        let Some(new) = &self.new else { return Ok(()) };
        writeln!(out, "A new signing key:\n")?;
        let signs_from = Timestamp::from_secs(new.signs_from).to_string();
        write_fields(
            out,
            &[
                ("kid", new.kid.to_string()),
                ("signs", new.purpose.to_string()),
                ("algorithm", new.algorithm.to_string()),
                ("signs from", signs_from),
            ],
        )
    }
}

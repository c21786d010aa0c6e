//! `portcullis key secret …`: the secrets of a key, several at a time.

use std::io::{self, Write};
use std::time::Duration;

use crate::admin::view::{KeyActed, SecretAdded, SecretEnded};
use crate::cli::failure::Failure;
use crate::cli::output::{Page, Report};
use crate::cli::session::Session;
use crate::cli::values::{self, Expiry, WhyArgs};
use crate::domain::{KeyId, SecretId, Timestamp};

use super::view::{Shown, write_secret};

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Give a key a further secret, beside those that it has; shown this once.
    Add {
        /// The key.
        #[arg(value_name = "ID")]
        key: KeyId,
        /// When it ends: 30d, 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds [default: never].
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expiry>,
        #[command(flatten)]
        why: WhyArgs,
    },
    /// List a key's secrets by their public names.
    List {
        /// The key.
        #[arg(value_name = "ID")]
        key: KeyId,
    },
    /// End one of a key's secrets; tokens live on.
    Expire {
        /// The key.
        #[arg(value_name = "ID")]
        key: KeyId,
        /// The secret, by its public name.
        #[arg(value_name = "SECRET_ID")]
        secret: SecretId,
        /// How long it works on, such as 24h [default: it ends now].
        #[arg(long = "in", value_name = "SPAN", value_parser = values::span)]
        delay: Option<Duration>,
        #[command(flatten)]
        why: WhyArgs,
    },
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Add { key, expires, why } => add(session, key, expires, why).await,
            Self::List { key } => list(session, &key).await,
            Self::Expire { key, secret, delay, why } => {
                expire(session, (key, secret), delay.unwrap_or_default(), why).await
            }
        }
    }
}

async fn add(session: &Session, key: KeyId, expires: Option<Expiry>, why: WhyArgs) -> Result<(), Failure> {
    let expires_at = expires.map(|expiry| expiry.from(session.clock.now())).transpose()?;
    let (done, made) = session.house.add_secret(&key, expires_at, &why.into()).await?;
    let done = KeyActed::of(&key, &done);
    let added = SecretAdded { done, secret_id: made.id, expires_at: expires_at.map(Timestamp::secs) };
    session.output.show(&Shown { key: added, secret: made.secret.expose() })
}

async fn list(session: &Session, key: &KeyId) -> Result<(), Failure> {
    session.output.show(&Page::whole(session.house.key(key).await?.secrets))
}

async fn expire(
    session: &Session,
    (key, secret): (KeyId, SecretId),
    delay: Duration,
    why: WhyArgs,
) -> Result<(), Failure> {
    let done = session.house.expire_secret(&key, &secret, delay, &why.into()).await?;
    let left = session.house.key(&key).await?.secrets;
    if delay.is_zero() && left.is_empty() {
        session
            .output
            .warn("the key has no secret left, so nobody can use it; `key secret add` gives it one");
    }
    session.output.show(&SecretEnded {
        done: KeyActed::of(&key, &done),
        expires_at: left.iter().find(|left| left.secret_id == secret).and_then(|left| left.expires_at),
        secret_id: secret,
    })
}

impl Report for Shown<'_, SecretAdded> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let added = &self.key;
        write_secret(out, &added.done.key_id, self.secret)?;
        let end = added.expires_at.map(|end| format!(" and ends {}", Timestamp::from_secs(end)));
        writeln!(out, "It is called {}{}.", added.secret_id, end.unwrap_or_default())?;
        writeln!(out, "The key's other secrets work on; its outstanding tokens live on.")
    }
}

impl Report for SecretEnded {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.expires_at {
            Some(end) => {
                writeln!(
                    out,
                    "{} of {} ends {}.",
                    self.secret_id,
                    self.done.key_id,
                    Timestamp::from_secs(end)
                )?;
            }
            None => writeln!(out, "Ended {} of {}.", self.secret_id, self.done.key_id)?,
        }
        writeln!(out, "The key's outstanding tokens live on.")
    }
}

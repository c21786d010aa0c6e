//! `portcullis key block`, `unblock`, `delete`, `revoke-tokens`, `regenerate`

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::time::Duration;

use serde::Serialize;

use crate::admin::view::KeyActed;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::cli::values::{self, WhyArgs};
use crate::cli::wait::WaitArgs;
use crate::domain::KeyId;
use crate::keys::acts::{Done, KeyAct};

use super::view::{Shown, write_secret};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The key.
    #[arg(value_name = "ID")]
    pub(super) key: KeyId,
    #[command(flatten)]
    pub(super) why: WhyArgs,
}

/// Of an act that ends tokens.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct StopArgs {
    #[command(flatten)]
    args: Args,
    #[command(flatten)]
    wait: WaitArgs,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DeleteArgs {
    #[command(flatten)]
    args: StopArgs,
    /// Do not ask whether it is meant.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RegenerateArgs {
    #[command(flatten)]
    args: Args,
    /// How long the old secrets work on, such as 24h [default: they end now].
    #[arg(long, value_name = "SPAN", value_parser = values::span)]
    overlap: Option<Duration>,
}

pub(super) async fn block(session: &Session, args: StopArgs) -> Result<(), Failure> {
    stop(session, args, KeyAct::Block, Deed::Blocked).await
}

pub(super) async fn unblock(session: &Session, args: Args) -> Result<(), Failure> {
    let done = session.house.act_on_key(&args.key, KeyAct::Unblock, &args.why.into(), None).await?.done;
    session.output.show(&Acted::of(&args.key, &done, Deed::Unblocked))
}

pub(super) async fn revoke_tokens(session: &Session, args: StopArgs) -> Result<(), Failure> {
    stop(session, args, KeyAct::RevokeTokens, Deed::RevokedTokensOf).await
}

pub(super) async fn delete(session: &Session, args: DeleteArgs) -> Result<(), Failure> {
    if !args.yes {
        confirm(session, &args.args.args.key).await?;
    }
    stop(session, args.args, KeyAct::Delete, Deed::Deleted).await
}

pub(super) async fn regenerate(session: &Session, args: RegenerateArgs) -> Result<(), Failure> {
    let RegenerateArgs { args: Args { key, why }, overlap } = args;
    let (done, secret) = session.house.regenerate(&key, overlap.unwrap_or_default(), &why.into()).await?;
    let key = Acted::of(&key, &done, Deed::Regenerated);
    session.output.show(&Shown { key, secret: secret.expose() })
}

async fn stop(session: &Session, args: StopArgs, act: KeyAct, deed: Deed) -> Result<(), Failure> {
    let StopArgs { args: Args { key, why }, wait } = args;
    let done = session.house.act_on_key(&key, act, &why.into(), wait.span()).await?;
    wait.show(session.output, &done.map(|done| Acted::of(&key, &done, deed)))
}

/// Asks whoever sits at the terminal.
async fn confirm(session: &Session, id: &KeyId) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(
            "deleting is final; off a terminal, say that it is meant with --yes".into(),
        ));
    }
    let name = session.house.key(id).await?.key.name;
    let question = format!("Delete {id} ({name}) for ever, and revoke its tokens? Type yes: ");
    // An unreadable answer is none.
    match ask(&question) {
        Ok(answer) if answer.trim() == "yes" => Ok(()),
        _ => Err(Failure::Unconfirmed),
    }
}

fn ask(question: &str) -> io::Result<String> {
    let mut err = io::stderr().lock();
    write!(err, "{question}")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}

/// What was done to a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Edited,
    Blocked,
    Unblocked,
    Deleted,
    RevokedTokensOf,
    Regenerated,
}

/// An act on a key that was carried out.
#[derive(Debug, Serialize)]
pub(super) struct Acted {
    #[serde(flatten)]
    done: KeyActed,
    #[serde(skip)]
    deed: Deed,
}

impl Acted {
    pub(super) fn of(key: &KeyId, done: &Done, deed: Deed) -> Self {
        Self { done: KeyActed::of(key, done), deed }
    }

    fn sentence(&self) -> &'static str {
        match self.deed {
            Deed::RevokedTokensOf => "The key works on: it can mint new ones.",
            Deed::Unblocked => "Tokens that were revoked stay dead; mint new ones.",
            _ if self.done.tokens_revoked => "Its outstanding tokens are revoked.",
            _ => "Its outstanding tokens live on.",
        }
    }
}

impl Report for Acted {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = match self.deed {
            Deed::Edited => "Edited",
            Deed::Blocked => "Blocked",
            Deed::Unblocked => "Unblocked",
            Deed::Deleted => "Deleted",
            Deed::RevokedTokensOf => "Revoked the tokens of",
            Deed::Regenerated => "Made a new secret for",
        };
        writeln!(out, "{verb} {}.", self.done.key_id)?;
        writeln!(out, "{}", self.sentence())
    }
}

impl Report for Shown<'_, Acted> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write_secret(out, &self.key.done.key_id, self.secret)?;
        writeln!(out, "{}", self.key.sentence())
    }
}

//! `portcullis token …`: what was issued, and what a client of the server does with it.

mod ask;
mod exec;
mod inspect;
mod list;
mod request;
mod revoke;

use super::failure::Failure;
use super::output::Output;
use super::session::Session;
use crate::config::Environment;

pub(super) use ask::exchange;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the tokens that were minted, the newest first, as long as the log keeps them.
    List(list::Args),
    /// Revoke one token, by its id, and all that were exchanged from it.
    Revoke(revoke::Args),
    /// Ask a server for a token, and print it.
    Request(ask::Ask),
    /// Run a program with a fresh token in its environment.
    Exec(exec::Args),
    /// Show what a token says; with public keys, also whether to believe it.
    Inspect(inspect::Args),
}

impl Command {
    /// What a client does, which needs no installation; the command itself, if it is no client's.
    pub(super) async fn run_as_client(
        self,
        environment: &Environment,
        output: Output,
    ) -> Result<Option<Self>, Failure> {
        match self {
            Self::Request(args) => request::run(args, environment, output).await?,
            Self::Exec(args) => exec::run(args, environment, output).await?,
            Self::Inspect(args) => inspect::run(args, output).await?,
            about_what_was_issued => return Ok(Some(about_what_was_issued)),
        }
        Ok(None)
    }

    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::List(args) => list::run(session, args).await,
            Self::Revoke(args) => revoke::run(session, args).await,
            // Gone their own way already.
            Self::Request(_) | Self::Exec(_) | Self::Inspect(_) => Ok(()),
        }
    }
}

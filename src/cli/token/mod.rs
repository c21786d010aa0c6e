//! `portcullis token …`: what was issued, and what a client of the server does with it.

mod ask;
mod exec;
mod inspect;
mod list;
mod remote;
mod request;
mod revoke;

use super::failure::Failure;
use super::output::Output;
use super::session::Session;
use crate::config::{Environment, Settings};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the tokens that a key minted, the newest first, as long as the log keeps them.
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
    /// Only what was issued needs an installation.
    pub(super) async fn run(
        self,
        settings: &Settings,
        environment: &Environment,
        output: Output,
    ) -> Result<(), Failure> {
        match self {
            Self::List(args) => list::run(&Session::open(settings, output).await?, args).await,
            Self::Revoke(args) => revoke::run(&Session::open(settings, output).await?, args).await,
            Self::Request(args) => request::run(args, environment, output).await,
            Self::Exec(args) => exec::run(args, environment, output).await,
            Self::Inspect(args) => inspect::run(args, output).await,
        }
    }
}

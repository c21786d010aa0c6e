//! The program's commands: what they are called, what they take, where they go. Each opens the
//! installation directly, also beside a running server, which follows at once; or it goes through the
//! administrators' API of a server elsewhere.
//!
//! Not here: what an act does (`keys::acts`) and what the rules say (`domain`).

mod audience;
mod audit;
mod backup;
mod completions;
mod demo;
mod doctor;
mod failure;
mod house;
mod init;
mod input;
mod key;
mod master_key;
mod migrate;
mod moment;
mod nodes;
mod output;
mod progress;
mod project;
mod remote;
mod restore;
mod role;
mod scope;
mod serve;
mod session;
mod signing_key;
mod token;
mod values;
mod wait;
mod webhook;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Environment, Flags, Settings};
use crate::signing;
use crate::telemetry;

use failure::Failure;
use house::FarArgs;
use output::Output;
use session::Session;

/// The token server that revokes: API keys become narrowed 15-minute tokens that can be dropped
/// within a minute.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, arg_required_else_help = true, after_help = STATUSES)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    /// Answer with one JSON object, errors too.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    far: FarArgs,
    #[command(subcommand)]
    command: Command,
}

const STATUSES: &str = "Exit status: 0 done, 1 refused, 2 usage, 3 settings, 4 unavailable.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; sets everything up at the first start.
    Serve(serve::Args),
    /// Set everything up without running the server.
    Init,
    /// Projects: make, list, show.
    #[command(subcommand)]
    Project(project::Command),
    /// Audiences of a project: where its tokens may be used.
    #[command(subcommand)]
    Audience(audience::Command),
    /// The scope catalogue of a project.
    #[command(subcommand)]
    Scope(scope::Command),
    /// Roles: named sets of permissions that keys of a project share.
    #[command(subcommand)]
    Role(role::Command),
    /// API keys: create, show, edit, block, delete.
    #[command(subcommand)]
    Key(key::Command),
    /// The keys that sign tokens: list, rotate, retire, import, export.
    #[command(subcommand)]
    SigningKey(signing_key::Command),
    /// The key that everything else is sealed under: rotate it.
    #[command(subcommand)]
    MasterKey(master_key::Command),
    /// Tokens: list those that a key minted, revoke, request, inspect one, run a program with one.
    #[command(subcommand)]
    Token(token::Command),
    /// Webhooks: who is told of acts on keys.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// The audit log: who did what.
    #[command(subcommand)]
    Audit(audit::Command),
    /// The running servers, and how far each follows.
    Nodes,
    /// The tables of the database: which steps they have made, and to make those to come.
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Copy the database of a running installation into a file.
    Backup(backup::Args),
    /// Bring a backup back: every token of its past is revoked, and its keys wait to be unblocked.
    Restore(restore::Args),
    /// Examine settings, files, database, keys and clock, and say what to do.
    Doctor,
    /// Print what a shell needs to complete command lines of this program.
    Completions(completions::Args),
    /// Tell the whole story against a server of its own.
    Demo(demo::Args),
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    signing::install_provider();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error),
    };
    let output = Output::new(cli.json);
    match run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.fail(&failure),
    }
}

#[tokio::main]
async fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let Cli { flags, far, command, .. } = cli;
    if let Some(name) = command.only_here() {
        // Whoever has set a variable once means the commands that it is for, and not those about no installation.
        let is_elsewhere =
            if command.is_about_none() { far.are_given() } else { far.are_named(&environment)? };
        if is_elsewhere {
            return Err(Failure::NotFromAfar(name));
        }
    }
    if let Command::Demo(args) = command {
        return demo::run(args).await;
    }
    if let Command::Completions(args) = &command {
        return completions::run(args, output);
    }
    if let Command::Key(key::Command::Scan(args)) = &command {
        return key::scan(args, output);
    }
    let settings = Settings::load(&flags, &environment)?;
    if let Command::Serve(args) = command {
        let sending = telemetry::start(&settings.log, settings.traces.as_ref());
        let served = serve::run(settings, args, output).await;
        if let Some(sending) = sending {
            sending.stop();
        }
        return served;
    }
    telemetry::start(&settings.log.of_a_command(), None);
    let command = match command {
        Command::Init => return init::run(&settings, output).await,
        Command::Doctor => return doctor::run(&flags, &settings, output).await,
        Command::Migrate(command) => return command.run(&settings, output).await,
        Command::Restore(args) => return restore::run(&settings, args, output).await,
        Command::MasterKey(command) => return command.run(&settings, output).await,
        Command::Backup(args) => return backup::run(&settings, args, output).await,
        Command::Token(command) => match command.run_as_client(&environment, output).await? {
            Some(command) => Command::Token(command),
            None => return Ok(()),
        },
        command => command,
    };
    let afar = far.house(&environment, &settings)?;
    carry_out(command, &Session::open(afar, &settings, output).await?).await
}

/// What is done to an installation that is there.
async fn carry_out(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Project(command) => command.run(session).await,
        Command::Audience(command) => command.run(session).await,
        Command::Scope(command) => command.run(session).await,
        Command::Role(command) => command.run(session).await,
        Command::Key(command) => command.run(session).await,
        Command::SigningKey(command) => command.run(session).await,
        Command::Webhook(command) => command.run(session).await,
        Command::Token(command) => command.run(session).await,
        Command::Audit(command) => command.run(session).await,
        Command::Nodes => nodes::run(session).await,
        // Gone their own way already.
        Command::Serve(_)
        | Command::Init
        | Command::Demo(_)
        | Command::Migrate(_)
        | Command::Backup(_)
        | Command::MasterKey(_)
        | Command::Restore(_)
        | Command::Doctor
        | Command::Completions(_) => Ok(()),
    }
}

impl Command {
    /// What it is called, if it cannot be about an installation elsewhere.
    fn only_here(&self) -> Option<&'static str> {
        Some(match self {
            Self::Serve(_) => "`serve`",
            Self::Init => "`init`",
            Self::Demo(_) => "`demo`",
            Self::Migrate(_) => "`migrate`",
            Self::Backup(_) => "`backup`",
            Self::Restore(_) => "`restore`",
            Self::MasterKey(_) => "`master-key`",
            Self::Doctor => "`doctor`",
            Self::Completions(_) => "`completions`",
            Self::Key(key::Command::Import(_)) => "`key import`",
            Self::Key(key::Command::Scan(_)) => "`key scan`",
            Self::SigningKey(signing_key::Command::Import { .. }) => "`signing-key import`",
            Self::SigningKey(signing_key::Command::Export { .. }) => "`signing-key export`",
            Self::Project(_)
            | Self::Audience(_)
            | Self::Scope(_)
            | Self::Role(_)
            | Self::Key(_)
            | Self::SigningKey(_)
            | Self::Webhook(_)
            | Self::Token(_)
            | Self::Audit(_)
            | Self::Nodes => return None,
        })
    }

    /// Whether it is about no installation.
    const fn is_about_none(&self) -> bool {
        matches!(self, Self::Demo(_) | Self::Completions(_) | Self::Key(key::Command::Scan(_)))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}

//! `portcullis demo`: the whole story against a real server on a free port, in a folder of its
//! own, narrated. It succeeds only if every step did what it should.

mod client;
mod process;
mod story;

use std::time::Duration;

use super::failure::Failure;
use super::output::Output;
use client::Client;
use process::ServerProcess;

/// What only this command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// The longest that a promise of the product lets a revocation take.
const PROMISED: Duration = Duration::from_mins(1);

/// Tells the story.
pub(super) async fn run(_: Args) -> Result<(), Failure> {
    let folder =
        tempfile::tempdir().map_err(|error| Failure::Demo(format!("no temporary folder: {error}")))?;
    say("Portcullis, from a key to a dropped gate. Everything below happens now, on this machine.\n")?;
    let server = ServerProcess::start(folder.path()).await?;
    let client = Client::new(server.url.clone());
    let told = story::tell(&server, &client, folder.path()).await;
    server.stop().await?;
    told?;
    say("\nEvery step did what it should. The folder is gone; nothing of this is left.")
}

/// Says a line.
fn say(line: &str) -> Result<(), Failure> {
    Output::new(false).say(line)
}

/// Says what comes next.
fn chapter(title: &str) -> Result<(), Failure> {
    say(&format!("\n{title}"))
}

/// Says what happened, if it is what should have happened.
fn check(as_it_should: bool, what: &str) -> Result<(), Failure> {
    if as_it_should {
        say(&format!("  ✓ {what}"))
    } else {
        Err(Failure::Demo(format!("this should have been so, and is not: {what}")))
    }
}

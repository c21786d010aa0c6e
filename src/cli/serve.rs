//! `portcullis serve`.

use crate::config::Settings;

use super::failure::Failure;

/// What `serve` takes beside the settings.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Issue tokens under another URL than before; every token that is out is refused then.
    #[arg(long)]
    accept_new_issuer: bool,
}

#[expect(clippy::unused_async, reason = "it serves once `http` is wired up")]
pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Failure> {
    drop(settings);
    Err(Failure::Usage(format!("not built yet (--accept-new-issuer: {})", args.accept_new_issuer)))
}

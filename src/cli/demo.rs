//! `portcullis demo`.

use super::failure::Failure;

/// What `demo` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

#[expect(clippy::unused_async, reason = "it tells its story once `serve` is there")]
pub(super) async fn run(_args: Args) -> Result<(), Failure> {
    Err(Failure::Usage("not built yet".to_owned()))
}

//! `portcullis token revoke`: the end of one token, by somebody who administers.

use std::io::{self, Write};

use crate::admin::view::TokenRevoked;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::cli::values::WhyArgs;
use crate::cli::wait::WaitArgs;
use crate::domain::TokenId;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    // An id may begin with a hyphen.
    /// The token, by the id that `token list` names and that stands in it as `jti`.
    #[arg(value_name = "TOKEN_ID", allow_hyphen_values = true)]
    token: TokenId,
    #[command(flatten)]
    why: WhyArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let (project, position) = session.acts.revoke_token(args.token, &args.why.into()).await?;
    args.wait.show(session, TokenRevoked { jti: args.token, project, position }, position).await
}

impl Report for TokenRevoked {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Revoked {}, and all that were exchanged from it.", self.jti)?;
        writeln!(out, "The other tokens of its key live on.")
    }
}

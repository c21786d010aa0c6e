//! `portcullis key clear-flags`

use std::io::{self, Write};

use crate::admin::view::FlagsCleared;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;

use super::act::Args;

pub(super) async fn clear(session: &Session, args: Args) -> Result<(), Failure> {
    let Args { key: key_id, why } = args;
    let cleared = session.here("`key clear-flags`")?.acts.clear_flags(&key_id, &why.into()).await?;
    session.output.show(&FlagsCleared { key_id, project: cleared.project, cleared: cleared.flags })
}

impl Report for FlagsCleared {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.cleared {
            0 => writeln!(out, "{} was not flagged.", self.key_id),
            flags => writeln!(out, "Cleared {}; reports: {flags}. The key is as it was.", self.key_id),
        }
    }
}

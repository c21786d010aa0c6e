//! `portcullis key clear-flags`

use std::io::{self, Write};

use crate::admin::view::FlagsCleared;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;

use super::act::Args;

pub(super) async fn clear(session: &Session, args: Args) -> Result<(), Failure> {
    session.output.show(&session.house.clear_flags(&args.key, &args.why.into()).await?)
}

impl Report for FlagsCleared {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.cleared {
            0 => writeln!(out, "{} was not flagged.", self.key_id),
            flags => writeln!(out, "Cleared {}; reports: {flags}. The key is as it was.", self.key_id),
        }
    }
}

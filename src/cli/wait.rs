//! `--wait`: until every server that may admit anybody has applied what was done.

use std::io::{self, Write};
use std::time::Duration;

use crate::admin::view::{AppliedBy, Awaited, NodeStanding};
use crate::domain::Timestamp;
use crate::domain::applied::Standing;

use super::failure::Failure;
use super::house::Wait;
use super::output::{Output, Report, printable};
use super::values;

/// How long is waited at most; that of the API, too.
const LONGEST: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct WaitArgs {
    /// Wait until every server has applied it, at most so long (up to 60s) [default: 40s]; exit status 4 if
    /// that could not be seen in time.
    #[arg(long, value_name = "SPAN", value_parser = patience,
          num_args = 0..=1, require_equals = true, default_missing_value = "40s")]
    wait: Option<Duration>,
}

fn patience(text: &str) -> Result<Duration, String> {
    let span = values::span(text)?;
    let fits = (Duration::from_secs(1)..=LONGEST).contains(&span) && span.subsec_nanos() == 0;
    if fits { Ok(span) } else { Err("write 1 to 60 whole seconds, such as 40s".to_owned()) }
}

impl WaitArgs {
    /// How long is waited.
    pub(super) const fn span(self) -> Wait {
        self.wait
    }

    /// Shows what was done and, if that was waited for, whom it has reached.
    pub(super) fn show<T: Report>(self, output: Output, done: &Awaited<T>) -> Result<(), Failure> {
        let incomplete = done.applied.as_ref().is_some_and(|applied| !applied.complete);
        output.show(done)?;
        match self.wait {
            Some(waited) if incomplete => Err(Failure::Unapplied { waited }),
            _ => Ok(()),
        }
    }
}

impl<T: Report> Report for Awaited<T> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.done.write(out)?;
        self.applied.as_ref().map_or(Ok(()), |applied| applied.write(out))
    }
}

impl Report for AppliedBy {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for node in &self.nodes {
            writeln!(out, "{}", sentence(node))?;
        }
        if self.complete {
            writeln!(out, "No server admits anybody any more whom this keeps out.")?;
        }
        Ok(())
    }
}

fn sentence(NodeStanding { node, standing, applied, seen_at }: &NodeStanding) -> String {
    let (node, seen) = (printable(node), Timestamp::from_secs(*seen_at));
    match standing {
        Standing::Applied => format!("Server {node} has applied it (said so {seen})."),
        Standing::Stale => {
            format!("Server {node} is silent (last seen {seen}): presumed stale, so it admits nobody.")
        }
        Standing::Behind => {
            format!("Server {node} has not said that it applied it (last seen {seen}, at {applied}).")
        }
    }
}

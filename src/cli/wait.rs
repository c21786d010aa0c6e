//! `--wait`: until every server that may admit anybody has applied what was done.

use std::io::{self, Write};
use std::time::Duration;

use crate::admin::view::{AppliedBy, Awaited, NodeStanding};
use crate::domain::applied::Standing;
use crate::domain::{Position, Timestamp};
use crate::keys::applied::{Applied, Patience, wait};

use super::failure::Failure;
use super::output::{Report, printable};
use super::progress::Progress;
use super::session::Session;
use super::values;

/// How long is waited at most; that of the API, too.
const LONGEST: Duration = Duration::from_secs(60);

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
    /// Shows what was done at this position, at once or when it is known whom it has reached.
    pub(super) async fn show<T: Report>(
        self,
        session: &Session,
        done: T,
        position: Position,
    ) -> Result<(), Failure> {
        let Some(at_most) = self.wait else { return session.output.show(&done) };
        let applied = AppliedBy::from(watched(session, position, at_most).await);
        let failure = (!applied.complete).then(|| Failure::Unapplied { waited: at_most });
        session.output.show(&Awaited { done, applied: Some(applied) })?;
        failure.map_or(Ok(()), Err)
    }
}

/// Waits, and shows on a terminal how far it is.
async fn watched(session: &Session, position: Position, at_most: Duration) -> Applied {
    let patience = Patience { at_most, max_age: session.max_age };
    let (mut progress, mut told) = (None, None);
    let parts = (session.store(), session.acts.clock.as_ref());
    let applied = wait(parts, position, patience, |now| {
        let total = now.nodes.as_ref().map_or(0, Vec::len);
        let reached = total - now.count(Standing::Behind);
        if Progress::is_seen() && told.replace((reached, total)) != Some((reached, total)) {
            let bar = progress.get_or_insert_with(|| Progress::of(u64::try_from(total).ok(), 1));
            let sentence = || format!("{reached} of {total} servers");
            bar.moved(u64::try_from(reached).unwrap_or_default(), sentence);
        }
    })
    .await;
    if let Some(progress) = progress {
        progress.end();
    }
    applied
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
    match *standing {
        "applied" => format!("Server {node} has applied it (said so {seen})."),
        "stale" => {
            format!("Server {node} is silent (last seen {seen}): presumed stale, so it admits nobody.")
        }
        _ => format!("Server {node} has not said that it applied it (last seen {seen}, at {applied})."),
    }
}

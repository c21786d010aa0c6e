//! `portcullis audit …`: the log of acts, and whether it is still what was written.

mod export;
mod filter;
mod follow;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::admin::view::{AuditEntry, AuditHead, hex};
use crate::domain::Timestamp;
use crate::domain::audit::{Broken, Chain, Head, InvalidHead};
use crate::store::{SealedRow, WantedAudit};

use super::failure::Failure;
use super::output::{Page, Report, Row, write_fields};
use super::session::Session;

use filter::{Filter, everything};

/// How many rows are read at once.
const BATCH: u32 = 1000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List who did what, the oldest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// Only rows after this one [default: from the first on; with --follow, those that come].
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
        after: Option<i64>,
        /// Go on with each row that is written, until it is interrupted; with --json an object a line.
        #[arg(long, conflicts_with_all = ["limit", "newest"])]
        follow: bool,
        /// The newest first; --after then gives those before a row.
        #[arg(long)]
        newest: bool,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Write the log for other programs, as JSON lines or CSV; the last line is the head.
    Export(export::Args),
    /// Print the number and hash of the last row, to be kept elsewhere.
    Head,
    /// Check the hash chain from the first row to the last.
    Verify(Kept),
}

/// A head that was kept elsewhere: it must still be in the chain.
#[derive(Debug, clap::Args)]
pub(super) struct Kept {
    /// The row that was once the last, and its hash: finds a log that was cut short or written anew.
    #[arg(long, value_name = "SEQ:HASH")]
    head: Option<Head>,
    /// The same from the last line of a file: what `audit head`, `audit verify --json` or `audit export` said.
    #[arg(long, value_name = "FILE", conflicts_with = "head")]
    head_file: Option<PathBuf>,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::List { filter, after, follow: true, .. } => {
                follow::run(session, filter.wanted(session.clock.now()), after).await
            }
            Self::List { filter, after, follow: false, newest: newest_first, limit } => {
                // One more tells whether there is another page.
                let wanted = filter.wanted(session.clock.now());
                list(session, &WantedAudit { newest_first, after, limit: limit + 1, ..wanted }).await
            }
            Self::Export(args) => export::run(session, args).await,
            Self::Head => head(session).await,
            Self::Verify(kept) => verify(session, kept.read()?).await,
        }
    }
}

async fn list(session: &Session, wanted: &WantedAudit) -> Result<(), Failure> {
    let rows = session.house.audit(wanted).await?.into_iter().map(AuditEntry::from).collect();
    session.output.show(&Page::cut(rows, wanted.limit - 1, |last: &AuditEntry| last.seq.to_string()))
}

async fn head(session: &Session) -> Result<(), Failure> {
    whole(session)?;
    let last = newest(session, &everything()).await?.ok_or(Broken::Missing(1))?;
    session.output.show(&AuditHead::of(&last))
}

/// Whether there is more to be seen than rows of one project: the chain runs through all of them.
fn whole(session: &Session) -> Result<(), Failure> {
    let Some(project) = session.house.limited_to() else { return Ok(()) };
    let why =
        format!("the chain of the log needs a key that may see all of it; this profile is for {project}");
    Err(Failure::Usage(why))
}

/// The last of the rows that are wanted, unchecked.
async fn newest(session: &Session, wanted: &WantedAudit) -> Result<Option<SealedRow>, Failure> {
    let newest = WantedAudit { newest_first: true, after: None, limit: 1, ..wanted.clone() };
    Ok(session.house.audit(&newest).await?.pop())
}

/// A batch of those that come after this row.
async fn rows_after(session: &Session, wanted: &WantedAudit, after: i64) -> Result<Vec<SealedRow>, Failure> {
    session.house.audit(&WantedAudit { after: Some(after), limit: BATCH, ..wanted.clone() }).await
}

async fn verify(session: &Session, kept: Option<Head>) -> Result<(), Failure> {
    whole(session)?;
    let mut chain = Chain::passing(kept);
    // A row may have been put before the first.
    let mut after = i64::MIN;
    loop {
        let rows = rows_after(session, &everything(), after).await?;
        if rows.is_empty() {
            let head = written(chain.end()?);
            return session.output.show(&Verified { head, kept: kept.map(|kept| kept.seq) });
        }
        rows.iter().try_for_each(|sealed| chain.extend(sealed))?;
        after = chain.head().seq;
    }
}

impl Kept {
    fn read(self) -> Result<Option<Head>, Failure> {
        let Some(path) = self.head_file else { return Ok(self.head) };
        let read = last_line(&path).and_then(|line| {
            head_of(&line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        });
        read.map(Some).map_err(|source| Failure::Input { path, source })
    }
}

/// The last line that is not blank.
fn last_line(path: &Path) -> io::Result<String> {
    let lines = BufReader::new(File::open(path)?).lines();
    let not_blank = lines.filter(|line| !line.as_ref().is_ok_and(|line| line.trim().is_empty()));
    not_blank.reduce(Result::and).unwrap_or_else(|| Ok(String::new()))
}

fn head_of(line: &str) -> Result<Head, InvalidHead> {
    match serde_json::from_str::<AuditHead>(line) {
        Ok(AuditHead { rows, head }) => format!("{rows}:{head}").parse(),
        Err(_) => line.trim().parse(),
    }
}

fn written(head: Head) -> AuditHead {
    AuditHead { rows: head.seq, head: hex(&head.hash) }
}

impl Report for AuditHead {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}:{}", self.rows, self.head)
    }
}

/// The log is in order.
#[derive(Serialize)]
struct Verified {
    #[serde(flatten)]
    head: AuditHead,
    /// The row whose hash had been kept, and is what it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<i64>,
}

impl Report for Verified {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "The audit log is what was written.\n")?;
        let mut fields = vec![("rows", self.head.rows.to_string()), ("head", self.head.head.clone())];
        fields.extend(self.kept.map(|row| ("kept", format!("row {row} is what it was"))));
        write_fields(out, &fields)
    }
}

impl Row for AuditEntry {
    const NOTHING: &'static str = "The audit log has no rows here.";
    const COLUMNS: &'static [&'static str] =
        &["seq", "time", "actor", "address", "act", "project", "target", "detail"];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.seq.to_string(),
            Timestamp::from_secs(self.at).to_string(),
            self.actor.clone(),
            or_dash(&self.address),
            self.act.clone(),
            or_dash(&self.project),
            self.target.clone(),
            self.detail.to_string(),
        ]
    }
}

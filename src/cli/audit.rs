//! `portcullis audit …`: the log of acts, and whether it is still what was written.

use std::io::{self, Write};

use serde::Serialize;

use crate::admin::view::{AuditEntry, hex};
use crate::domain::Timestamp;
use crate::domain::audit::seal;
use crate::store::{Error as StoreError, SealedRow};

use super::failure::Failure;
use super::output::{Page, Report, Row, write_fields};
use super::session::Session;

/// How many rows are read at once.
const BATCH: u32 = 1000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List who did what, the oldest first.
    List {
        /// Only rows after this one.
        #[arg(long, value_name = "SEQ", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Check the hash chain from the first row to the last.
    Verify,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::List { after, limit } => list(session, after, limit).await,
            Self::Verify => verify(session).await,
        }
    }
}

async fn list(session: &Session, after: i64, limit: u32) -> Result<(), Failure> {
    let rows = session.store().audit(after, limit + 1).await?;
    let rows = rows.into_iter().map(AuditEntry::from).collect();
    session.output.show(&Page::cut(rows, limit, |last: &AuditEntry| last.seq.to_string()))
}

async fn verify(session: &Session) -> Result<(), Failure> {
    let mut chain = Chain::default();
    loop {
        let rows = session.store().audit(chain.rows, BATCH).await.map_err(unreadable)?;
        if rows.is_empty() {
            return session.output.show(&chain);
        }
        rows.iter().try_for_each(|sealed| chain.extend(sealed))?;
    }
}

/// A row that cannot even be read is not what was written.
fn unreadable(error: StoreError) -> Failure {
    match error {
        StoreError::Corrupt { table: "audit", column, row } => Broken::Unreadable { row, column }.into(),
        other => other.into(),
    }
}

/// Where the log ceases to be what was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// A number is left out.
    #[error("the audit log is broken: row {0} is missing; {FIX}")]
    Missing(i64),
    /// A row does not follow the one before it.
    #[error("the audit log is broken: row {0} does not follow the one before it; {FIX}")]
    Detached(i64),
    /// A row is not the one that was sealed.
    #[error("the audit log is broken: row {0} was changed; {FIX}")]
    Changed(i64),
    /// A row has no form.
    #[error("the audit log is broken: row {row} was changed (column {column}); {FIX}")]
    Unreadable {
        /// The row.
        row: String,
        /// The column.
        column: &'static str,
    },
}

const FIX: &str = "compare it with a backup";

/// The part of the log that was found in order.
#[derive(Debug, Default, Serialize)]
struct Chain {
    rows: i64,
    /// The hash of the last row. Kept elsewhere, it tells later whether the log was cut short.
    #[serde(serialize_with = "as_hex")]
    head: [u8; 32],
}

impl Chain {
    fn extend(&mut self, sealed: &SealedRow) -> Result<(), Broken> {
        let expected = self.rows + 1;
        if sealed.row.seq != expected {
            return Err(Broken::Missing(expected));
        }
        if sealed.previous != self.head {
            return Err(Broken::Detached(expected));
        }
        if sealed.hash != seal(&self.head, &sealed.row) {
            return Err(Broken::Changed(expected));
        }
        *self = Self { rows: expected, head: sealed.hash };
        Ok(())
    }
}

impl Report for Chain {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "The audit log is what was written.\n")?;
        write_fields(out, &[("rows", self.rows.to_string()), ("head", hex(&self.head))])
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

fn as_hex<S: serde::Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hex(bytes))
}

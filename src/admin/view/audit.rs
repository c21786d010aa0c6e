//! The audit log as a file: JSON lines, or CSV for spreadsheets; the head stands at its end.

use std::io::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AuditEntry, hex};
use crate::store::SealedRow;

/// The number and the hash of a row: with it, all rows up to it are what they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The number.
    pub rows: i64,
    /// The hash.
    pub head: String,
}

impl AuditHead {
    /// That of this row.
    #[must_use]
    pub fn of(sealed: &SealedRow) -> Self {
        Self { rows: sealed.row.seq, head: hex(&sealed.hash) }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFormat {
    /// A JSON object a line.
    JsonLines,
    /// A record of RFC 4180 each.
    Csv,
}

const COLUMNS: [&str; 11] =
    ["seq", "at", "at_ms", "actor", "address", "act", "project", "target", "detail", "previous", "hash"];

impl AuditFormat {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::JsonLines, Self::Csv];

    /// As it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// What a browser calls the file.
    #[must_use]
    pub const fn disposition(self) -> &'static str {
        match self {
            Self::JsonLines => "attachment; filename=\"audit.jsonl\"",
            Self::Csv => "attachment; filename=\"audit.csv\"",
        }
    }

    /// What stands before the rows.
    #[must_use]
    pub fn beginning(self) -> String {
        match self {
            Self::JsonLines => String::new(),
            Self::Csv => COLUMNS.join(",") + "\r\n",
        }
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn row(self, entry: &AuditEntry, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::JsonLines => line(entry, out),
            Self::Csv => record(&cells(entry).map(defused), out),
        }
    }

    /// Writes the end, by which a whole file is told from one that was cut off: the head, if there is any row.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn end(self, head: Option<&AuditHead>, out: &mut impl Write) -> io::Result<()> {
        let Some(head) = head else { return Ok(()) };
        match self {
            Self::JsonLines => line(head, out),
            Self::Csv => {
                let mut cells = COLUMNS.map(|_| String::new());
                (cells[0], cells[5], cells[10]) =
                    (head.rows.to_string(), "(head)".to_owned(), head.head.clone());
                record(&cells, out)
            }
        }
    }
}

impl FromStr for AuditFormat {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.as_str() == word).ok_or("it is jsonl or csv")
    }
}

fn cells(entry: &AuditEntry) -> [String; COLUMNS.len()] {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        entry.seq.to_string(),
        entry.at.to_string(),
        entry.at_ms.to_string(),
        entry.actor.clone(),
        or_empty(&entry.address),
        entry.act.clone(),
        or_empty(&entry.project),
        entry.target.clone(),
        entry.detail.to_string(),
        entry.previous.clone(),
        entry.hash.clone(),
    ]
}

/// What a spreadsheet would take for a formula is text behind an apostrophe. The wide signs are those that
/// some take for the narrow ones.
fn defused(cell: String) -> String {
    const FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if cell.starts_with(FORMULAS) { format!("'{cell}") } else { cell }
}

fn line(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn record(cells: &[String], out: &mut impl Write) -> io::Result<()> {
    let mut builder = csv::WriterBuilder::new();
    // A spreadsheet may divide cells at other signs than commas, as in countries that write 1,5.
    let quoted = builder.quote_style(csv::QuoteStyle::Always).terminator(csv::Terminator::CRLF);
    let mut writer = quoted.from_writer(Vec::new());
    writer.write_record(cells)?;
    out.write_all(&writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_stands_in_quotes_wherever_semicolons_divide_cells() {
        let mut out = Vec::new();
        record(&["a;=1+1".to_owned(), String::new(), "\"".to_owned()], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\"a;=1+1\",\"\",\"\"\"\"\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＠SUM(A1)"] {
            assert_eq!(defused(text.to_owned()), format!("'{text}"));
        }
        for text in ["", "a=1", " =1", "key.block", "2001:db8::1", "{\"note\":\"=1\"}"] {
            assert_eq!(defused(text.to_owned()), text);
        }
    }
}

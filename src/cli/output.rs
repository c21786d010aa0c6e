//! What a command answers: tables and sentences for people, one JSON object with `--json`; the
//! answer on stdout, warnings and errors on stderr.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::process::ExitCode;

use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::json;

use super::failure::Failure;

pub(super) use crate::admin::view::Page;

/// How a command answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
}

/// An answer; as JSON it is what [`Serialize`] makes of it.
pub(super) trait Report: Serialize {
    /// Writes it for people.
    fn write(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether the answer is for a program.
    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// Gives the answer.
    pub(super) fn show(self, report: &impl Report) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match self.write(report, &mut out).and_then(|()| out.flush()) {
            // Whoever reads the answer has seen enough of it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::Output),
        }
    }

    /// Says a line, whatever was asked for: for commands that tell as they go.
    #[expect(clippy::unused_self, reason = "beside `show` and `fail`: whatever is said goes through here")]
    pub(super) fn say(self, line: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// Gives lines of a list that goes on; whether there is still somebody who reads it.
    pub(super) fn go_on(self, rows: &[impl Row]) -> Result<bool, Failure> {
        let mut out = io::stdout().lock();
        match rows.iter().try_for_each(|row| self.write_line(row, &mut out)).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            written => written.map(|()| true).map_err(Failure::Output),
        }
    }

    fn write_line(self, row: &impl Row, out: &mut impl Write) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *out, row)?;
            return writeln!(out);
        }
        let cells: Vec<_> = row.cells().iter().map(printable).collect();
        writeln!(out, "{}", cells.join("  "))
    }

    fn write(self, report: &impl Report, out: &mut impl Write) -> io::Result<()> {
        if !self.json {
            return report.write(out);
        }
        serde_json::to_writer(&mut *out, report)?;
        writeln!(out)
    }

    /// Says what was done as asked, but may not have been meant.
    #[expect(clippy::unused_self, reason = "beside `show` and `fail`: whatever is said goes through here")]
    pub(super) fn warn(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "warning: {text}");
    }

    /// Says why it failed.
    pub(super) fn fail(self, failure: &Failure) -> ExitCode {
        let (code, status) = failure.code();
        let message = match failure.fix() {
            Some(fix) => format!("{failure}; {fix}"),
            None => failure.to_string(),
        };
        let mut err = io::stderr().lock();
        // Nobody is left to be told if this fails.
        let _ = if self.json {
            writeln!(err, "{}", json!({ "error": code, "message": message }))
        } else {
            writeln!(err, "error: {message}")
        };
        ExitCode::from(status)
    }
}

/// A line of a list.
pub(super) trait Row: Serialize {
    /// What the list is called when it is empty.
    const NOTHING: &'static str;
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// What stands in them.
    fn cells(&self) -> Vec<String>;
}

impl<T: Row> Report for Page<T> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.items.is_empty() {
            return writeln!(out, "{}", T::NOTHING);
        }
        write_rows(&self.items, out)?;
        match &self.next {
            Some(next) => writeln!(out, "\nThere is more: --after {next}"),
            None => Ok(()),
        }
    }
}

/// Writes the lines of a list under the names of its columns.
pub(super) fn write_rows<T: Row>(rows: &[T], out: &mut dyn Write) -> io::Result<()> {
    let mut table = plain();
    table.set_header(T::COLUMNS.iter().map(|column| column.to_uppercase()));
    table.add_rows(rows.iter().map(|row| row.cells().iter().map(printable).collect::<Vec<_>>()));
    write_table(&table, out)
}

/// Writes names and values, one pair a line.
pub(super) fn write_fields(out: &mut dyn Write, fields: &[(&str, String)]) -> io::Result<()> {
    let mut table = plain();
    table.add_rows(fields.iter().map(|(name, value)| [(*name).to_owned(), printable(value)]));
    write_table(&table, out)
}

/// A limit.
pub(super) fn limit(limit: Option<NonZeroU32>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

/// Several values in one cell.
pub(super) fn joined<T: Display>(values: &[T], if_empty: &str) -> String {
    let mut text = String::new();
    for (at, value) in values.iter().enumerate() {
        let gap = if at == 0 { "" } else { " " };
        let _ = write!(text, "{gap}{value}");
    }
    if text.is_empty() { if_empty.to_owned() } else { text }
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn write_table(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    // Each cell has a blank on either side; that at the edges is none of the answer's.
    table.lines().try_for_each(|line| writeln!(out, "{}", line.strip_prefix(' ').unwrap_or(&line).trim_end()))
}

/// Without control characters: what stands in a database moves nobody's cursor.
pub(super) fn printable(text: impl AsRef<str>) -> String {
    text.as_ref().replace(char::is_control, "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_stored_can_steer_a_terminal() {
        let mut out = Vec::new();
        write_fields(&mut out, &[("note", "a\u{1b}[2Jb\u{9b}c\r\nd".to_owned())]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "note  a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}d\n");
    }
}

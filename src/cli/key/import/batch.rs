//! A file, cut into batches of keys.

use std::io::{self, Read};
use std::path::Path;

use crate::domain::Timestamp;
use crate::domain::import::{Newcomer, Refused};

use super::csv::Columns;
use super::jsonl;
use super::lines::Lines;

/// So many bytes end a batch, whatever its number of lines.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// What a file is.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Format {
    /// Values divided by commas, under a line of column names
    Csv,
    /// An object of JSON a line
    Jsonl,
}

impl Format {
    /// As the file's name ends.
    pub(super) fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// Some lines of a file.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Keys, and their lines.
    pub(super) keys: Vec<(u64, Newcomer)>,
    pub(super) refused: Vec<(u64, Refused)>,
}

/// The batches of a file.
pub(super) struct Batches<R> {
    lines: Lines<R>,
    /// None for lines of JSON.
    columns: Option<Columns>,
    size: usize,
    now: Timestamp,
}

impl<R: Read> Batches<R> {
    /// Batches of so many lines each.
    pub(super) fn new(format: Format, mut lines: Lines<R>, size: u32, now: Timestamp) -> io::Result<Self> {
        let columns = match format {
            Format::Csv => Some(columns(&mut lines)?),
            Format::Jsonl => None,
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(Self { lines, columns, size, now })
    }

    /// How much was read.
    pub(super) const fn bytes(&self) -> u64 {
        self.lines.bytes()
    }

    /// The next lines; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Batch>> {
        let (mut batch, begin) = (Batch::default(), self.lines.bytes());
        while batch.keys.len() + batch.refused.len() < self.size && self.lines.bytes() - begin < MOST_BYTES {
            let Some(line) = self.lines.next()? else { break };
            if batch.first == 0 {
                batch.first = line.number;
            }
            batch.last = line.number;
            let record = line.text.and_then(|text| match &self.columns {
                Some(columns) => columns.read(text),
                None => jsonl::read(text),
            });
            match record.and_then(|record| record.newcomer(self.now)) {
                Ok(key) => batch.keys.push((line.number, key)),
                Err(refused) => batch.refused.push((line.number, refused)),
            }
        }
        Ok((batch.first > 0).then_some(batch))
    }
}

fn columns(lines: &mut Lines<impl Read>) -> io::Result<Columns> {
    let wrong =
        |number: u64, why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {why}"));
    let line = lines.next()?.ok_or_else(|| wrong(1, "the names of the columns are missing"))?;
    let text = line.text.map_err(|refused| wrong(line.number, &refused.to_string()))?;
    Columns::of(text).map_err(|why| wrong(line.number, &why))
}

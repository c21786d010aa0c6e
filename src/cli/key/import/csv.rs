//! Lines of CSV (RFC 4180) under a line of column names. A record is one line: none of its values can
//! hold a line's end, and a quote that is not closed spoils its own line alone.

use std::collections::BTreeSet;

use csv::{ByteRecord, ReaderBuilder};
use zeroize::Zeroizing;

use crate::domain::import::{Field, Refused};

use super::record::{Given, Record};

const TORN: Refused = Refused::line("a quote is not closed, or the values are not divided by commas");

/// Which column is what.
pub(super) struct Columns(Vec<Field>);

impl Columns {
    /// From the first line. A name that is none is not repeated: where the line of names is
    /// forgotten, a secret may stand there.
    pub(super) fn of(line: &str) -> Result<Self, String> {
        let names = cells(line).map_err(|refused| refused.to_string())?;
        let mut columns = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let field = std::str::from_utf8(name).ok().and_then(Field::named);
            columns.push(field.ok_or_else(|| {
                let names = Field::ALL.map(Field::as_str).join(", ");
                format!("the name of column {} is none of {names}", at + 1)
            })?);
        }
        let has = |field| columns.contains(&field);
        if columns.iter().collect::<BTreeSet<_>>().len() < columns.len() {
            Err("two columns have the same name".to_owned())
        } else if !has(Field::Id) || !(has(Field::Secret) || has(Field::SecretSha256)) {
            Err("the columns id and secret (or secret_sha256) are needed".to_owned())
        } else {
            Ok(Self(columns))
        }
    }

    /// What a line says; an empty value is as if it were not there.
    pub(super) fn read(&self, line: &str) -> Result<Record, Refused> {
        let cells = cells(line)?;
        if cells.len() != self.0.len() {
            return Err(Refused::line("it has not as many values as there are columns"));
        }
        let mut record = Record::default();
        for (field, cell) in self.0.iter().zip(cells.iter()).filter(|(_, cell)| !cell.is_empty()) {
            let text = std::str::from_utf8(cell).map_err(|_| TORN)?;
            record.give(*field, Given::Text(Zeroizing::new(text.to_owned())))?;
        }
        Ok(record)
    }
}

fn cells(line: &str) -> Result<ByteRecord, Refused> {
    if line.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err(TORN);
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(line.len())
        .from_reader(line.as_bytes());
    let mut record = ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        // A lone carriage return would begin another record, which nobody would read.
        Ok(true) if !line.contains('\r') => Ok(record),
        _ => Err(TORN),
    }
}

//! Whether the log is still what was written: each row follows the one before it, and a head that
//! was kept elsewhere is still among them.

use std::fmt;
use std::str::FromStr;

use super::{SealedRow, seal};

/// How far the log had come once: its last row, and that row's hash. Who keeps it elsewhere can
/// tell later whether the log was cut short or written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the row.
    pub seq: i64,
    /// Its hash, which seals all before it.
    pub hash: [u8; 32],
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seq)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// This is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is the number of a row, a colon, and the 64 hexadecimal digits of its hash")]
pub struct InvalidHead;

impl FromStr for Head {
    type Err = InvalidHead;

    fn from_str(raw: &str) -> Result<Self, InvalidHead> {
        let (seq, digits) = raw.split_once(':').ok_or(InvalidHead)?;
        if !seq.bytes().chain(digits.bytes()).all(|b| b.is_ascii_hexdigit()) || digits.len() != 64 {
            return Err(InvalidHead);
        }
        let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or(InvalidHead)?;
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).map_err(|_| InvalidHead)?;
        }
        Ok(Self { seq, hash })
    }
}

/// Where the log ceases to be what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A number is left out.
    #[error("row {0} is missing")]
    Missing(i64),
    /// A number was never given.
    #[error("row {0} was inserted")]
    Inserted(i64),
    /// A row does not follow the one before it.
    #[error("row {0} does not follow the one before it")]
    Detached(i64),
    /// A row is not the one that was sealed.
    #[error("row {0} was changed")]
    Changed(i64),
    /// A row has no form.
    #[error("row {row} was changed (column {column})")]
    Unreadable {
        /// The row.
        row: String,
        /// The column.
        column: &'static str,
    },
    /// The log ends before a head that was kept.
    #[error("rows {from} to {to} are missing at its end")]
    CutShort {
        /// The first that is missing.
        from: i64,
        /// The last that was kept.
        to: i64,
    },
    /// All rows follow each other, but not those that were there when the head was kept.
    #[error("it was written anew: row {0} is not the one whose hash was kept")]
    Rewritten(i64),
}

/// The part of the log that was found in order, from the first row on.
#[derive(Clone, Debug)]
pub struct Chain {
    seq: i64,
    hash: [u8; 32],
    kept: Option<Head>,
}

impl Chain {
    /// Before the first row. A head that was `kept` must be passed on the way.
    #[must_use]
    pub const fn passing(kept: Option<Head>) -> Self {
        Self { seq: 0, hash: [0; 32], kept }
    }

    /// How far it has come; row 0 is before the first.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// Takes the next row. Rows come in the order of their numbers, the smallest there is first.
    ///
    /// # Errors
    /// It is not the one that was written after those before it.
    pub fn extend(&mut self, sealed: &SealedRow) -> Result<(), Broken> {
        let expected = self.seq + 1;
        let seq = sealed.row.seq;
        if seq < expected {
            return Err(Broken::Inserted(seq));
        }
        if seq > expected {
            return Err(Broken::Missing(expected));
        }
        if sealed.previous != self.hash {
            return Err(Broken::Detached(seq));
        }
        if sealed.hash != seal(&self.hash, &sealed.row) {
            return Err(Broken::Changed(seq));
        }
        if self.kept.is_some_and(|kept| kept.seq == seq && kept.hash != sealed.hash) {
            return Err(Broken::Rewritten(seq));
        }
        (self.seq, self.hash) = (seq, sealed.hash);
        Ok(())
    }

    /// There are no more rows.
    ///
    /// # Errors
    /// The kept head was not passed.
    pub const fn end(self) -> Result<Head, Broken> {
        match self.kept {
            Some(kept) if kept.seq > self.seq => Err(Broken::CutShort { from: self.seq + 1, to: kept.seq }),
            _ => Ok(self.head()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::audit::AuditRow;

    fn written(targets: &[&str]) -> Vec<SealedRow> {
        let mut previous = [0; 32];
        let sealed = (1..).zip(targets).map(|(seq, target)| {
            let row = AuditRow {
                seq,
                at: Timestamp::from_secs(seq),
                actor: "local:0".into(),
                address: None,
                act: "key.block".into(),
                project: None,
                target: (*target).into(),
                detail: "{}".into(),
            };
            let hash = seal(&previous, &row);
            let sealed = SealedRow { row, previous, hash };
            previous = hash;
            sealed
        });
        sealed.collect()
    }

    fn read(rows: &[SealedRow], kept: Option<Head>) -> Result<Head, Broken> {
        let mut chain = Chain::passing(kept);
        rows.iter().try_for_each(|row| chain.extend(row))?;
        chain.end()
    }

    #[test]
    fn what_was_written_passes_every_head_it_ever_had() {
        let rows = written(&["a", "b", "c"]);
        for row in &rows {
            let kept = Head { seq: row.row.seq, hash: row.hash };
            assert_eq!(read(&rows, Some(kept)), Ok(Head { seq: 3, hash: rows[2].hash }));
        }
        assert_eq!(read(&[], None), Ok(Head { seq: 0, hash: [0; 32] }));
    }

    #[test]
    fn a_log_that_was_cut_or_written_anew_is_told_by_a_kept_head_alone() {
        let rows = written(&["a", "b", "c"]);
        let kept = read(&rows, None).unwrap();
        assert!(read(&rows[..1], None).is_ok());
        assert_eq!(read(&rows[..1], Some(kept)), Err(Broken::CutShort { from: 2, to: 3 }));
        assert_eq!(read(&[], Some(kept)), Err(Broken::CutShort { from: 1, to: 3 }));
        let anew = written(&["a", "x", "c", "d"]);
        assert!(read(&anew, None).is_ok());
        assert_eq!(read(&anew, Some(kept)), Err(Broken::Rewritten(3)));
    }

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let head = Head { seq: 41, hash: [0xa5; 32] };
        assert_eq!(head.to_string().parse(), Ok(head));
        let digits = "a5".repeat(32);
        for wrong in [
            String::new(),
            digits.clone(),
            format!("0:{digits}"),
            format!("-1:{digits}"),
            format!("+1:{digits}"),
            format!("a:{digits}"),
            format!("1:{digits}a5"),
            format!("1:{}", &digits[2..]),
            format!("1:+{}", &digits[1..]),
            format!("1:é{}", &digits[2..]),
            format!(" 1:{digits}"),
            format!("9223372036854775808:{digits}"),
        ] {
            assert_eq!(wrong.parse::<Head>(), Err(InvalidHead), "{wrong}");
        }
    }
}

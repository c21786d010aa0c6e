//! Finds secrets of ours in bytes of any kind, by format and checksum. What is found is where it is and
//! which key it names, never the secret itself.
//!
//! Imported secrets have no form of ours, and cannot be told from other texts.

use memchr::{memchr_iter, memmem, memrchr};
use portcullis_guard::KeyId;
use zeroize::Zeroizing;

use super::secret::{LONGEST, PREFIX, read};

/// How much of what has passed can be the beginning of a secret.
const TAIL: usize = LONGEST - 1;

/// A secret in some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it begins.
    pub at: usize,
    /// How many bytes it has.
    pub length: usize,
    /// The key that it names; a new secret of an imported key names none.
    pub key: Option<KeyId>,
}

/// Every secret in these bytes, in order; whatever stands before and after it.
pub fn secrets_in(bytes: &[u8]) -> impl Iterator<Item = Found> {
    memmem::find_iter(bytes, PREFIX).filter_map(|at| {
        let (length, key) = read(&bytes[at..])?;
        Some(Found { at, length, key })
    })
}

/// A secret in a text of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Its line, from 1.
    pub line: u64,
    /// How many bytes of the line are before it, and one.
    pub column: u64,
    /// The key that it names.
    pub key: Option<KeyId>,
}

/// Looks for secrets in bytes that come piece by piece; those across the borders of pieces too.
#[derive(Debug)]
pub struct Scan {
    /// The end of what has passed. It may hold most of a secret.
    tail: Zeroizing<Vec<u8>>,
    /// Where the tail begins.
    begins: Cursor,
}

/// A place in a text.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    offset: u64,
    line: u64,
    line_began: u64,
}

impl Default for Scan {
    fn default() -> Self {
        // Room for one more tail: what is moved while it grows stays behind.
        let tail = Zeroizing::new(Vec::with_capacity(2 * TAIL));
        Self { tail, begins: Cursor { offset: 0, line: 1, line_began: 0 } }
    }
}

impl Scan {
    /// The secrets that end in this piece.
    pub fn take(&mut self, piece: &[u8]) -> Vec<Sighting> {
        let before = self.tail.len();
        let mut border = Zeroizing::new(Vec::with_capacity(2 * TAIL));
        border.extend_from_slice(&self.tail);
        border.extend_from_slice(&piece[..piece.len().min(TAIL)]);
        // What ends before the piece was found before it; what begins in it is found below.
        let across =
            secrets_in(&border).filter(|found| found.at < before && found.at + found.length > before);
        let within = secrets_in(piece).map(|found| Found { at: before + found.at, ..found });
        let (mut cursor, mut passed) = (self.begins, 0);
        let mut sightings = Vec::new();
        for found in across.chain(within) {
            self.advance(&mut cursor, piece, passed..found.at);
            passed = found.at;
            let column = cursor.offset - cursor.line_began + 1;
            sightings.push(Sighting { line: cursor.line, column, key: found.key });
        }
        self.pass(piece);
        sightings
    }

    /// Keeps the end of what has passed now.
    fn pass(&mut self, piece: &[u8]) {
        let before = self.tail.len();
        let gone = (before + piece.len()).saturating_sub(TAIL);
        let mut begins = self.begins;
        self.advance(&mut begins, piece, 0..gone);
        self.begins = begins;
        self.tail.drain(..gone.min(before));
        self.tail.extend_from_slice(&piece[gone.saturating_sub(before)..]);
    }

    /// Moves over a part of tail and piece.
    fn advance(&self, cursor: &mut Cursor, piece: &[u8], part: std::ops::Range<usize>) {
        let before = self.tail.len();
        cursor.advance(&self.tail[part.start.min(before)..part.end.min(before)]);
        cursor.advance(&piece[part.start.saturating_sub(before)..part.end.saturating_sub(before)]);
    }
}

impl Cursor {
    fn advance(&mut self, bytes: &[u8]) {
        if let Some(last) = memrchr(b'\n', bytes) {
            self.line += memchr_iter(b'\n', bytes).count() as u64;
            self.line_began = self.offset + last as u64 + 1;
        }
        self.offset += bytes.len() as u64;
    }
}

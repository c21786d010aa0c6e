//! The lines of a file that may be longer than memory, and of which none may be trusted.

use std::io::{self, BufRead, BufReader, Read};

use zeroize::Zeroizing;

use crate::domain::import::Refused;

/// The longest line, in bytes.
const LONGEST: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line that is not blank: its number, from 1, and its text without what ends it.
pub(super) struct Line<'a> {
    pub(super) number: u64,
    pub(super) text: Result<&'a str, Refused>,
}

/// The lines of a file, one at a time.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    /// The line that was read last. It may hold a secret; it never grows, so it leaves no copy.
    line: Zeroizing<Vec<u8>>,
    number: u64,
    bytes: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn of(from: R) -> Self {
        let line = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
        Self { from: BufReader::new(from), line, number: 0, bytes: 0 }
    }

    /// How much was read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line that is not blank.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            let Some(is_whole) = self.read()? else { return Ok(None) };
            if !is_whole || !self.line.trim_ascii().is_empty() {
                let too_long = Refused::line("it is longer than 65,536 bytes");
                let not_utf8 = Refused::line("it is not UTF-8");
                let text = if is_whole {
                    std::str::from_utf8(&self.line).map_err(|_| not_utf8)
                } else {
                    Err(too_long)
                };
                return Ok(Some(Line { number: self.number, text }));
            }
        }
    }

    /// Reads a line, and tells whether it is all there; none at the end.
    fn read(&mut self) -> io::Result<Option<bool>> {
        self.line.clear();
        // One byte more than fits, and its end.
        let most = LONGEST as u64 + 2;
        let read = self.from.by_ref().take(most).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += read as u64;
        let has_end = self.line.last() == Some(&b'\n');
        if has_end {
            self.line.pop();
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.line.len() > LONGEST {
            if !has_end {
                self.pass_over_the_rest()?;
            }
            return Ok(Some(false));
        }
        if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(true))
    }

    fn pass_over_the_rest(&mut self) -> io::Result<()> {
        loop {
            let held = self.from.fill_buf()?;
            let (end, length) = (held.iter().position(|byte| *byte == b'\n'), held.len());
            let passed = end.map_or(length, |at| at + 1);
            self.from.consume(passed);
            self.bytes += passed as u64;
            if end.is_some() || length == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u64, Option<String>)> {
        let (mut lines, mut read) = (Lines::of(bytes), Vec::new());
        while let Some(line) = lines.next().unwrap() {
            read.push((line.number, line.text.ok().map(str::to_owned)));
        }
        assert_eq!(lines.bytes(), bytes.len() as u64);
        read
    }

    #[test]
    fn every_end_of_a_line_is_an_end_and_blank_lines_count_but_are_passed_over() {
        let some = |text: &str| Some(text.to_owned());
        let whole = [(1, some("a")), (3, some("b")), (5, some("c "))];
        assert_eq!(read(b"\xEF\xBB\xBFa\r\n\nb\n \t\r\nc "), whole);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n"), []);
        // A mark in the middle is text.
        assert_eq!(read(b"a\n\xEF\xBB\xBFb"), [(1, some("a")), (2, some("\u{FEFF}b"))]);
    }

    #[test]
    fn a_line_that_is_too_long_or_no_text_is_refused_and_the_next_one_is_read() {
        let just = "x".repeat(LONGEST);
        for over in [1, 2, 3, 100_000] {
            let long = "y".repeat(LONGEST + over);
            for end in ["\n", "\r\n"] {
                let all = format!("{just}{end}{long}{end}b");
                let expected = [(1, Some(just.clone())), (2, None), (3, Some("b".to_owned()))];
                assert_eq!(read(all.as_bytes()), expected, "{over} {end:?}");
            }
            assert_eq!(read(long.as_bytes()), [(1, None)]);
        }
        assert_eq!(read(b"a\n\xFF\xFE\nb"), [(1, Some("a".into())), (2, None), (3, Some("b".into()))]);
    }
}

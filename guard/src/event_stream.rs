//! Server-sent events (WHATWG HTML §9.2.6), as far as the feed uses them: events divided by empty
//! lines, of which the `data` lines count.

/// Events out of bytes that come in pieces. Bounded: what is longer than any answer is no event.
#[derive(Debug)]
pub struct EventStream {
    line: Vec<u8>,
    /// A line ended with CR: a LF after it belongs to it.
    after_cr: bool,
    data: Vec<u8>,
    has_data: bool,
    most: usize,
}

/// An event is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than any answer of the feed")]
pub struct TooLong;

impl EventStream {
    /// The beginning of a stream whose events have so many bytes at most.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { line: Vec::new(), after_cr: false, data: Vec::new(), has_data: false, most }
    }

    /// Takes up a piece; the data of the events that end in it, lines divided by LF.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn take(&mut self, piece: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut events = Vec::new();
        for byte in piece {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    events.extend(self.end_line());
                }
                byte => {
                    self.after_cr = false;
                    self.line.push(*byte);
                }
            }
            if self.line.len() + self.data.len() > self.most {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        if self.line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then_some(data);
        }
        let value = self.line.strip_prefix(b"data").and_then(|rest| match rest {
            [] => Some(rest),
            [b':', b' ', rest @ ..] | [b':', rest @ ..] => Some(rest),
            _ => None,
        });
        if let Some(value) = value {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
            self.has_data = true;
        }
        self.line.clear();
        None
    }
}

/// The statement and the body of an event of the feed: its two lines of data.
#[must_use]
pub fn statement_and_body(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    let statement = str::from_utf8(&data[..end]).ok()?;
    Some((statement, &data[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_they_are_cut_and_whatever_ends_their_lines() {
        let text = ": hello\nevent: revocations\ndata: one\ndata:two\nid: 7\n\ndata\n\nevent: x\n\ndata: three\n\n\
                    data: unfinished\n";
        let expected: [&[u8]; 3] = [b"one\ntwo", b"", b"three"];
        for end in ["\n", "\r\n", "\r"] {
            let text = text.replace('\n', end);
            for size in 1..text.len() {
                let mut stream = EventStream::new(1000);
                let pieces = text.as_bytes().chunks(size).map(|piece| stream.take(piece).unwrap());
                assert_eq!(pieces.flatten().collect::<Vec<_>>(), expected, "{end:?} {size}");
            }
        }
    }

    #[test]
    fn an_event_that_does_not_end_is_given_up() {
        for piece in ["data: aaaaaaaaaaaaaaaaaaaa", "data: a\n", ":aaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            let mut stream = EventStream::new(16);
            let mut turns = (0..20).map(|_| stream.take(piece.as_bytes()));
            assert!(turns.any(|taken| taken == Err(TooLong)), "{piece}");
        }
    }

    #[test]
    fn statement_and_body_are_two_lines() {
        assert_eq!(statement_and_body(b"a.b.c\n{}"), Some(("a.b.c", &b"{}"[..])));
        assert_eq!(statement_and_body(b"a.b.c"), None);
        assert_eq!(statement_and_body(b"\xff\n{}"), None);
    }
}

//! Rows of the feed and of the nodes that follow it.

use std::time::Duration;

use sqlx::FromRow;

use crate::domain::feed::{FeedEntry, Published};
use crate::domain::{Tag, Timestamp};
use crate::store::Heartbeat;
use crate::store::error::Error;

use super::Place;

/// Entries as the database puts them into one answer, a line for each: position, mark in hex digits, end
/// (nothing, if there is none), entry; divided by spaces. A row for each would take longer to hand over
/// than to read, and a start reads a million of them.
pub(in crate::store) fn page(lines: Option<&str>) -> Result<Vec<Published>, Error> {
    lines.map_or(Ok(Vec::new()), |lines| lines.split('\n').map(line).collect())
}

fn line(line: &str) -> Result<Published, Error> {
    let mut columns = line.splitn(4, ' ');
    let mut column = || columns.next().unwrap_or_default();
    let (position, tag, ends, entry) = (column(), column(), column(), column());
    let place = Place::of("feed", &position);
    Ok(Published {
        position: place.position("position", place.parse("position", position)?)?,
        tag: place.parse("tag", tag)?,
        entry: FeedEntry::read(entry).map_err(|_| place.corrupt("entry"))?,
        ends: optional(ends)
            .map(|ends| place.parse("ends_at", ends))
            .transpose()?
            .map(Timestamp::from_millis),
    })
}

fn optional(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// An entry, where a page of a few is looked for.
#[derive(FromRow)]
pub(in crate::store) struct FeedRow {
    position: i64,
    tag: Vec<u8>,
    entry: String,
    ends_at: Option<i64>,
}

impl TryFrom<FeedRow> for Published {
    type Error = Error;

    fn try_from(row: FeedRow) -> Result<Self, Error> {
        let place = Place::of("feed", &row.position);
        Ok(Self {
            position: place.position("position", row.position)?,
            tag: Tag::from_bytes(place.bytes("tag", &row.tag)?),
            entry: FeedEntry::read(&row.entry).map_err(|_| place.corrupt("entry"))?,
            ends: row.ends_at.map(Timestamp::from_millis),
        })
    }
}

/// The mark of the entry at this position.
pub(in crate::store) fn tag(position: i64, raw: &[u8]) -> Result<Tag, Error> {
    Place::of("feed", &position).bytes("tag", raw).map(Tag::from_bytes)
}

/// An age in milliseconds, as it is stored.
pub(in crate::store) fn millis(age: Duration) -> i64 {
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX)
}

#[derive(FromRow)]
pub(in crate::store) struct HeartbeatRow {
    id: String,
    started_at: i64,
    seen_at: i64,
    applied: i64,
    age_ms: i64,
    max_age_ms: i64,
}

impl TryFrom<HeartbeatRow> for Heartbeat {
    type Error = Error;

    fn try_from(row: HeartbeatRow) -> Result<Self, Error> {
        let place = Place::of("nodes", &row.id);
        Ok(Self {
            started_at: Timestamp::from_millis(row.started_at),
            seen_at: Timestamp::from_millis(row.seen_at),
            applied: place.position("applied", row.applied)?,
            age: Duration::from_millis(place.number("age_ms", row.age_ms)?),
            max_age: Duration::from_millis(place.number("max_age_ms", row.max_age_ms)?),
            node: row.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_from_its_line_whatever_its_text_holds() {
        let entry = r#"{"revoke":"subject","project":"prj_x","kind":"a b","subject":"c  d"}"#;
        let lines = format!("7 00000000000000ff 5000 {entry}\n8 00000000000000fe  {{\"revoke\":\"all\"}}");
        let read = page(Some(&lines)).unwrap();
        assert_eq!(read.iter().map(|entry| entry.position.value()).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(serde_json::to_string(&read[0].entry).unwrap(), entry);
        assert_eq!((read[0].ends, read[1].ends), (Some(Timestamp::from_millis(5000)), None));
        assert_eq!(read[1].tag, Tag::from_bytes([0, 0, 0, 0, 0, 0, 0, 0xFE]));
        assert!(page(None).unwrap().is_empty());
    }

    #[test]
    fn a_line_that_is_none_is_named_and_not_passed_over() {
        let named = |lines: &str| match page(Some(lines)) {
            Err(Error::Corrupt { table: "feed", column, row }) => format!("{column} of {row}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(named(""), "position of ");
        assert_eq!(named("-1 00000000000000ff  {}"), "position of -1");
        assert_eq!(named("7 00  {}"), "tag of 7");
        assert_eq!(named("7 00000000000000ff"), "entry of 7");
        assert_eq!(named("7 00000000000000ff x {\"revoke\":\"all\"}"), "ends_at of 7");
    }
}

//! Rows of the feed and of the nodes that follow it.

use std::time::Duration;

use sqlx::FromRow;

use crate::domain::feed::{FeedEntry, Published};
use crate::domain::{Tag, Timestamp};
use crate::store::Heartbeat;
use crate::store::error::Error;

use super::Place;

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

#[derive(FromRow)]
pub(in crate::store) struct HeartbeatRow {
    id: String,
    started_at: i64,
    seen_at: i64,
    applied: i64,
    age_ms: i64,
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
            node: row.id,
        })
    }
}

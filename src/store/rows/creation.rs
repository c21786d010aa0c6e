//! Rows of requests that made something under a name.

use sqlx::FromRow;

use crate::store::Replay;
use crate::store::error::Error;

use super::Place;

#[derive(FromRow)]
pub(in crate::store) struct ReplayRow {
    name: String,
    request: Vec<u8>,
    answer: String,
    position: i64,
}

impl TryFrom<ReplayRow> for Replay {
    type Error = Error;

    fn try_from(row: ReplayRow) -> Result<Self, Error> {
        let place = Place::of("creations", &row.name);
        Ok(Self {
            request: place.bytes("request", &row.request)?,
            position: place.position("position", row.position)?,
            answer: row.answer,
        })
    }
}

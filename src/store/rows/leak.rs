//! Rows of reported secrets.

use sqlx::FromRow;

use crate::domain::leak::{Earlier, Flag, Place as FoundAt};
use crate::domain::{KeyId, Timestamp};
use crate::store::error::Error;

use super::Place;

#[derive(FromRow)]
pub(in crate::store) struct FlagRow {
    key: String,
    secret: String,
    reported_at: i64,
    source: Option<String>,
    url: Option<String>,
}

impl TryFrom<FlagRow> for Flag {
    type Error = Error;

    fn try_from(row: FlagRow) -> Result<Self, Error> {
        let place = Place::of("leak_reports", &row.key);
        Ok(Self {
            key: place.parse("key", &row.key)?,
            secret: place.parse("secret", &row.secret)?,
            at: Timestamp::from_millis(row.reported_at),
            place: FoundAt { source: row.source, url: row.url },
        })
    }
}

/// What a report says by its column `cleared_at`, if there is one.
pub(in crate::store) fn earlier(report: Option<(Option<i64>,)>) -> Earlier {
    match report {
        None => Earlier::Never,
        Some((None,)) => Earlier::Flagged,
        Some((Some(_),)) => Earlier::Settled,
    }
}

/// The keys in the order of what was asked, of which each row has the place from 0.
pub(in crate::store) fn owners(asked: usize, rows: Vec<(i64, String)>) -> Result<Vec<Option<KeyId>>, Error> {
    let mut owners = vec![None; asked];
    for (at, key) in rows {
        let place = Place::of("api_key_secrets", &at);
        let at: usize = place.number("key", at)?;
        *owners.get_mut(at).ok_or_else(|| place.corrupt("key"))? = Some(place.parse("key", &key)?);
    }
    Ok(owners)
}

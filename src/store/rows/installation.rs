//! Rows of the installation: itself, its data keys, its signing keys.

use sqlx::FromRow;

use crate::domain::Timestamp;
use crate::domain::signing_key::SigningKeyTimes;
use crate::store::error::Error;
use crate::store::{Founded, SealedKey, StoredSigningKey};

use super::Place;

#[derive(FromRow)]
pub(in crate::store) struct FoundedRow {
    issuer: String,
    created_at: i64,
    backup_mark: Option<String>,
}

impl From<FoundedRow> for Founded {
    fn from(row: FoundedRow) -> Self {
        Self {
            issuer: row.issuer,
            created_at: Timestamp::from_millis(row.created_at),
            backup_mark: row.backup_mark,
        }
    }
}

#[derive(FromRow)]
pub(in crate::store) struct DataKeyRow {
    name: String,
    sealed: Vec<u8>,
    created_at: i64,
}

impl From<DataKeyRow> for SealedKey {
    fn from(row: DataKeyRow) -> Self {
        Self { name: row.name, sealed: row.sealed, created_at: Timestamp::from_millis(row.created_at) }
    }
}

#[derive(FromRow)]
pub(in crate::store) struct SigningKeyRow {
    kid: String,
    purpose: String,
    algorithm: String,
    sealed: Vec<u8>,
    public: String,
    announced_at: i64,
    signs_from: i64,
    retires_at: Option<i64>,
    gone_at: Option<i64>,
}

impl TryFrom<SigningKeyRow> for StoredSigningKey {
    type Error = Error;

    fn try_from(row: SigningKeyRow) -> Result<Self, Error> {
        let place = Place::of("signing_keys", &row.kid);
        Ok(Self {
            kid: place.parse("kid", &row.kid)?,
            times: SigningKeyTimes {
                announced_at: Timestamp::from_millis(row.announced_at),
                signs_from: Timestamp::from_millis(row.signs_from),
                retires_at: row.retires_at.map(Timestamp::from_millis),
                gone_at: row.gone_at.map(Timestamp::from_millis),
            },
            purpose: place.parse("purpose", &row.purpose)?,
            algorithm: place.parse("algorithm", &row.algorithm)?,
            sealed: row.sealed,
            public: row.public,
        })
    }
}

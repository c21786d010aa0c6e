//! Rows of API keys and their secrets.

use sqlx::FromRow;

use crate::domain::{
    Allowlist, ApiKey, KeyDetails, KeyState, LastUse, Lifetime, SecretDigest, StoredSecret, Timestamp,
};
use crate::store::FoundKey;
use crate::store::error::Error;
use crate::store::import::{Known, KnownKey};

use super::{Place, limit};

#[derive(FromRow)]
pub(in crate::store) struct KeyRow {
    id: String,
    project: String,
    name: String,
    state: String,
    permissions: String,
    role: Option<String>,
    allowlist: String,
    audiences: String,
    token_lifetime: Option<i64>,
    require_scope: bool,
    auth_methods: String,
    live_tokens: Option<i64>,
    created_at: i64,
    expires_at: Option<i64>,
    changed: i64,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<Self, Error> {
        let place = Place::of("api_keys", &row.id);
        Ok(Self {
            id: place.parse("id", &row.id)?,
            project: place.parse("project", &row.project)?,
            state: state(&row.state).ok_or_else(|| place.corrupt("state"))?,
            details: KeyDetails {
                permissions: place.words("permissions", &row.permissions)?,
                role: row.role.map(|raw| place.parse("role", &raw)).transpose()?,
                allowlist: allowlist(place, &row.allowlist)?,
                audiences: place.words("audiences", &row.audiences)?,
                token_lifetime: row.token_lifetime.map(|secs| lifetime(place, secs)).transpose()?,
                require_scope: row.require_scope,
                live_tokens: limit(place, row.live_tokens)?,
                auth_methods: place.words("auth_methods", &row.auth_methods)?,
                expires_at: row.expires_at.map(Timestamp::from_millis),
                name: row.name,
            },
            created_at: Timestamp::from_millis(row.created_at),
            changed: place.position("changed", row.changed)?,
        })
    }
}

/// A key in a list, and what is known of its life.
#[derive(FromRow)]
pub(in crate::store) struct FoundKeyRow {
    #[sqlx(flatten)]
    key: KeyRow,
    last_used_at: Option<i64>,
    ends_at: Option<i64>,
}

impl TryFrom<FoundKeyRow> for FoundKey {
    type Error = Error;

    fn try_from(row: FoundKeyRow) -> Result<Self, Error> {
        Ok(Self {
            key: row.key.try_into()?,
            last_used: row.last_used_at.map(Timestamp::from_millis),
            ends_at: row.ends_at.map(Timestamp::from_millis),
        })
    }
}

fn state(raw: &str) -> Option<KeyState> {
    [KeyState::Active, KeyState::Blocked, KeyState::Deleted].into_iter().find(|state| state.as_str() == raw)
}

/// Only the empty text is the empty list: the domain's own reader would also take one of blanks
/// for it, and that admits every address.
fn allowlist(place: Place<'_>, raw: &str) -> Result<Allowlist, Error> {
    let networks: Allowlist = place.parse("allowlist", raw)?;
    if networks.to_string() == raw { Ok(networks) } else { Err(place.corrupt("allowlist")) }
}

fn lifetime(place: Place<'_>, secs: i64) -> Result<Lifetime, Error> {
    let secs = place.number("token_lifetime", secs)?;
    Lifetime::from_secs(secs).ok_or_else(|| place.corrupt("token_lifetime"))
}

#[derive(FromRow)]
pub(in crate::store) struct SecretRow {
    pub(super) id: i64,
    pub(super) digest: Vec<u8>,
    pub(super) created_at: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) last_used_at: Option<i64>,
    pub(super) last_used_from: Option<String>,
}

impl TryFrom<SecretRow> for StoredSecret {
    type Error = Error;

    fn try_from(row: SecretRow) -> Result<Self, Error> {
        let place = Place::of("api_key_secrets", &row.id);
        let from = row.last_used_from.map(|raw| place.parse("last_used_from", &raw)).transpose()?;
        let at = row.last_used_at.map(Timestamp::from_millis);
        Ok(Self {
            digest: SecretDigest::from_bytes(place.bytes("digest", &row.digest)?),
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_millis),
            last_used: at.map(|at| LastUse { at, from }),
        })
    }
}

/// What is known of a key that is to be imported.
#[derive(FromRow)]
pub(in crate::store) struct KnownRow {
    created_at: Option<i64>,
    is_same: bool,
    secret_in_use: bool,
}

impl From<KnownRow> for Known {
    fn from(row: KnownRow) -> Self {
        let created_at = row.created_at.map(Timestamp::from_millis);
        let key = created_at.map(|created_at| KnownKey { is_same: row.is_same, created_at });
        Self { key, secret_in_use: row.secret_in_use }
    }
}

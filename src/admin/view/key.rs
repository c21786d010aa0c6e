//! API keys and their secrets, as they are shown.

use std::net::IpAddr;
use std::num::NonZeroU32;

use portcullis_guard::InvalidNetwork;
use serde::{Deserialize, Deserializer, Serialize};

use super::parsed;
use crate::domain::grant::MintRecord;
use crate::domain::leak::Flag;
use crate::domain::{
    ApiKey, Audience, AuthMethod, AuthMethods, KeyDetails, KeyId, KeyState, Lifetime, Position, ProjectId,
    RoleName, Scope, SecretId, StoredSecret, Timestamp,
};
use crate::keys::acts::Done;

/// A key in a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyRow {
    /// Its id.
    pub key_id: KeyId,
    /// Its project.
    pub project: ProjectId,
    /// What people call it.
    pub name: String,
    /// Whether it works.
    #[serde(deserialize_with = "parsed")]
    pub state: KeyState,
    /// What its tokens may do at most.
    pub permissions: Vec<Scope>,
    /// The role that it has, which may permit more.
    pub role: Option<RoleName>,
    /// Where it may be used from; anywhere, if empty.
    pub allowlist: Vec<String>,
    /// How it may authenticate; in any way, if empty.
    #[serde(deserialize_with = "methods")]
    pub auth_methods: AuthMethods,
    /// What its tokens may be meant for; the project's default, if empty.
    pub audiences: Vec<Audience>,
    /// How long its tokens live, in seconds.
    pub token_lifetime: u32,
    /// Whether a request must name its scope.
    pub require_scope: bool,
    /// How many of its tokens may live at once.
    pub live_tokens: Option<NonZeroU32>,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// The position of its last entry in the feed.
    pub position: Position,
    /// Those of its secrets that were reported as leaked, until somebody clears that.
    pub flags: Vec<FlagRow>,
}

/// A secret that was reported as leaked.
#[derive(Debug, Serialize, Deserialize)]
pub struct FlagRow {
    /// Its public name.
    #[serde(deserialize_with = "parsed")]
    pub secret_id: SecretId,
    /// When it was reported.
    pub reported_at: i64,
    /// What kind of place it was found in, by the word of whoever reported it.
    pub source: Option<String>,
    /// Where that is, likewise.
    pub url: Option<String>,
}

impl From<Flag> for FlagRow {
    fn from(flag: Flag) -> Self {
        let Flag { secret, at, place, .. } = flag;
        Self { secret_id: secret, reported_at: at.secs(), source: place.source, url: place.url }
    }
}

/// What became of a key's flags.
#[derive(Debug, Serialize, Deserialize)]
pub struct FlagsCleared {
    /// The key.
    pub key_id: KeyId,
    /// Its project.
    pub project: ProjectId,
    /// How many there were.
    pub cleared: u64,
}

impl From<ApiKey> for KeyRow {
    fn from(key: ApiKey) -> Self {
        let details = key.details;
        Self {
            key_id: key.id,
            project: key.project,
            state: key.state,
            permissions: details.permissions.iter().cloned().collect(),
            allowlist: details.allowlist.networks().iter().map(ToString::to_string).collect(),
            token_lifetime: details.lifetime().secs(),
            require_scope: details.require_scope,
            live_tokens: details.live_tokens,
            auth_methods: details.auth_methods,
            created_at: key.created_at.secs(),
            expires_at: details.expires_at.map(Timestamp::secs),
            position: key.changed,
            flags: Vec::new(),
            audiences: details.audiences,
            role: details.role,
            name: details.name,
        }
    }
}

fn methods<'de, D: Deserializer<'de>>(from: D) -> Result<AuthMethods, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    names.iter().map(|name| name.parse::<AuthMethod>().map_err(serde::de::Error::custom)).collect()
}

impl KeyRow {
    /// What it is like. A lifetime of its tokens that is the longest is as if none were set.
    ///
    /// # Errors
    /// [`InvalidNetwork`], if its allowlist is none.
    pub fn details(&self) -> Result<KeyDetails, InvalidNetwork> {
        let lifetime = Lifetime::from_secs(self.token_lifetime);
        Ok(KeyDetails {
            name: self.name.clone(),
            permissions: self.permissions.iter().cloned().collect(),
            allowlist: self.allowlist.join(" ").parse()?,
            role: self.role.clone(),
            audiences: self.audiences.clone(),
            token_lifetime: lifetime.filter(|lifetime| *lifetime != Lifetime::LONGEST),
            require_scope: self.require_scope,
            live_tokens: self.live_tokens,
            auth_methods: self.auth_methods.clone(),
            expires_at: self.expires_at.map(Timestamp::from_secs),
        })
    }
}

/// A key by itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyWhole {
    /// The key.
    #[serde(flatten)]
    pub key: KeyRow,
    /// What its role permits.
    pub role_permissions: Vec<Scope>,
    /// Its secrets.
    pub secrets: Vec<SecretRow>,
}

impl KeyWhole {
    /// As it is stored.
    #[must_use]
    pub fn of(record: MintRecord, flags: Vec<Flag>) -> Self {
        let secrets = record.secrets.iter().map(SecretRow::of).collect();
        let role_permissions = record.role.iter().cloned().collect();
        let mut key = KeyRow::from(record.key);
        key.flags = flags.into_iter().map(FlagRow::from).collect();
        Self { key, role_permissions, secrets }
    }
}

/// One of a key's secrets, without the secret.
#[derive(Debug, Serialize, Deserialize)]
pub struct SecretRow {
    /// Its public name.
    #[serde(deserialize_with = "parsed")]
    pub secret_id: SecretId,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<i64>,
    /// From where.
    pub last_used_from: Option<IpAddr>,
}

impl SecretRow {
    /// As it is stored.
    #[must_use]
    pub fn of(secret: &StoredSecret) -> Self {
        let last = secret.last_used;
        Self {
            secret_id: secret.digest.id(),
            created_at: secret.created_at.secs(),
            expires_at: secret.expires_at.map(Timestamp::secs),
            last_used_at: last.map(|last| last.at.secs()),
            last_used_from: last.and_then(|last| last.from),
        }
    }
}

/// Something and a secret of it, which is shown this once.
#[derive(Debug, Serialize)]
pub struct Shown<'a, T> {
    /// What it is of.
    #[serde(flatten)]
    pub key: T,
    /// The secret.
    pub secret: &'a str,
}

/// An act on a key that was carried out.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyActed {
    /// The key.
    pub key_id: KeyId,
    /// Its project.
    pub project: ProjectId,
    /// Where in the feed the act stands.
    pub position: Position,
    /// Whether tokens that were out are dead.
    pub tokens_revoked: bool,
}

impl KeyActed {
    /// What was done to this key.
    #[must_use]
    pub fn of(key: &KeyId, done: &Done) -> Self {
        Self {
            key_id: key.clone(),
            project: done.project.clone(),
            position: done.position,
            tokens_revoked: done.narrowed,
        }
    }
}

/// A secret that was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct SecretAdded {
    /// The key.
    #[serde(flatten)]
    pub done: KeyActed,
    /// The secret's public name.
    #[serde(deserialize_with = "parsed")]
    pub secret_id: SecretId,
    /// When it ends.
    pub expires_at: Option<i64>,
}

/// A secret that was given an end.
#[derive(Debug, Serialize, Deserialize)]
pub struct SecretEnded {
    /// The key.
    #[serde(flatten)]
    pub done: KeyActed,
    /// The secret's public name.
    #[serde(deserialize_with = "parsed")]
    pub secret_id: SecretId,
    /// When it ends; absent if it ended at once.
    pub expires_at: Option<i64>,
}

//! Keys that somebody might do without, as they are shown.

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::hygiene::Finding;
use crate::domain::leak::Flag;
use crate::domain::{KeyId, KeyState, ProjectId, RoleName, Scope, Timestamp};
use crate::keys::hygiene::Examined;
use crate::store::FoundKey;

use super::{KeyRow, parsed};

/// A key in a list, and what is known of its life.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyFound {
    /// The key.
    #[serde(flatten)]
    pub key: KeyRow,
    /// When one of its secrets was used last, to the minute.
    pub last_used_at: Option<i64>,
    /// From when on nobody can use it: its own end, or that of the last of its secrets.
    pub ends_at: Option<i64>,
}

impl From<FoundKey> for KeyFound {
    fn from(found: FoundKey) -> Self {
        let FoundKey { key, last_used, ends_at } = found;
        let secs = |at: Option<Timestamp>| at.map(Timestamp::secs);
        Self { key: key.into(), last_used_at: secs(last_used), ends_at: secs(ends_at) }
    }
}

impl KeyFound {
    /// Keys with those of these flags that are theirs.
    #[must_use]
    pub fn all(found: Vec<FoundKey>, flags: Vec<Flag>) -> Vec<Self> {
        let mut rows: Vec<Self> = found.into_iter().map(Self::from).collect();
        for flag in flags {
            if let Some(row) = rows.iter_mut().find(|row| row.key.key_id == flag.key) {
                row.key.flags.push(flag.into());
            }
        }
        rows
    }
}

/// A key of which there is something to say.
#[derive(Debug, Serialize, Deserialize)]
pub struct HygieneRow {
    /// Its id.
    pub key_id: KeyId,
    /// Its project.
    pub project: ProjectId,
    /// What people call it.
    pub name: String,
    /// Whether it works.
    #[serde(deserialize_with = "parsed")]
    pub state: KeyState,
    /// The role that it has.
    pub role: Option<RoleName>,
    /// What there is to say.
    #[serde(deserialize_with = "findings")]
    pub findings: Vec<&'static str>,
    /// When one of its secrets was used last, to the minute.
    pub last_used_at: Option<i64>,
    /// From when on nobody can use it.
    pub ends_at: Option<i64>,
    /// Its permissions and its role's by which no token was granted anything; none, if that cannot be known.
    pub unused_permissions: Option<Vec<Scope>>,
    /// Since when: the issuance log was read back to there.
    pub since: i64,
}

fn findings<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<&'static str>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    let known = |word: &String| Finding::ALL.map(Finding::as_str).into_iter().find(|known| known == word);
    let found: Option<_> = words.iter().map(known).collect();
    found.ok_or_else(|| serde::de::Error::custom("it is no finding"))
}

impl From<Examined> for HygieneRow {
    fn from(examined: Examined) -> Self {
        let Examined { found, findings, unused, since } = examined;
        let FoundKey { key, last_used, ends_at } = found;
        Self {
            key_id: key.id,
            project: key.project,
            name: key.details.name,
            state: key.state,
            role: key.details.role,
            findings: findings.into_iter().map(Finding::as_str).collect(),
            last_used_at: last_used.map(Timestamp::secs),
            ends_at: ends_at.map(Timestamp::secs),
            unused_permissions: unused.map(|unused| unused.iter().cloned().collect()),
            since: since.secs(),
        }
    }
}

//! What is the whole installation's, as it is shown: signing keys, nodes.

use serde::{Deserialize, Serialize};

use super::parsed;
use crate::domain::signing_key::{SigningKeyState, SigningPurpose};
use crate::domain::{Position, SigningAlgorithm, SigningKeyId, Timestamp};
use crate::store::{Heartbeat, StoredSigningKey};

/// A signing key.
#[derive(Debug, Serialize, Deserialize)]
pub struct SigningKeyRow {
    /// Its id.
    pub kid: SigningKeyId,
    /// What it signs.
    pub purpose: SigningPurpose,
    /// Its algorithm.
    #[serde(deserialize_with = "parsed")]
    pub algorithm: SigningAlgorithm,
    /// Where in its life it is.
    pub state: SigningKeyState,
    /// When it was announced.
    pub announced_at: i64,
    /// From when on it signs.
    pub signs_from: i64,
    /// From when on it does not.
    pub retires_at: Option<i64>,
    /// From when on nothing that it signed is good.
    pub gone_at: Option<i64>,
}

impl SigningKeyRow {
    /// As it is now.
    #[must_use]
    pub fn of(key: &StoredSigningKey, now: Timestamp) -> Self {
        Self {
            kid: key.kid.clone(),
            purpose: key.purpose,
            algorithm: key.algorithm,
            state: key.times.state(now),
            announced_at: key.times.announced_at.secs(),
            signs_from: key.times.signs_from.secs(),
            retires_at: key.times.retires_at.map(Timestamp::secs),
            gone_at: key.times.gone_at.map(Timestamp::secs),
        }
    }
}

/// What became of the set of signing keys.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rotated {
    /// The one that was retired at once.
    pub retired: Option<SigningKeyId>,
    /// The one that was made.
    pub new: Option<SigningKeyRow>,
}

/// A running server.
#[derive(Debug, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its name, new with every start.
    pub node: String,
    /// When it started.
    pub started_at: i64,
    /// When it gave its last sign of life.
    pub seen_at: i64,
    /// How far it has applied the feed.
    pub applied: Position,
    /// How far the feed goes.
    pub position: Position,
    /// How old its copy of the feed was, in milliseconds.
    pub age_ms: u64,
}

impl NodeRow {
    /// As it said, where the feed goes so far.
    #[must_use]
    pub fn of(node: Heartbeat, position: Position) -> Self {
        Self {
            node: node.node,
            started_at: node.started_at.secs(),
            seen_at: node.seen_at.secs(),
            applied: node.applied,
            position,
            age_ms: u64::try_from(node.age.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

//! Who has applied an act, by what the nodes say of themselves.
//!
//! A node that gave no sign of life for longer than a copy of the feed may be old admits nobody by its own
//! rule (design sections 5 and 7), so nobody has to wait for it. Not here: reading the signs (`store`), and
//! waiting for them (`keys::applied`).

use std::collections::HashMap;
use std::time::Duration;

use portcullis_guard::CLOCK_TOLERANCE;
use serde::{Deserialize, Serialize};

use super::{Position, Timestamp};

/// How far the clocks of two nodes may be apart while both admit anybody: each as far off the database's as
/// is tolerated, and not found out for as long as its answer may take, 3 s.
pub const CLOCKS_APART: Duration = Duration::from_secs(2 * (CLOCK_TOLERANCE.as_secs() + 3));

/// What a node said of itself last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// When, by its own clock.
    pub seen_at: Timestamp,
    /// How far it had applied the feed.
    pub applied: Position,
    /// Beyond which age its copy of the feed admits nobody.
    pub max_age: Duration,
}

/// How a node stands to an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has applied it.
    Applied,
    /// It has not said so, and may still admit somebody whom the act keeps out.
    Behind,
    /// It gives no sign of life: whatever it has applied, it admits nobody by its own rule.
    Stale,
}

impl Standing {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Behind => "behind",
            Self::Stale => "stale",
        }
    }
}

/// Somebody who watches the nodes from the moment that an act was committed.
#[derive(Debug)]
pub struct Watched {
    act: Position,
    /// What each said, and since when that is its last word.
    last: HashMap<String, (Sign, Duration)>,
}

impl Watched {
    /// Begins to watch, after the act at this position was committed.
    #[must_use]
    pub fn new(act: Position) -> Self {
        Self { act, last: HashMap::new() }
    }

    /// How a node stands that says this now, by a clock and by one that nobody sets.
    ///
    /// Whatever a node read before this sign began before it, and whatever it reads later it says later. So
    /// one whose last word is as old as its copy may be is stale, or has read since, and with it the act.
    /// The time that it was watched needs no clock but one; what a node was silent before that is told by
    /// two clocks, of which neither may be right.
    pub fn look(&mut self, node: &str, sign: Sign, now: Timestamp, monotonic: Duration) -> Standing {
        let (said, since) = self.last.entry(node.to_owned()).or_insert((sign, monotonic));
        if *said != sign {
            (*said, *since) = (sign, monotonic);
        }
        let watched = monotonic.saturating_sub(*since);
        let silent = now.since(sign.seen_at).saturating_sub(CLOCKS_APART).max(watched);
        if sign.applied >= self.act {
            Standing::Applied
        } else if silent > sign.max_age {
            Standing::Stale
        } else {
            Standing::Behind
        }
    }
}

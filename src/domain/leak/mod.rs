//! Secrets that somebody has found where they do not belong: what a report may say (`report.rs`), what is
//! kept of it (`place.rs`), who may sign one (`signers.rs`), and what it does to the key.
//!
//! A full secret is its own proof, so anybody may report one. What is not a secret of ours, or is no more,
//! does nothing to any key; what was reported before does nothing a second time.

mod place;
pub mod report;
mod signers;

use std::fmt;
use std::str::FromStr;

use portcullis_guard::{KeyId, Timestamp};
use serde::{Deserialize, Serialize};

use super::api_key::KeyState;
use super::secret_id::SecretId;

pub use place::{Place, note_without_secrets};
pub use signers::{InvalidSigners, Signers};

/// What a project wants done to a key of which a live secret is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLeak {
    /// It is blocked at once, and flagged.
    #[default]
    Block,
    /// It is flagged for an administrator, and works on.
    Flag,
}

/// A text that is no [`OnLeak`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("on a leak a key is blocked or flagged: `block` or `flag`")]
pub struct InvalidOnLeak;

impl OnLeak {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Block, Self::Flag];

    /// As the database and the API write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Flag => "flag",
        }
    }
}

impl FromStr for OnLeak {
    type Err = InvalidOnLeak;

    fn from_str(raw: &str) -> Result<Self, InvalidOnLeak> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == raw).ok_or(InvalidOnLeak)
    }
}

impl fmt::Display for OnLeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A report of one of a key's secrets that nobody has cleared yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The key.
    pub key: KeyId,
    /// The public name of its secret.
    pub secret: SecretId,
    /// When it was reported.
    pub at: Timestamp,
    /// Where it was found.
    pub place: Place,
}

/// Whether a secret was reported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// It was not.
    Never,
    /// It was, and its key is flagged.
    Flagged,
    /// It was, and nothing is left to be done about that.
    Settled,
}

/// What is known of a reported secret and its key.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// What the key's project wants.
    pub policy: OnLeak,
    /// Whether the key works.
    pub state: KeyState,
    /// Whether the secret still is one of the key's.
    pub live: bool,
    /// Whether it was reported before.
    pub earlier: Earlier,
}

/// What a report does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// It is written down.
    pub notes: bool,
    /// And there is something left to be done, so the key is flagged.
    pub flags: bool,
    /// The key is blocked.
    pub blocks: bool,
}

impl Standing {
    /// What a report does now. Whoever repeats one changes nothing, unless an administrator has meanwhile: has
    /// cleared the flag, unblocked the key, or wants keys to be blocked. So strangers can add no more to the
    /// audit log than one row for each secret that there was, and two for each such act.
    #[must_use]
    pub fn response(&self) -> Response {
        let at_large = self.live && self.state != KeyState::Deleted;
        let notes = match self.earlier {
            Earlier::Never => true,
            Earlier::Flagged => false,
            Earlier::Settled => at_large,
        };
        let blocks = at_large && self.state == KeyState::Active && self.policy == OnLeak::Block;
        Response { notes, flags: notes && at_large, blocks }
    }
}

/// What became of a report, for whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is no secret of any key.
    Unknown,
    /// Nothing was left to be done.
    Known,
    /// It was written down.
    Noted,
    /// The key was flagged.
    Flagged,
    /// The key was blocked.
    Blocked,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Known, Self::Noted, Self::Flagged, Self::Blocked];

    /// Of what was done.
    #[must_use]
    pub const fn of(response: Response) -> Self {
        match response {
            Response { blocks: true, .. } => Self::Blocked,
            Response { flags: true, .. } => Self::Flagged,
            Response { notes: true, .. } => Self::Noted,
            _ => Self::Known,
        }
    }

    /// As metrics and logs name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Known => "known",
            Self::Noted => "noted",
            Self::Flagged => "flagged",
            Self::Blocked => "blocked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(policy: OnLeak, state: KeyState, live: bool, earlier: Earlier) -> (bool, bool, bool) {
        let Response { notes, flags, blocks } = Standing { policy, state, live, earlier }.response();
        (notes, flags, blocks)
    }

    #[test]
    fn a_live_secret_of_an_active_key_is_answered_as_the_project_wants_and_all_else_only_noted() {
        use Earlier::{Flagged, Never, Settled};
        use KeyState::{Active, Blocked, Deleted};
        use OnLeak::{Block, Flag};
        for (policy, state, live, earlier, expected) in [
            (Block, Active, true, Never, (true, true, true)),
            (Flag, Active, true, Never, (true, true, false)),
            // Replays.
            (Block, Blocked, true, Flagged, (false, false, false)),
            (Flag, Active, true, Flagged, (false, false, false)),
            // An administrator has unblocked it, or wants it blocked now, or has cleared the flag.
            (Block, Active, true, Flagged, (false, false, true)),
            (Block, Active, true, Settled, (true, true, true)),
            (Flag, Active, true, Settled, (true, true, false)),
            // Blocked for another reason: whoever unblocks it should know.
            (Block, Blocked, true, Never, (true, true, false)),
            // Nothing is left to be done, once and for all.
            (Block, Active, false, Never, (true, false, false)),
            (Block, Deleted, false, Never, (true, false, false)),
            (Block, Active, false, Settled, (false, false, false)),
            (Block, Deleted, true, Settled, (false, false, false)),
        ] {
            assert_eq!(
                response(policy, state, live, earlier),
                expected,
                "{policy} {state} {live} {earlier:?}"
            );
        }
    }

    #[test]
    fn a_report_that_was_answered_changes_nothing_when_it_is_repeated() {
        for policy in OnLeak::ALL {
            for state in [KeyState::Active, KeyState::Blocked, KeyState::Deleted] {
                for (live, earlier) in [true, false]
                    .into_iter()
                    .flat_map(|live| [Earlier::Never, Earlier::Flagged, Earlier::Settled].map(|e| (live, e)))
                {
                    let first = Standing { policy, state, live, earlier }.response();
                    let state = if first.blocks { KeyState::Blocked } else { state };
                    let earlier = match first {
                        Response { notes: true, flags: true, .. } => Earlier::Flagged,
                        Response { notes: true, .. } => Earlier::Settled,
                        _ => earlier,
                    };
                    let second = Standing { policy, state, live, earlier }.response();
                    assert_eq!((second.notes, second.blocks), (false, false));
                }
            }
        }
    }
}

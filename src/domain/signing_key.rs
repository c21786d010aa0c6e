//! The life of a signing key: announced, signing, retiring, gone.

use std::fmt;
use std::time::Duration;

use portcullis_guard::Timestamp;
use serde::Serialize;

use super::api_key::LONGEST_LIFETIME_SECS;

/// A signing key is published this long before it signs, so that every cache of the public keys
/// (`max-age=300`) has it in time.
pub const ANNOUNCED_FOR: Duration = Duration::from_mins(10);

/// When a signing key enters each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningKeyTimes {
    /// Published from here on.
    pub announced_at: Timestamp,
    /// Signs from here on.
    pub signs_from: Timestamp,
    /// Signs no longer.
    pub retires_at: Option<Timestamp>,
    /// Published no longer.
    pub gone_at: Option<Timestamp>,
}

/// Where in its life a signing key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningKeyState {
    /// Published, does not sign yet.
    Announced,
    /// Signs.
    Signing,
    /// Signs no longer; its last tokens still live.
    Retiring,
    /// Nothing that it signed is alive.
    Gone,
}

impl SigningKeyTimes {
    /// Where in its life the key is.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SigningKeyState {
        let past = |at: Option<Timestamp>| at.is_some_and(|at| now >= at);
        match () {
            () if past(self.gone_at) => SigningKeyState::Gone,
            () if past(self.retires_at) => SigningKeyState::Retiring,
            () if now >= self.signs_from => SigningKeyState::Signing,
            () => SigningKeyState::Announced,
        }
    }

    /// The same key, retired at `at`: gone when the last token that it may have signed is dead.
    #[must_use]
    pub fn retired(self, at: Timestamp) -> Self {
        let gone = at.after(Duration::from_secs(LONGEST_LIFETIME_SECS.into()));
        Self { retires_at: Some(at), gone_at: Some(gone), ..self }
    }
}

impl SigningKeyState {
    /// Whether the public half is in the JWK set.
    #[must_use]
    pub fn is_published(self) -> bool {
        self != Self::Gone
    }

    /// Whether it signs.
    #[must_use]
    pub fn is_signing(self) -> bool {
        self == Self::Signing
    }
}

impl fmt::Display for SigningKeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Announced => "announced",
            Self::Signing => "signing",
            Self::Retiring => "retiring",
            Self::Gone => "gone",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_last_token_is_dead() {
        let start = Timestamp::from_secs(1_000_000);
        let key = SigningKeyTimes {
            announced_at: start,
            signs_from: start.after(ANNOUNCED_FOR),
            retires_at: None,
            gone_at: None,
        }
        .retired(start.after(Duration::from_hours(1)));
        let states = [(0, "announced"), (599, "announced"), (600, "signing"), (3599, "signing")];
        let later = [(3600, "retiring"), (4499, "retiring"), (4500, "gone"), (1 << 30, "gone")];
        for (secs, expected) in states.into_iter().chain(later) {
            let state = key.state(start.after(Duration::from_secs(secs)));
            assert_eq!(state.to_string(), expected, "{secs}");
            assert_eq!(state.is_published(), expected != "gone");
        }
    }
}

//! The life of a signing key: announced, signing, retiring, gone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use portcullis_guard::{SigningKeyId, Timestamp};
use serde::{Deserialize, Serialize};

use super::algorithm::SigningAlgorithm;
use super::api_key::LONGEST_LIFETIME_SECS;

/// A signing key is published this long before it signs, so that every cache of the public keys
/// (`max-age=300`) has it in time.
pub const ANNOUNCED_FOR: Duration = Duration::from_mins(10);

/// What a signing key signs: tokens, or answers of the feed, and never the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningPurpose {
    /// Access tokens.
    Tokens,
    /// What guards are told of revocations.
    Feed,
}

/// A text that is no [`SigningPurpose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key is for tokens or for the feed")]
pub struct InvalidPurpose;

impl SigningPurpose {
    /// As the database has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Feed => "feed",
        }
    }
}

impl FromStr for SigningPurpose {
    type Err = InvalidPurpose;

    fn from_str(raw: &str) -> Result<Self, InvalidPurpose> {
        [Self::Tokens, Self::Feed].into_iter().find(|known| known.as_str() == raw).ok_or(InvalidPurpose)
    }
}

impl fmt::Display for SigningPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Signing keys that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What they sign.
    pub purpose: SigningPurpose,
    /// And how.
    pub algorithm: SigningAlgorithm,
}

impl Line {
    /// The feed is signed with Ed25519: every answer to a poll costs one signature.
    pub const FEED: Self = Self { purpose: SigningPurpose::Feed, algorithm: SigningAlgorithm::EdDsa };

    /// Those that sign tokens with this algorithm.
    #[must_use]
    pub const fn tokens(algorithm: SigningAlgorithm) -> Self {
        Self { purpose: SigningPurpose::Tokens, algorithm }
    }
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A signing key, as far as its life is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyLife {
    /// Its id.
    pub kid: SigningKeyId,
    /// What it signs, and how.
    pub line: Line,
    /// When it enters each state.
    pub times: SigningKeyTimes,
}

/// What becomes of the signing keys when a new one is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The life of the new one.
    pub new: SigningKeyTimes,
    /// Those whose life it shortens.
    pub retired: Vec<SigningKeyLife>,
}

/// A new key of this line is announced now and signs once everybody knows it; those before it
/// retire then.
#[must_use]
pub fn rotate(keys: &[SigningKeyLife], line: Line, now: Timestamp) -> Succession {
    let signs_from = now.after(ANNOUNCED_FOR);
    let new = SigningKeyTimes { announced_at: now, signs_from, retires_at: None, gone_at: None };
    let predecessors = keys.iter().filter(|key| key.line == line && key.goes_on(now));
    let retire =
        |key: &SigningKeyLife| SigningKeyLife { times: key.times.retired(signs_from), ..key.clone() };
    Succession { new, retired: predecessors.map(retire).collect() }
}

/// The emergency: this key is gone now, with all that it signed; if no other of its line is
/// left that signs, a new one does at once, announced or not. None if it is gone already or was
/// never there.
#[must_use]
pub fn retire_now(
    keys: &[SigningKeyLife],
    kid: &SigningKeyId,
    now: Timestamp,
) -> Option<(SigningKeyLife, Option<Succession>)> {
    let key = keys.iter().find(|key| key.kid == *kid && key.times.state(now).is_published())?;
    let times = SigningKeyTimes { retires_at: Some(now), gone_at: Some(now), ..key.times };
    let gone = SigningKeyLife { times, ..key.clone() };
    let others = keys.iter().filter(|other| other.kid != *kid && other.line == key.line);
    let left = others.clone().any(|other| other.times.state(now).is_signing());
    let new = SigningKeyTimes { announced_at: now, signs_from: now, retires_at: None, gone_at: None };
    Some((gone, (!left).then_some(Succession { new, retired: Vec::new() })))
}

/// Whether the newest key of this line is so old that its successor must be announced. A line
/// that nobody uses any more has none.
#[must_use]
pub fn rotation_is_due(keys: &[SigningKeyLife], line: Line, every: Duration, now: Timestamp) -> bool {
    let going_on = keys.iter().filter(|key| key.line == line && key.goes_on(now));
    going_on.map(|key| key.times.announced_at).max().is_some_and(|newest| now >= newest.after(every))
}

impl SigningKeyLife {
    /// Whether it signs, or will, and nobody has set its end.
    fn goes_on(&self, now: Timestamp) -> bool {
        self.times.retires_at.is_none() && self.times.state(now).is_published()
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

    fn key(kid: &str, algorithm: SigningAlgorithm, announced: i64) -> SigningKeyLife {
        let announced_at = Timestamp::from_secs(announced);
        let times = SigningKeyTimes {
            announced_at,
            signs_from: announced_at.after(ANNOUNCED_FOR),
            retires_at: None,
            gone_at: None,
        };
        SigningKeyLife { kid: kid.parse().unwrap(), line: Line::tokens(algorithm), times }
    }

    #[test]
    fn a_rotation_leaves_no_moment_without_a_signing_key() {
        let now = Timestamp::from_secs(1_000_000);
        let old = key("old", SigningAlgorithm::Es256, 0);
        let other = key("other", SigningAlgorithm::EdDsa, 0);
        let feed = SigningKeyLife { line: Line::FEED, ..key("feed", SigningAlgorithm::EdDsa, 0) };
        let change = rotate(&[old, other, feed.clone()], Line::tokens(SigningAlgorithm::Es256), now);
        assert_eq!(change.retired.len(), 1, "another algorithm is another line");
        assert!(rotate(&[feed], Line::tokens(SigningAlgorithm::EdDsa), now).retired.is_empty());
        let retired = change.retired[0].times;
        for secs in 0..3000 {
            let at = now.after(Duration::from_secs(secs));
            let signing = [retired.state(at), change.new.state(at)].map(SigningKeyState::is_signing);
            assert_eq!(signing, [secs < 600, secs >= 600], "{secs}");
            assert_eq!(retired.state(at).is_published(), secs < 600 + 900, "{secs}");
        }
    }

    #[test]
    fn a_rotation_is_due_once() {
        let (every, es256) = (Duration::from_hours(720), SigningAlgorithm::Es256);
        let line = Line::tokens(es256);
        let due =
            |keys: &[SigningKeyLife], secs| rotation_is_due(keys, line, every, Timestamp::from_secs(secs));
        let month = 720 * 3600;
        let mut keys = vec![key("old", es256, 0)];
        assert!(!due(&keys, month - 1) && due(&keys, month));
        let change = rotate(&keys, line, Timestamp::from_secs(month));
        keys = change.retired;
        keys.push(SigningKeyLife { times: change.new, ..key("new", es256, 0) });
        assert!(!due(&keys, month + 1) && !due(&keys, 2 * month - 1) && due(&keys, 2 * month));
        assert!(!due(&[], month), "an algorithm that nobody chose has no line");
    }

    #[test]
    fn an_emergency_needs_a_new_key_only_if_none_is_left_that_signs() {
        let (now, es256) = (Timestamp::from_secs(1_000_000), SigningAlgorithm::Es256);
        let (first, second) = (key("first", es256, 0), key("second", es256, 1));
        let (gone, new) = retire_now(std::slice::from_ref(&first), &first.kid, now).unwrap();
        assert_eq!(gone.times.state(now), SigningKeyState::Gone);
        assert_eq!(new.unwrap().new.state(now), SigningKeyState::Signing);
        assert!(retire_now(&[first.clone(), second], &first.kid, now).unwrap().1.is_none());
        assert!(retire_now(&[gone], &first.kid, now).is_none(), "it is gone already");
    }
}

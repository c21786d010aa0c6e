//! A token, as its holder has it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::answer::Granted;
use super::pace::Worth;
use super::wanted::Wanted;
use crate::clock::{Clock, Moment};
use crate::scope::ScopeSet;
use crate::time::Timestamp;

/// An access token. Cheap to clone; wiped from memory with its last copy, and never shown but by
/// [`Token::expose`].
#[derive(Clone)]
pub struct Token(Arc<Held>);

struct Held {
    granted: Granted,
    wanted: Wanted,
    /// Before it was minted: its life is over no later than it seems here.
    asked: Moment,
}

impl Token {
    pub(super) fn new(granted: Granted, wanted: Wanted, asked: Moment) -> Self {
        Self(Arc::new(Held { granted, wanted, asked }))
    }

    /// The text, for the header `Authorization: Bearer …`, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.granted.token
    }

    /// What it is good for.
    #[must_use]
    pub fn scope(&self) -> &ScopeSet {
        &self.0.granted.scope
    }

    /// When it ends, by the source's own clock, or a little later.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.0.asked.wall().after(self.0.granted.lifetime)
    }

    pub(super) fn wanted(&self) -> &Wanted {
        &self.0.wanted
    }

    pub(super) fn age(&self, clock: &dyn Clock) -> Duration {
        self.0.asked.age(clock)
    }

    pub(super) fn worth(&self, clock: &dyn Clock, margin: Duration) -> Worth {
        Worth::of(self.age(clock), self.0.granted.lifetime, margin)
    }

    /// Whether both are the same, not only alike.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

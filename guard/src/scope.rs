//! What a token may do: scope values, sets of them, and what covers what (RFC 6749 §3.3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::parse::parsed;

/// The first segment that belongs to Portcullis itself.
const RESERVED: &str = "portcullis";

/// A text that is no scope, or no list of scopes, by RFC 6749 appendix A.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// A value outside the grammar.
    #[error(
        "a scope value is visible ASCII without quote and backslash, and its parts between colons are not empty"
    )]
    Grammar,
    /// More values than a token could ever carry.
    #[error("more than {} scope values", ScopeSet::MOST)]
    TooMany,
}

/// One scope value, for example `orders:read`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<str>);

impl Scope {
    /// Longest accepted value, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// The value as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether whoever holds this value also holds `wanted`: they are equal, or this one ends in
    /// `:*` and `wanted` has the segments before the `*` as a strict prefix. A wildcard never
    /// covers a reserved value: those are held by name or not at all.
    #[must_use]
    pub fn covers(&self, wanted: &Self) -> bool {
        self == wanted || (!wanted.is_reserved() && self.matches_as_wildcard(wanted))
    }

    fn matches_as_wildcard(&self, wanted: &Self) -> bool {
        // `campaign:*` gives `campaign:`; what is left of `wanted` after it is never empty,
        // because no segment is.
        self.0.strip_suffix('*').is_some_and(|prefix| {
            prefix.ends_with(':') && wanted.0.len() > prefix.len() && wanted.0.starts_with(prefix)
        })
    }

    /// Whether this value belongs to Portcullis itself (`portcullis` or `portcullis:…`).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.split(':').next() == Some(RESERVED)
    }

    /// Whether this value is a wildcard, like `campaign:*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.ends_with(":*")
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    /// Follows `scope-token = 1*NQCHAR` (RFC 6749 appendix A.4), and refuses empty segments:
    /// `orders:` would otherwise be covered by `orders:*`.
    fn from_str(raw: &str) -> Result<Self, InvalidScope> {
        let nqchar = |b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        let fits = raw.len() <= Self::MAX_BYTES && raw.bytes().all(nqchar);
        if fits && raw.split(':').all(|part| !part.is_empty()) {
            Ok(Self(raw.into()))
        } else {
            Err(InvalidScope::Grammar)
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parsed(from)
    }
}

/// A set of scope values, written in order and divided by single spaces. May be empty.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// The most values that one list may name.
    pub const MOST: usize = 256;

    /// The values, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this very value is in the set.
    #[must_use]
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// Adds a value; tells whether it is new.
    pub fn insert(&mut self, scope: Scope) -> bool {
        self.0.insert(scope)
    }

    /// Whether a value of the set covers `wanted`.
    #[must_use]
    pub fn covers(&self, wanted: &Scope) -> bool {
        self.0.contains(wanted) || self.0.iter().any(|held| held.covers(wanted))
    }

    /// Whether each value of `wanted` is covered.
    #[must_use]
    pub fn covers_all(&self, wanted: &Self) -> bool {
        wanted.iter().all(|scope| self.covers(scope))
    }
}

impl FromStr for ScopeSet {
    type Err = InvalidScope;

    /// Follows `scope = scope-token *( SP scope-token )` (RFC 6749 §3.3); the empty text is the
    /// empty set. A value named twice counts once.
    fn from_str(raw: &str) -> Result<Self, InvalidScope> {
        if raw.is_empty() {
            return Ok(Self::default());
        }
        if raw.split(' ').nth(Self::MOST).is_some() {
            return Err(InvalidScope::TooMany);
        }
        raw.split(' ').map(str::parse).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl Extend<Scope> for ScopeSet {
    fn extend<I: IntoIterator<Item = Scope>>(&mut self, scopes: I) {
        self.0.extend(scopes);
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parsed(from)
    }
}

//! What an answer of the feed consists of: the statement about it, and the entries in its body.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::claims::present;
use crate::id::{InvalidId, Position, ProjectId};
use crate::parse::parsed;
use crate::revocation::{Revocation, Target};
use crate::time::Timestamp;

/// A random mark of an entry. The same position with another mark is another history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag([u8; 8]);

impl Tag {
    /// From random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Tag {
    type Err = InvalidId;

    /// Sixteen lower-case hex digits.
    fn from_str(raw: &str) -> Result<Self, InvalidId> {
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let number = u64::from_str_radix(raw, 16).ok();
        let number = number.filter(|_| raw.len() == 16 && raw.bytes().all(is_digit));
        number.map(|number| Self(number.to_be_bytes())).ok_or(InvalidId::new("tag"))
    }
}

/// What ties an answer to a request: 16 to 128 characters of base64url, drawn anew for each.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(Box<str>);

impl Nonce {
    /// From random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }
}

impl FromStr for Nonce {
    type Err = InvalidId;

    fn from_str(raw: &str) -> Result<Self, InvalidId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let fits = (16..=128).contains(&raw.len()) && raw.bytes().all(allowed);
        if fits { Ok(Self(raw.into())) } else { Err(InvalidId::new("nonce")) }
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// SHA-256 of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyHash([u8; 32]);

impl BodyHash {
    /// Of this body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(digest(&SHA256, body).as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }
}

impl fmt::Display for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for BodyHash {
    type Err = InvalidId;

    fn from_str(raw: &str) -> Result<Self, InvalidId> {
        let bytes = URL_SAFE_NO_PAD.decode(raw).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(InvalidId::new("hash"))
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                parsed(from)
            }
        }
    )*};
}

as_text!(Tag, Nonce, BodyHash);

/// What is said of an answer, and signed: a JWS of the type [`crate::feed_rules::TYPE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Whose feed it is.
    pub iss: Box<str>,
    /// Whose entries these are.
    pub prj: ProjectId,
    /// That of the request.
    pub nonce: Nonce,
    /// From where on the body holds entries: what was asked for or, in a stream, the position of
    /// the event before.
    pub since: Position,
    /// The mark of the entry at `since`; absent in a snapshot.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub since_tag: Option<Tag>,
    /// Whether the body begins at the beginning, whatever was asked for: `since` is of another
    /// history, beyond what is known, or too long ago.
    pub snapshot: bool,
    /// How far the body is complete.
    pub position: Position,
    /// The mark of the entry there.
    pub tag: Tag,
    /// How old the answering node's copy of the feed is, in milliseconds.
    pub age: u64,
    /// How long ago the request arrived, in milliseconds.
    pub elapsed: u64,
    /// The answering node's clock, in milliseconds since 1970.
    pub now: Timestamp,
    /// SHA-256 of the body; of the one that the asker has, if the answer says that nothing changed.
    pub sha256: BodyHash,
}

/// A body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The entries, in order of their positions.
    pub entries: Vec<Entry>,
}

/// An entry: a revocation, and until when it must be remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands in the feed.
    pub position: Position,
    /// When it may be forgotten, in milliseconds since 1970; never, if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// What it is aimed at.
    #[serde(flatten)]
    pub target: Target,
}

impl From<&Entry> for Revocation {
    fn from(entry: &Entry) -> Self {
        Self { target: entry.target.clone(), position: entry.position, ends: entry.ends }
    }
}

//! What an access token says: the claims of RFC 9068 and ours.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::id::{Audience, KeyId, Position, ProjectId, SigningKeyId, TokenId};
use crate::network::Allowlist;
use crate::scope::ScopeSet;
use crate::time::{Timestamp, seconds};

/// Tokens longer than this, in bytes, are neither minted nor looked at.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// The most links that a chain of exchanges may have behind a token.
pub const MAX_ANCESTORS: usize = 4;

/// The claims of an access token (RFC 9068 §2.2 and design section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Who signed it: the token server's public URL.
    pub iss: Box<str>,
    /// Who it speaks for: the key id, unless [`Claims::sub_kind`] says otherwise.
    pub sub: Box<str>,
    /// Where it may be used.
    pub aud: Audiences,
    /// The API key that minted it.
    pub client_id: KeyId,
    /// From this second on it is refused.
    #[serde(with = "seconds")]
    pub exp: Timestamp,
    /// The second in which it was minted.
    #[serde(with = "seconds")]
    pub iat: Timestamp,
    /// Its name.
    pub jti: TokenId,
    /// What it may do, includes expanded.
    pub scope: ScopeSet,
    /// The project that it belongs to.
    pub prj: ProjectId,
    /// The position at which its key's record was read.
    pub pos: Position,
    /// The networks it may be used from; absent means anywhere.
    #[serde(
        default,
        deserialize_with = "named_networks",
        skip_serializing_if = "Allowlist::is_unrestricted"
    )]
    pub ips: Allowlist,
    /// The web origins it may be used from; absent means any, or none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub org: Option<Vec<Box<str>>>,
    /// The tokens that it was exchanged from, nearest first.
    #[serde(default, deserialize_with = "few_ancestors", skip_serializing_if = "Vec::is_empty")]
    pub anc: Vec<Ancestor>,
    /// What kind of subject `sub` names; absent if it is the key itself.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub sub_kind: Option<Box<str>>,
    /// Who acts for the subject (RFC 8693 §4.1).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub act: Option<Value>,
    /// The proof that whoever presents it must give (RFC 7800).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Value>,
}

/// One link of a chain of exchanges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// The ancestor's `jti`.
    pub jti: TokenId,
    /// The API key that minted the ancestor.
    pub key: KeyId,
    /// The ancestor's position.
    pub pos: Position,
}

impl Claims {
    /// The smallest position of the whole chain: a revocation of the subject, the project or of
    /// all beyond it reaches the token.
    #[must_use]
    pub fn oldest_position(&self) -> Position {
        self.anc.iter().map(|link| link.pos).fold(self.pos, Position::min)
    }
}

/// Claims that nobody has vouched for: the signature is not checked yet. They serve to find out
/// which project's rules to judge by, and for nothing else.
#[derive(Debug)]
pub struct UnverifiedClaims(pub(crate) Claims);

impl UnverifiedClaims {
    /// The project that the token says it belongs to.
    #[must_use]
    pub fn project(&self) -> &ProjectId {
        &self.0.prj
    }
}

/// Claims whose signature was checked, and the signing key that made it. They may still be
/// expired, revoked, or meant for somebody else.
#[derive(Clone, Debug)]
pub struct VerifiedClaims {
    pub(crate) kid: SigningKeyId,
    pub(crate) claims: Claims,
}

impl VerifiedClaims {
    /// The signing key.
    #[must_use]
    pub fn kid(&self) -> &SigningKeyId {
        &self.kid
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// One or more audiences: a string if one, an array if more (RFC 7519 §4.1.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Audiences(Vec<Audience>);

impl Audiences {
    /// From at least one audience, sorted, each once; `None` if there is none.
    #[must_use]
    pub fn new(audiences: impl IntoIterator<Item = Audience>) -> Option<Self> {
        let mut audiences: Vec<_> = audiences.into_iter().collect();
        audiences.sort();
        audiences.dedup();
        (!audiences.is_empty()).then_some(Self(audiences))
    }

    /// The audiences.
    pub fn iter(&self) -> impl Iterator<Item = &Audience> {
        self.0.iter()
    }

    /// Whether this one is named.
    #[must_use]
    pub fn contains(&self, audience: &Audience) -> bool {
        self.0.contains(audience)
    }
}

impl fmt::Debug for Audiences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Audiences {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(to),
            more => more.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Audiences {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Shape {
            One(Audience),
            More(Vec<Audience>),
        }
        let audiences = match Shape::deserialize(from)? {
            Shape::One(one) => vec![one],
            Shape::More(more) => more,
        };
        Self::new(audiences).ok_or_else(|| serde::de::Error::custom("no audience"))
    }
}

/// A claim that restricts is absent or it holds. `null` is neither: read as absent, it would widen.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// An `ips` that names nobody is never minted; read as "anywhere" it would widen.
fn named_networks<'de, D: Deserializer<'de>>(from: D) -> Result<Allowlist, D::Error> {
    let list = Allowlist::deserialize(from)?;
    if list.is_unrestricted() { Err(serde::de::Error::custom("an empty `ips`")) } else { Ok(list) }
}

fn few_ancestors<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Ancestor>, D::Error> {
    let links = Vec::<Ancestor>::deserialize(from)?;
    if links.len() <= MAX_ANCESTORS { Ok(links) } else { Err(serde::de::Error::custom("too many ancestors")) }
}

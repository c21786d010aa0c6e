//! The names of things: projects, API keys, tokens, signing keys, audiences, and the position in
//! the feed. Each is parsed at the door; inside the program none of them is a bare `String`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::parse::parsed;
use crate::time::Timestamp;

/// A text that is not a well-formed identifier of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed {0}")]
pub struct InvalidId(&'static str);

impl InvalidId {
    /// Of this kind.
    pub(crate) const fn new(what: &'static str) -> Self {
        Self(what)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(raw: &str) -> Result<Self, InvalidId> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=$max).contains(&raw.len()) && raw.bytes().all(allowed) {
                    Ok(Self(raw.into()))
                } else {
                    Err(InvalidId($what))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                parsed(from)
            }
        }
    };
}

text_id!(
    /// A project: `prj_` and 16 characters, or the built-in [`ProjectId::administration`].
    ProjectId,
    "project id",
    64,
    |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
);

text_id!(
    /// The public half of an API key, its OAuth `client_id`. Ours are `pk_live_…` and `pk_test_…`;
    /// imported keys keep the id they came with, so any visible ASCII but quotes passes.
    KeyId,
    "key id",
    128,
    |b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'\'' | b'<' | b'>' | b'&')
);

text_id!(
    /// The `kid` of a signing key: its thumbprint (RFC 7638).
    SigningKeyId,
    "signing key id",
    128,
    |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
);

text_id!(
    /// Where a token may be used: the `aud` of a token (RFC 9068 §3). An absolute URI without a
    /// fragment where it came as `resource` (RFC 8707 §2), any visible ASCII as `audience`.
    Audience,
    "audience",
    512,
    |b| b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'\\' | b'<' | b'>')
);

impl ProjectId {
    /// The built-in project that holds administrators' keys.
    pub const ADMINISTRATION: &'static str = "portcullis";

    /// The id of the built-in project.
    #[must_use]
    pub fn administration() -> Self {
        Self(Self::ADMINISTRATION.into())
    }
}

/// The `jti` of a token: 16 bytes, written as 22 characters of base64url. They are the time of
/// minting (6 bytes, milliseconds since 1970) and 80 random bits, so that ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// A new one.
    #[must_use]
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at.millis().to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        Self(bytes)
    }

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for TokenId {
    type Err = InvalidId;

    fn from_str(raw: &str) -> Result<Self, InvalidId> {
        let mut bytes = [0; 16];
        match URL_SAFE_NO_PAD.decode_slice(raw, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            _ => Err(InvalidId("token id")),
        }
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for TokenId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parsed(from)
    }
}

/// The value of the feed counter in the snapshot that a decision read. Every token carries it as
/// `pos`; a revocation at position N kills the tokens below N.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first entry.
    pub const START: Self = Self(0);

    /// From the counter's value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The counter's value.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_id_has_one_spelling() {
        let id = TokenId::from_bytes([0xFF; 16]);
        assert_eq!(id.to_string(), "_____________________w");
        assert_eq!(id.to_string().parse(), Ok(id));
        // The last character carries two bits; the others of it must be zero.
        for wrong in ["_____________________x", "_____________________w==", "____", ""] {
            assert!(wrong.parse::<TokenId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn token_ids_sort_by_the_time_of_minting() {
        let earlier = TokenId::new(Timestamp::from_millis(1_795_327_200_250), [0xFF; 10]);
        let later = TokenId::new(Timestamp::from_millis(1_795_327_200_251), [0; 10]);
        assert!(earlier < later);
        assert_eq!(earlier.as_bytes()[..6], 1_795_327_200_250_i64.to_be_bytes()[2..]);
    }

    #[test]
    fn identifiers_refuse_what_could_break_out_of_a_log_line_or_a_page() {
        for wrong in ["", "a b", "a\nb", "a\0b", "é", "\"", "<b>", "a&b", &"x".repeat(129)] {
            assert!(wrong.parse::<KeyId>().is_err(), "{wrong:?}");
            assert!(wrong.parse::<ProjectId>().is_err(), "{wrong:?}");
        }
        assert!("3f1a-125l@shop:primary".parse::<KeyId>().is_ok());
        assert!("https://api.example.com/v1#part".parse::<Audience>().is_err());
    }
}

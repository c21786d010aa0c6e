//! The public name of a secret, by which people tell a key's secrets apart.
//!
//! It is made from the digest alone: the same on every node and in every backup, never passed on
//! from one secret to another, and it tells nothing of either.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::Serialize;

use super::base62;
use super::secret::SecretDigest;

/// What a name begins with.
const PREFIX: &str = "sec_";
/// How many characters follow: 71 bits, among the handful of secrets of one key.
const LENGTH: usize = 12;

/// The public name of a secret: `sec_` and 12 letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SecretId(Box<str>);

/// A text that is no [`SecretId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret's id is `sec_` and 12 letters and digits; it is never the secret itself")]
pub struct InvalidSecretId;

impl SecretDigest {
    /// The name of the secret that this is the digest of.
    #[must_use]
    pub fn id(&self) -> SecretId {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"portcullis-secret-id-1");
        hash.update(self.as_bytes());
        SecretId(format!("{PREFIX}{}", base62::encode::<LENGTH>(hash.finish().as_ref())).into())
    }
}

impl SecretId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretId {
    type Err = InvalidSecretId;

    fn from_str(raw: &str) -> Result<Self, InvalidSecretId> {
        let name = raw.strip_prefix(PREFIX).ok_or(InvalidSecretId)?;
        let fits = name.len() == LENGTH && base62::is_base62(name);
        if fits { Ok(Self(raw.into())) } else { Err(InvalidSecretId) }
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_name_that_nobody_can_mistake_for_it() {
        let (one, other) = (SecretDigest::from_bytes([1; 32]), SecretDigest::from_bytes([2; 32]));
        assert_eq!(one.id(), SecretDigest::from_bytes([1; 32]).id());
        assert_ne!(one.id(), other.id());
        assert_eq!(one.id().to_string().parse(), Ok(one.id()));
        for wrong in ["", "sec_", "sec_12345678901", "sec_1234567890123", "sec_12345678901-", "psk_live_x"] {
            assert_eq!(wrong.parse::<SecretId>(), Err(InvalidSecretId), "{wrong}");
        }
    }
}

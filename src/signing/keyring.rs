//! The signing keys in memory: parsed once, used for every token, published as a JWK set.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use portcullis_guard::KeySet;

use super::sealing::SealingKey;
use crate::domain::signing_key::SigningKeyTimes;
use crate::domain::{Claims, SigningKeyId, Timestamp};
use crate::entropy::Entropy;
use crate::store::StoredSigningKey;

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A stored signing key cannot be opened or read.
    #[error("the signing key {0} in the database is damaged")]
    Damaged(SigningKeyId),
    /// No signing key is in the state to sign.
    #[error("there is no signing key that signs now")]
    NoneSigns,
    /// The crypto library refused.
    #[error("a signature could not be made")]
    Crypto(#[source] jsonwebtoken::errors::Error),
}

/// The signing keys as of the last load.
pub struct Ring {
    keys: Vec<SigningKey>,
    public: Arc<KeySet>,
}

struct SigningKey {
    kid: SigningKeyId,
    algorithm: Algorithm,
    private: EncodingKey,
    jwk: Jwk,
    times: SigningKeyTimes,
}

/// A token as it leaves the house.
#[derive(Debug)]
pub struct SignedToken {
    /// The JWT.
    pub token: String,
    /// The signing key that made it.
    pub kid: SigningKeyId,
}

impl Ring {
    /// Opens stored signing keys.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn open(stored: &[StoredSigningKey], sealing: &SealingKey) -> Result<Self, Error> {
        let keys: Vec<SigningKey> =
            stored.iter().map(|key| SigningKey::open(key, sealing)).collect::<Result<_, _>>()?;
        let jwks: Vec<Jwk> = keys.iter().map(|key| key.jwk.clone()).collect();
        let damaged = |_| Error::Damaged(stored[0].kid.clone());
        let public = Arc::new(KeySet::new(&jwks).map_err(damaged)?);
        Ok(Self { keys, public })
    }

    /// The key that signs now: the one that began last.
    fn signer(&self, now: Timestamp) -> Result<&SigningKey, Error> {
        let signing = self.keys.iter().filter(|key| key.times.state(now).is_signing());
        signing.max_by_key(|key| key.times.signs_from).ok_or(Error::NoneSigns)
    }
}

impl SigningKey {
    fn open(stored: &StoredSigningKey, sealing: &SealingKey) -> Result<Self, Error> {
        let damaged = || Error::Damaged(stored.kid.clone());
        let pkcs8 = sealing.open(stored.kid.as_str(), &stored.sealed).map_err(|_| damaged())?;
        let (algorithm, private) = match stored.algorithm.as_str() {
            "ES256" => (Algorithm::ES256, EncodingKey::from_ec_der(&pkcs8)),
            _ => return Err(damaged()),
        };
        let jwk = public_jwk(&private, algorithm).ok_or_else(damaged)?;
        if jwk.common.key_id.as_deref() != Some(stored.kid.as_str()) {
            return Err(damaged());
        }
        Ok(Self { kid: stored.kid.clone(), algorithm, private, jwk, times: stored.times })
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

/// The signing keys of this process; what follows the feed may replace them.
#[derive(Debug)]
pub struct Keyring(RwLock<Arc<Ring>>);

impl Keyring {
    /// A keyring.
    #[must_use]
    pub fn new(ring: Ring) -> Self {
        Self(RwLock::new(Arc::new(ring)))
    }

    /// Puts another set in place.
    pub fn replace(&self, ring: Ring) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    fn ring(&self) -> Arc<Ring> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The public halves, for judging.
    #[must_use]
    pub fn public(&self) -> Arc<KeySet> {
        self.ring().public.clone()
    }

    /// The public halves, for the world (RFC 7517 §5): announced, signing and retiring.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> JwkSet {
        let ring = self.ring();
        let published = ring.keys.iter().filter(|key| key.times.state(now).is_published());
        JwkSet { keys: published.map(|key| key.jwk.clone()).collect() }
    }

    /// The id of the key that signs now.
    ///
    /// # Errors
    /// [`Error::NoneSigns`].
    pub fn signs_now(&self, now: Timestamp) -> Result<SigningKeyId, Error> {
        self.ring().signer(now).map(|key| key.kid.clone())
    }

    /// Signs an access token (RFC 9068 §2.1).
    ///
    /// # Errors
    /// [`Error::NoneSigns`] and [`Error::Crypto`].
    pub fn sign(&self, claims: &Claims, now: Timestamp) -> Result<SignedToken, Error> {
        let ring = self.ring();
        let key = ring.signer(now)?;
        let mut header = Header::new(key.algorithm);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(key.kid.to_string());
        let token = jsonwebtoken::encode(&header, claims, &key.private).map_err(Error::Crypto)?;
        Ok(SignedToken { token, kid: key.kid.clone() })
    }
}

/// Makes a new ES256 signing key, sealed; its id is its thumbprint (RFC 7638).
///
/// # Errors
/// [`Error::Crypto`].
///
/// # Panics
/// If the operating system gives no randomness.
pub fn generate(
    times: SigningKeyTimes,
    sealing: &SealingKey,
    entropy: &dyn Entropy,
) -> Result<StoredSigningKey, Error> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .expect("an operating system that gives no randomness cannot run a token server");
    let pkcs8 = pair.to_pkcs8v1().expect("a fresh key pair can be written out");
    let private = EncodingKey::from_ec_der(pkcs8.as_ref());
    let jwk = public_jwk(&private, Algorithm::ES256).expect("a fresh key pair has a public half");
    let kid: SigningKeyId =
        jwk.common.key_id.as_deref().and_then(|kid| kid.parse().ok()).expect("a thumbprint is base64url");
    let public = serde_json::to_string(&jwk).expect("a JWK is JSON");
    let sealed = sealing.seal(kid.as_str(), pkcs8.as_ref(), entropy);
    Ok(StoredSigningKey { kid, algorithm: "ES256".to_owned(), sealed, public, times })
}

/// The public half with `kid`, `use` and `alg`.
fn public_jwk(private: &EncodingKey, algorithm: Algorithm) -> Option<Jwk> {
    let mut jwk = Jwk::from_encoding_key(private, algorithm).ok()?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).ok()?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_algorithm = Some(match algorithm {
        Algorithm::ES256 => KeyAlgorithm::ES256,
        Algorithm::EdDSA => KeyAlgorithm::EdDSA,
        _ => KeyAlgorithm::RS256,
    });
    Some(jwk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::signing::{DataKeys, MasterKey};

    #[test]
    fn a_stored_signing_key_opens_and_publishes_no_private_member() {
        let start = Timestamp::from_secs(0);
        let (data_keys, _) = DataKeys::generate(&MasterKey::generate(&SystemEntropy), start, &SystemEntropy);
        let times =
            SigningKeyTimes { announced_at: start, signs_from: start, retires_at: None, gone_at: None };
        let stored = generate(times, &data_keys.signing, &SystemEntropy).unwrap();
        let keyring = Keyring::new(Ring::open(std::slice::from_ref(&stored), &data_keys.signing).unwrap());
        assert_eq!(keyring.signs_now(start).unwrap(), stored.kid);
        let published = serde_json::to_value(keyring.jwks(start)).unwrap();
        let members: Vec<&str> =
            published["keys"][0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        let moved = StoredSigningKey { kid: "another".parse().unwrap(), ..stored };
        assert!(matches!(Ring::open(&[moved], &data_keys.signing), Err(Error::Damaged(_))));
    }
}

//! The public halves of the signing keys, by `kid` (RFC 7517).

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::id::SigningKeyId;

/// The algorithms that a judge accepts unless told otherwise (design section 4).
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256];

/// Why a JWK set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeySet {
    /// No JSON document of the shape of RFC 7517 §5.
    #[error("not a JWK set")]
    Shape(#[from] serde_json::Error),
    /// Two keys share a `kid`: which one would be meant?
    #[error("two signing keys share the id {0}")]
    Ambiguous(SigningKeyId),
    /// A key's numbers make no key, or none that is long enough to be trusted.
    #[error("the signing key {0} is damaged")]
    Damaged(SigningKeyId),
}

/// A signing key's public half, and the one algorithm it is for.
#[derive(Debug)]
pub(crate) struct PublicKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
    pub(crate) identity: Identity,
}

/// The numbers that make a public key what it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity(Arc<AlgorithmParameters>);

/// The published signing keys.
#[derive(Debug, Default)]
pub struct KeySet(HashMap<SigningKeyId, PublicKey>);

impl KeySet {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// See [`InvalidKeySet`].
    pub fn from_json(document: &str) -> Result<Self, InvalidKeySet> {
        Self::new(&serde_json::from_str::<JwkSet>(document)?.keys)
    }

    /// From keys. What has no `kid`, is not for signatures, or is of an algorithm that tokens
    /// never have, is passed over (RFC 7517 §5).
    ///
    /// # Errors
    /// [`InvalidKeySet::Ambiguous`] and [`InvalidKeySet::Damaged`].
    pub fn new(keys: &[Jwk]) -> Result<Self, InvalidKeySet> {
        let mut set = HashMap::new();
        for jwk in keys {
            let Some(algorithm) = algorithm_of(jwk) else { continue };
            let Some(Ok(kid)) = jwk.common.key_id.as_deref().map(str::parse::<SigningKeyId>) else {
                continue;
            };
            let key = DecodingKey::from_jwk(jwk).ok().filter(|_| is_whole(jwk));
            let key = key.ok_or_else(|| InvalidKeySet::Damaged(kid.clone()))?;
            let identity = Identity(Arc::new(jwk.algorithm.clone()));
            if set.insert(kid.clone(), PublicKey { algorithm, key, identity }).is_some() {
                return Err(InvalidKeySet::Ambiguous(kid));
            }
        }
        Ok(Self(set))
    }

    pub(crate) fn find(&self, kid: &str) -> Option<(&SigningKeyId, &PublicKey)> {
        let kid: SigningKeyId = kid.parse().ok()?;
        self.0.get_key_value(&kid)
    }

    pub(crate) fn by_id(&self, kid: &SigningKeyId) -> Option<&PublicKey> {
        self.0.get(kid)
    }

    /// The ids of the keys, in no order.
    pub fn ids(&self) -> impl Iterator<Item = &SigningKeyId> {
        self.0.keys()
    }
}

/// The algorithm follows from the key's type; an `alg` beside it may only agree.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        _ => return None,
    };
    let for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|u| *u == jsonwebtoken::jwk::PublicKeyUse::Signature);
    let agrees = jwk.common.key_algorithm.is_none_or(|alg| alg == named);
    (for_signatures && agrees).then_some(algorithm)
}

/// Whether a key's numbers have the lengths of their kind (RFC 7518 §6.2.1.2 and §6.3.1.1, RFC 8037
/// §2), counted in base64url. `jsonwebtoken` looks at them only when a signature is checked.
fn is_whole(jwk: &Jwk) -> bool {
    const BYTES_32: usize = 43;
    const BITS_2048_TO_8192: RangeInclusive<usize> = 342..=1366;
    match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(ec) => ec.x.len() == BYTES_32 && ec.y.len() == BYTES_32,
        AlgorithmParameters::OctetKeyPair(okp) => okp.x.len() == BYTES_32,
        AlgorithmParameters::RSA(rsa) => BITS_2048_TO_8192.contains(&rsa.n.len()) && !rsa.e.is_empty(),
        _ => false,
    }
}

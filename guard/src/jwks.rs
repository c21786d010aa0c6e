//! The public halves of the signing keys, by `kid` (RFC 7517).

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm};

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

/// A signing key's public half, and the one algorithm it is for. Parsed once: `jsonwebtoken` would parse it
/// anew for each signature.
pub(crate) struct PublicKey {
    pub(crate) algorithm: Algorithm,
    key: ParsedPublicKey,
    pub(crate) identity: Identity,
}

impl PublicKey {
    /// Whether this signature, in base64url, is the key's over these bytes (RFC 7515 §5.2).
    pub(crate) fn fits(&self, signed: &str, signature: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(signature);
        signature.is_ok_and(|signature| self.key.verify_sig(signed.as_bytes(), &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The numbers that make a public key what it is.
#[derive(Clone, PartialEq)]
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
            let key = parse(jwk).ok_or_else(|| InvalidKeySet::Damaged(kid.clone()))?;
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

/// A key whose numbers have the lengths of their kind (RFC 7518 §6.2.1.2 and §6.3.1.1, RFC 8037 §2) and
/// make a key.
fn parse(jwk: &Jwk) -> Option<ParsedPublicKey> {
    const BITS_2048_TO_8192: RangeInclusive<usize> = 256..=1024;
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(ec) => {
            let (x, y): ([u8; 32], [u8; 32]) =
                (bytes(&ec.x)?.try_into().ok()?, bytes(&ec.y)?.try_into().ok()?);
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[UNCOMPRESSED][..], &x, &y].concat()).ok()
        }
        AlgorithmParameters::OctetKeyPair(okp) => {
            let x: [u8; 32] = bytes(&okp.x)?.try_into().ok()?;
            ParsedPublicKey::new(&ED25519, x).ok()
        }
        AlgorithmParameters::RSA(rsa) => {
            let (n, e) = (bytes(&rsa.n)?, bytes(&rsa.e)?);
            let is_whole = BITS_2048_TO_8192.contains(&n.len()) && !e.is_empty();
            let components = is_whole.then_some(RsaPublicKeyComponents { n, e })?;
            components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
        }
        _ => None,
    }
}

/// How a point of a curve begins that is written with both coordinates (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

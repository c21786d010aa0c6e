//! The signing keys in memory: parsed once, used for every token, published as a JWK set.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{EncodingKey, Header};
use portcullis_guard::KeySet;
use serde::Serialize;

use super::feed::FeedKey;
use super::pair::Pair;
use super::private::PrivateKey;
use super::provider;
use super::sealing::{Damaged, SealingKey};
use crate::domain::signing_key::{Line, SigningKeyTimes, SigningPurpose};
use crate::domain::{Claims, SigningAlgorithm, SigningKeyId, Timestamp};
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
    /// Those that sign tokens.
    keys: Vec<SigningKey>,
    /// Those that sign the feed.
    feed: Vec<FeedKey>,
    /// The public halves for judging, and until when they are the right ones.
    public: RwLock<(Arc<KeySet>, Option<Timestamp>)>,
}

struct SigningKey {
    kid: SigningKeyId,
    algorithm: SigningAlgorithm,
    /// By this jsonwebtoken finds the parsed pair.
    private: EncodingKey,
    pair: Arc<Pair>,
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
        provider::install();
        let of = |purpose| stored.iter().filter(move |key| key.purpose == purpose);
        let keys = of(SigningPurpose::Tokens).map(|key| SigningKey::open(key, sealing));
        let feed = of(SigningPurpose::Feed).map(|key| FeedKey::open(key, sealing));
        let (keys, feed) = (keys.collect::<Result<_, _>>()?, feed.collect::<Result<_, _>>()?);
        Ok(Self { keys, feed, public: RwLock::new((Arc::default(), Some(Timestamp::from_millis(i64::MIN)))) })
    }

    /// The public halves of the keys that are not gone: what a key signs after its end is nobody's.
    fn public(&self, now: Timestamp) -> Arc<KeySet> {
        let is_right = |until: Option<Timestamp>| until.is_none_or(|until| now < until);
        {
            let public = self.public.read().unwrap_or_else(PoisonError::into_inner);
            if is_right(public.1) {
                return public.0.clone();
            }
        }
        let published = self.keys.iter().filter(|key| key.times.state(now).is_published());
        let until = published.clone().filter_map(|key| key.times.gone_at).min();
        let jwks: Vec<Jwk> = published.map(|key| key.jwk.clone()).collect();
        let set =
            Arc::new(KeySet::new(&jwks).expect("each key was parsed, and no id stands twice in a table"));
        *self.public.write().unwrap_or_else(PoisonError::into_inner) = (set.clone(), until);
        set
    }

    /// The key that signs now: of this algorithm, if one of it is in the state to, and the one
    /// that began last.
    fn signer(&self, wanted: SigningAlgorithm, now: Timestamp) -> Result<&SigningKey, Error> {
        let signing = self.keys.iter().filter(|key| key.times.state(now).is_signing());
        let chosen = signing.max_by_key(|key| (key.algorithm == wanted, key.times.signs_from));
        chosen.ok_or(Error::NoneSigns)
    }
}

impl SigningKey {
    fn open(stored: &StoredSigningKey, sealing: &SealingKey) -> Result<Self, Error> {
        let private = PrivateKey::unseal(stored, sealing);
        let (private, pair, jwk) =
            private.map_err(|Damaged| Error::Damaged(stored.kid.clone()))?.into_parts();
        Ok(Self {
            kid: stored.kid.clone(),
            algorithm: stored.algorithm,
            private,
            pair,
            jwk,
            times: stored.times,
        })
    }

    fn sign(&self, typ: &str, payload: &impl Serialize) -> Result<String, Error> {
        let mut header = Header::new(self.pair.algorithm());
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.to_string());
        jsonwebtoken::encode(&header, payload, &self.private).map_err(Error::Crypto)
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
    pub fn public(&self, now: Timestamp) -> Arc<KeySet> {
        self.ring().public(now)
    }

    /// The public halves, for the world (RFC 7517 §5): announced, signing and retiring.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> JwkSet {
        let ring = self.ring();
        let published = ring.keys.iter().filter(|key| key.times.state(now).is_published());
        JwkSet { keys: published.map(|key| key.jwk.clone()).collect() }
    }

    /// The id of the key that signs now, of this algorithm if there is one.
    ///
    /// # Errors
    /// [`Error::NoneSigns`].
    pub fn signs_now(&self, wanted: SigningAlgorithm, now: Timestamp) -> Result<SigningKeyId, Error> {
        self.ring().signer(wanted, now).map(|key| key.kid.clone())
    }

    /// The public halves of the keys that sign the feed, for guards.
    #[must_use]
    pub fn feed_jwks(&self, now: Timestamp) -> JwkSet {
        let ring = self.ring();
        let published = ring.feed.iter().filter(|key| key.times.state(now).is_published());
        JwkSet { keys: published.map(|key| key.jwk.clone()).collect() }
    }

    /// Signs what is said of an answer of the feed: a JWS whose type no token has.
    ///
    /// # Errors
    /// [`Error::NoneSigns`], also in an installation that has no feed key yet.
    pub fn sign_feed(&self, payload: &[u8], now: Timestamp) -> Result<String, Error> {
        let ring = self.ring();
        let signing = ring.feed.iter().filter(|key| key.times.state(now).is_signing());
        let key = signing.max_by_key(|key| key.times.signs_from).ok_or(Error::NoneSigns)?;
        key.sign(payload).ok_or(Error::NoneSigns)
    }

    /// Signs an access token (RFC 9068 §2.1).
    ///
    /// # Errors
    /// [`Error::NoneSigns`] and [`Error::Crypto`].
    pub fn sign(
        &self,
        claims: &Claims,
        wanted: SigningAlgorithm,
        now: Timestamp,
    ) -> Result<SignedToken, Error> {
        let ring = self.ring();
        let key = ring.signer(wanted, now)?;
        Ok(SignedToken { token: key.sign("at+jwt", claims)?, kid: key.kid.clone() })
    }

    /// Signs what is said of a token (RFC 9701 §5). Its type is that of no access token.
    ///
    /// # Errors
    /// [`Error::NoneSigns`] and [`Error::Crypto`].
    pub fn sign_introspection(
        &self,
        statement: &impl Serialize,
        wanted: SigningAlgorithm,
        now: Timestamp,
    ) -> Result<String, Error> {
        self.ring().signer(wanted, now)?.sign("token-introspection+jwt", statement)
    }
}

/// Makes a new signing key, sealed.
///
/// # Panics
/// If the operating system gives no randomness.
#[must_use]
pub fn generate(
    line: Line,
    times: SigningKeyTimes,
    sealing: &SealingKey,
    entropy: &dyn Entropy,
) -> StoredSigningKey {
    PrivateKey::generate(line.algorithm).seal((line.purpose, times), sealing, entropy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::signing::{DataKeys, MasterKey};

    #[test]
    fn a_stored_signing_key_of_each_algorithm_opens_signs_and_publishes_no_private_member() {
        let start = Timestamp::from_secs(0);
        let (data_keys, _) = DataKeys::generate(&MasterKey::generate(&SystemEntropy), start, &SystemEntropy);
        let times =
            SigningKeyTimes { announced_at: start, signs_from: start, retires_at: None, gone_at: None };
        let public: [&[&str]; 3] = [
            &["alg", "crv", "kid", "kty", "use", "x", "y"],
            &["alg", "crv", "kid", "kty", "use", "x"],
            &["alg", "e", "kid", "kty", "n", "use"],
        ];
        for (algorithm, public) in SigningAlgorithm::ALL.into_iter().zip(public) {
            let stored = generate(Line::tokens(algorithm), times, &data_keys.signing, &SystemEntropy);
            let ring = Ring::open(std::slice::from_ref(&stored), &data_keys.signing).unwrap();
            let keyring = Keyring::new(ring);
            assert_eq!(keyring.signs_now(algorithm, start).unwrap(), stored.kid);
            let published = serde_json::to_value(keyring.jwks(start)).unwrap();
            let ring = keyring.ring();
            let signature =
                jsonwebtoken::crypto::sign(b"message", &ring.keys[0].private, ring.keys[0].pair.algorithm());
            let key = jsonwebtoken::DecodingKey::from_jwk(&ring.keys[0].jwk).unwrap();
            let fits = |message| {
                let algorithm = ring.keys[0].pair.algorithm();
                jsonwebtoken::crypto::verify(signature.as_ref().unwrap(), message, &key, algorithm).unwrap()
            };
            assert!(fits(b"message") && !fits(b"another"), "{algorithm}");
            let members: Vec<&String> = published["keys"][0].as_object().unwrap().keys().collect();
            assert_eq!(members, public, "{algorithm}");
            let moved = StoredSigningKey { kid: "another".parse().unwrap(), ..stored };
            assert!(matches!(Ring::open(&[moved], &data_keys.signing), Err(Error::Damaged(_))));
        }
    }
}

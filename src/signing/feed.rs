//! The keys that sign the feed. They sign nothing else, and nothing else signs it: they are in no set
//! that a judge of tokens looks into, and what they sign has a type that no token has.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use portcullis_guard::feed_rules::TYPE;
use serde_json::json;

use super::keyring::Error;
use super::pair::Pair;
use super::private::PrivateKey;
use super::sealing::{Damaged, SealingKey};
use crate::domain::signing_key::SigningKeyTimes;
use crate::store::StoredSigningKey;

/// A key that signs the feed.
pub(super) struct FeedKey {
    /// The JWS header that all its signatures begin with, encoded.
    header: String,
    pair: Arc<Pair>,
    pub(super) jwk: Jwk,
    pub(super) times: SigningKeyTimes,
}

impl FeedKey {
    pub(super) fn open(stored: &StoredSigningKey, sealing: &SealingKey) -> Result<Self, Error> {
        let private = PrivateKey::unseal(stored, sealing);
        let (_, pair, jwk) = private.map_err(|Damaged| Error::Damaged(stored.kid.clone()))?.into_parts();
        let header = json!({ "typ": TYPE, "alg": stored.algorithm, "kid": stored.kid });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        Ok(Self { header, pair, jwk, times: stored.times })
    }

    /// A JWS in its compact form (RFC 7515 §7.1); none if the crypto library refuses.
    pub(super) fn sign(&self, payload: &[u8]) -> Option<String> {
        let mut jws = String::with_capacity(self.header.len() + payload.len() * 4 / 3 + 100);
        jws.push_str(&self.header);
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut jws);
        let signature = self.pair.sign(jws.as_bytes())?;
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
        Some(jws)
    }
}

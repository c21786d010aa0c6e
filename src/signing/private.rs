//! A private key on its way: made, taken out of its seal, brought in or written out as PEM
//! (PKCS#8, RFC 5958 and RFC 7468 §10).

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::Jwk;
use pem::{EncodeConfig, LineEnding, Pem};
use zeroize::Zeroizing;

use super::pair::Pair;
use super::provider;
use super::sealing::{Damaged, SealingKey};
use crate::domain::signing_key::{SigningKeyTimes, SigningPurpose};
use crate::domain::{SigningAlgorithm, SigningKeyId};
use crate::entropy::Entropy;
use crate::store::StoredSigningKey;

/// What PKCS#8 calls itself in PEM.
const LABEL: &str = "PRIVATE KEY";

/// A private key that can sign; its id is its thumbprint (RFC 7638).
pub struct PrivateKey {
    kid: SigningKeyId,
    algorithm: SigningAlgorithm,
    pkcs8: Zeroizing<Vec<u8>>,
    pair: Pair,
    public: Jwk,
}

/// Why a text is no private key that can be imported, and what to do; it repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrivateKey {
    /// There is no PEM in it, or a damaged one.
    #[error("this is no PEM: a private key begins with the line -----BEGIN PRIVATE KEY-----")]
    NotPem,
    /// More than one block.
    #[error("there is more than one PEM block in it; leave only the one private key")]
    Several,
    /// PKCS#8 behind a passphrase.
    #[error("it is encrypted; decrypt it first: `openssl pkcs8 -in KEY.pem -out PLAIN.pem`")]
    Encrypted,
    /// SEC 1 or PKCS#1.
    #[error(
        "it is a private key, but not as PKCS#8; convert it first: `openssl pkcs8 -topk8 -nocrypt -in KEY.pem -out PKCS8.pem`"
    )]
    OldForm,
    /// Something else than a private key.
    #[error("it is no private key; a private key begins with the line -----BEGIN PRIVATE KEY-----")]
    NotPrivate,
    /// RSA with a modulus that is too short or too long.
    #[error(
        "an RSA key must have 2048 to 8192 bits; make one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`"
    )]
    RsaSize,
    /// A curve that tokens are not signed on.
    #[error(
        "of the elliptic curves only P-256 and Ed25519 sign tokens; make a key with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, or with `-algorithm ED25519`"
    )]
    Curve,
    /// Any other algorithm, or damaged.
    #[error(
        "it is damaged, or of a kind that signs no tokens; those are P-256 (ES256), Ed25519 (EdDSA) and RSA (RS256)"
    )]
    Unknown,
}

impl PrivateKey {
    /// A new one.
    ///
    /// # Panics
    /// If the operating system gives no randomness.
    #[must_use]
    pub fn generate(algorithm: SigningAlgorithm) -> Self {
        Self::of(algorithm, Pair::generate(algorithm))
    }

    /// Reads one PEM block of PKCS#8 in clear.
    ///
    /// # Errors
    /// See [`InvalidPrivateKey`].
    pub fn from_pem(text: &str) -> Result<Self, InvalidPrivateKey> {
        let mut blocks = pem::parse_many(text).map_err(|_| InvalidPrivateKey::NotPem)?;
        // What `openssl ecparam -genkey` writes before the key.
        blocks.retain(|block| block.tag() != "EC PARAMETERS");
        let block = blocks.pop().ok_or(InvalidPrivateKey::NotPem)?;
        let label = block.tag().to_owned();
        let content = Zeroizing::new(block.into_contents());
        match label.as_str() {
            _ if !blocks.is_empty() => Err(InvalidPrivateKey::Several),
            LABEL => Self::from_pkcs8(&content),
            "ENCRYPTED PRIVATE KEY" => Err(InvalidPrivateKey::Encrypted),
            "EC PRIVATE KEY" | "RSA PRIVATE KEY" => Err(InvalidPrivateKey::OldForm),
            _ => Err(InvalidPrivateKey::NotPrivate),
        }
    }

    fn from_pkcs8(content: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let open = |algorithm| Some((algorithm, Pair::open(algorithm, content)?.rewritten()?));
        let opened = SigningAlgorithm::ALL.into_iter().find_map(open);
        let key = opened.map(|(algorithm, pair)| Self::of(algorithm, pair));
        // What signs otherwise than its public half says would sign tokens that nobody accepts.
        key.filter(Self::fits_together).ok_or_else(|| what_is_wrong_with(content))
    }

    /// As PEM.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let block = Pem::new(LABEL, self.pkcs8.as_slice());
        let text = pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF));
        // The block's own copy is wiped as well.
        drop(Zeroizing::new(block.into_contents()));
        Zeroizing::new(text)
    }

    /// Its id.
    #[must_use]
    pub fn kid(&self) -> &SigningKeyId {
        &self.kid
    }

    /// What it signs with.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// As the database keeps it.
    ///
    /// # Panics
    /// Never: a JWK is JSON.
    #[must_use]
    pub fn seal(
        &self,
        (purpose, times): (SigningPurpose, SigningKeyTimes),
        sealing: &SealingKey,
        entropy: &dyn Entropy,
    ) -> StoredSigningKey {
        StoredSigningKey {
            kid: self.kid.clone(),
            purpose,
            algorithm: self.algorithm,
            sealed: sealing.seal(&sealed_as(purpose, &self.kid), &self.pkcs8, entropy),
            public: serde_json::to_string(&self.public).expect("a JWK is JSON"),
            times,
        }
    }

    /// Opens one of a database.
    ///
    /// # Errors
    /// [`Damaged`].
    pub fn unseal(stored: &StoredSigningKey, sealing: &SealingKey) -> Result<Self, Damaged> {
        let pkcs8 = sealing.open(&sealed_as(stored.purpose, &stored.kid), &stored.sealed)?;
        let pair = Pair::open(stored.algorithm, &pkcs8).ok_or(Damaged)?;
        let key = Self::of(stored.algorithm, (pair, pkcs8));
        if key.kid == stored.kid { Ok(key) } else { Err(Damaged) }
    }

    /// As a ring uses it: what jsonwebtoken is handed, the parsed pair that it finds by it, and the
    /// public half.
    pub(super) fn into_parts(self) -> (EncodingKey, Arc<Pair>, Jwk) {
        let private = self.pair.encoding_key(&self.pkcs8);
        (private, provider::keep(&self.pkcs8, self.pair), self.public)
    }

    fn of(algorithm: SigningAlgorithm, (pair, pkcs8): (Pair, Zeroizing<Vec<u8>>)) -> Self {
        provider::install();
        let public = pair.public();
        let kid = public.common.key_id.as_deref().and_then(|kid| kid.parse().ok());
        Self { kid: kid.expect("a thumbprint is base64url"), algorithm, pkcs8, pair, public }
    }

    fn fits_together(&self) -> bool {
        let message = b"portcullis";
        let key = jsonwebtoken::DecodingKey::from_jwk(&self.public);
        let signature = self.pair.sign(message).map(|signature| jsonwebtoken_text(&signature));
        let verify = |signature: String| {
            jsonwebtoken::crypto::verify(&signature, message, &key.ok()?, self.pair.algorithm()).ok()
        };
        signature.and_then(verify) == Some(true)
    }
}

/// The purpose is bound in: whoever can write to the database cannot make a key of one sign the other.
fn sealed_as(purpose: SigningPurpose, kid: &SigningKeyId) -> String {
    match purpose {
        SigningPurpose::Tokens => kid.to_string(),
        SigningPurpose::Feed => format!("feed {kid}"),
    }
}

fn jsonwebtoken_text(signature: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// PKCS#8 names its algorithm near its beginning.
fn what_is_wrong_with(pkcs8: &[u8]) -> InvalidPrivateKey {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    // X25519, X448, Ed448.
    const OTHER_CURVES: [&[u8]; 3] =
        [&[0x06, 0x03, 0x2b, 0x65, 0x6e], &[0x06, 0x03, 0x2b, 0x65, 0x6f], &[0x06, 0x03, 0x2b, 0x65, 0x71]];
    let head = &pkcs8[..pkcs8.len().min(40)];
    let names = |oid: &[u8]| head.windows(oid.len()).any(|part| part == oid);
    if names(RSA) {
        InvalidPrivateKey::RsaSize
    } else if (names(EC) && !names(P256)) || OTHER_CURVES.into_iter().any(names) {
        InvalidPrivateKey::Curve
    } else {
        InvalidPrivateKey::Unknown
    }
}

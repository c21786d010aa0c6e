//! A private key, parsed: made, opened, published, and the one thing it is for.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType,
    Jwk, KeyAlgorithm, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, RSAKeyParameters, RSAKeyType,
    ThumbprintHash,
};
use jsonwebtoken::{Algorithm, EncodingKey};
use zeroize::Zeroizing;

use crate::domain::SigningAlgorithm;

/// A parsed private key.
pub(super) enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

const NO_RANDOMNESS: &str = "an operating system that gives no randomness cannot run a token server";

impl Pair {
    /// A new key, and as PKCS#8.
    pub(super) fn generate(algorithm: SigningAlgorithm) -> (Self, Zeroizing<Vec<u8>>) {
        let pair = match algorithm {
            SigningAlgorithm::Es256 => {
                Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(NO_RANDOMNESS))
            }
            SigningAlgorithm::EdDsa => Self::Ed(Ed25519KeyPair::generate().expect(NO_RANDOMNESS)),
            SigningAlgorithm::Rs256 => {
                Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect(NO_RANDOMNESS))
            }
        };
        pair.rewritten().expect("a fresh key pair can be written out")
    }

    /// The same, and as PKCS#8 in the form that we make ourselves.
    pub(super) fn rewritten(self) -> Option<(Self, Zeroizing<Vec<u8>>)> {
        let pkcs8 = match &self {
            Self::Ec(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
            Self::Ed(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
            Self::Rsa(pair) => pair.as_der().ok()?.as_ref().to_vec(),
        };
        Some((self, Zeroizing::new(pkcs8)))
    }

    /// Reads PKCS#8; none if it is no private key for this algorithm.
    pub(super) fn open(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Option<Self> {
        match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok().map(Self::Ec)
            }
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Self::Ed),
            SigningAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).ok().map(Self::Rsa),
        }
    }

    /// As jsonwebtoken wants to be handed it: the bytes by which the parsed key is found again.
    pub(super) fn encoding_key(&self, pkcs8: &[u8]) -> EncodingKey {
        match self {
            Self::Ec(_) => EncodingKey::from_ec_der(pkcs8),
            Self::Ed(_) => EncodingKey::from_ed_der(pkcs8),
            Self::Rsa(_) => EncodingKey::from_rsa_der(pkcs8),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ec(_) => Algorithm::ES256,
            Self::Ed(_) => Algorithm::EdDSA,
            Self::Rsa(_) => Algorithm::RS256,
        }
    }

    /// The public half with `kid` (its thumbprint, RFC 7638), `use` and `alg`.
    pub(super) fn public(&self) -> Jwk {
        let (algorithm, named) = self.public_parameters();
        let common = CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(named),
            ..CommonParameters::default()
        };
        let mut jwk = Jwk { common, algorithm };
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).expect("its parameters are canonical");
        jwk.common.key_id = Some(thumbprint);
        jwk
    }

    fn public_parameters(&self) -> (AlgorithmParameters, KeyAlgorithm) {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ec(pair) => {
                // SEC 1: a mark that the point is uncompressed, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let key = EllipticCurveKeyParameters {
                    key_type: EllipticCurveKeyType::EC,
                    curve: EllipticCurve::P256,
                    x: text(x),
                    y: text(y),
                };
                (AlgorithmParameters::EllipticCurve(key), KeyAlgorithm::ES256)
            }
            Self::Ed(pair) => {
                let key = OctetKeyPairParameters {
                    key_type: OctetKeyPairType::OctetKeyPair,
                    curve: EllipticCurve::Ed25519,
                    x: text(pair.public_key().as_ref()),
                };
                (AlgorithmParameters::OctetKeyPair(key), KeyAlgorithm::EdDSA)
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let key = RSAKeyParameters {
                    key_type: RSAKeyType::RSA,
                    n: text(public.modulus().big_endian_without_leading_zero()),
                    e: text(public.exponent().big_endian_without_leading_zero()),
                };
                (AlgorithmParameters::RSA(key), KeyAlgorithm::RS256)
            }
        }
    }

    /// A signature over the message; none if the crypto library refuses.
    #[expect(clippy::disallowed_methods, reason = "a signature's own randomness, not an id or secret")]
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::Ed(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

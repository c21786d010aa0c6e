//! Signing keys of the three algorithms, tokens with any header, claims and bytes, and a court that
//! judges them. The signing is aws-lc-rs's own, not that of the library under test.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_guard::{
    Freshness, Gate, KeySet, Place, Refusal, Required, RevocationList, ScopeSet, SigningKeyId, Timestamp,
    TokenId, VerifiedClaims, Verifier, Whose,
};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://auth.example.com";
pub(crate) const PROJECT: &str = "prj_0123456789abcdef";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const KEY: &str = "pk_live_0123456789abcdef";
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const EXPIRES: i64 = NOW + 900;

/// The order of the group that ES256 signs in (FIPS 186-4 D.1.2.3).
pub(crate) const P256_ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA,
    0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

enum Private {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// A signing key and the name that it is published under.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    private: Private,
}

impl Signer {
    pub(crate) fn es256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid, private: Private::Es256(pair) }
    }

    fn eddsa(kid: &'static str) -> Self {
        Self { kid, private: Private::EdDsa(Ed25519KeyPair::generate().unwrap()) }
    }

    fn rs256(kid: &'static str) -> Self {
        Self { kid, private: Private::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.private {
            Private::Es256(_) => "ES256",
            Private::EdDsa(_) => "EdDSA",
            Private::Rs256(_) => "RS256",
        }
    }

    /// The public half (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.private {
            Private::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) })
            }
            Private::EdDsa(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key()) }),
            Private::Rs256(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({ "kty": "RSA", "n": b64(public.n), "e": b64(public.e) })
            }
        };
        jwk["kid"] = self.kid.into();
        jwk["alg"] = self.algorithm().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The public half in the encodings that PEM files carry.
    pub(crate) fn public_der(&self) -> Vec<Vec<u8>> {
        let spki = |der: PublicKeyX509Der<'_>| der.as_ref().to_vec();
        match &self.private {
            Private::Es256(pair) => {
                let public = pair.public_key();
                vec![spki(public.as_der().unwrap()), public.as_ref().to_vec()]
            }
            Private::EdDsa(pair) => {
                let public = pair.public_key();
                vec![spki(public.as_der().unwrap()), public.as_ref().to_vec()]
            }
            Private::Rs256(pair) => {
                let public = pair.public_key();
                vec![spki(public.as_der().unwrap()), public.as_ref().to_vec()]
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "signatures of tests, by a library that asks for randomness"
    )]
    pub(crate) fn signature(&self, signed: &str) -> Vec<u8> {
        let (random, message) = (SystemRandom::new(), signed.as_bytes());
        match &self.private {
            Private::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Private::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Private::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// Signs two parts as they are.
    pub(crate) fn seal(&self, header: &str, claims: &str) -> String {
        let signed = format!("{header}.{claims}");
        let signature = b64(self.signature(&signed));
        format!("{signed}.{signature}")
    }

    /// A token whose header and claims are these texts, whether JSON or not.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        self.seal(&b64(header), &b64(claims))
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": self.algorithm(), "kid": self.kid })
    }

    /// A token with these claims under an honest header.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

pub(crate) static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::es256("es"));
pub(crate) static EDDSA: LazyLock<Signer> = LazyLock::new(|| Signer::eddsa("ed"));
pub(crate) static RS256: LazyLock<Signer> = LazyLock::new(|| Signer::rs256("rs"));

/// The three keys that the court knows.
pub(crate) fn signers() -> [&'static Signer; 3] {
    [&ES256, &EDDSA, &RS256]
}

pub(crate) static KEYS: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(key_set(&signers().map(Signer::jwk)).unwrap()));

pub(crate) fn key_set(keys: &[Value]) -> Result<KeySet, portcullis_guard::jwks::InvalidKeySet> {
    KeySet::from_json(&json!({ "keys": keys }).to_string())
}

/// The claims of a token that passes.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": KEY, "aud": AUDIENCE, "client_id": KEY, "exp": EXPIRES, "iat": NOW,
        "jti": jti(1), "scope": "orders:read vouchers:*", "prj": PROJECT, "pos": 10,
    })
}

/// [`claims`] with one of them replaced, or added.
pub(crate) fn claims_with(name: &str, value: impl Into<Value>) -> Value {
    let mut changed = claims();
    changed[name] = value.into();
    changed
}

/// [`claims`] as text, with one of them replaced by text that need not be JSON.
pub(crate) fn claims_text(name: &str, value: &str) -> String {
    claims_with(name, "@").to_string().replace("\"@\"", value)
}

pub(crate) fn jti(number: u128) -> String {
    TokenId::from_bytes(number.to_be_bytes()).to_string()
}

pub(crate) fn hs256(secret: &[u8], signed: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    b64(hmac::sign(&key, signed.as_bytes()))
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Parses what a test states.
pub(crate) fn read<T: std::str::FromStr<Err: Debug>>(raw: &str) -> T {
    raw.parse().unwrap()
}

/// The judge and all that it is told about a request.
pub(crate) struct Court {
    pub(crate) verifier: Verifier,
    pub(crate) list: RevocationList,
    pub(crate) freshness: Freshness,
    pub(crate) now: Timestamp,
    pub(crate) scope: ScopeSet,
    pub(crate) audience: &'static str,
    pub(crate) address: Place,
    pub(crate) origin: Option<&'static str>,
}

impl Court {
    pub(crate) fn new() -> Self {
        Self {
            verifier: Verifier::new(ISSUER.into(), read(PROJECT), KEYS.clone()),
            list: RevocationList::new(),
            freshness: Freshness::Fresh,
            now: Timestamp::from_secs(NOW),
            scope: read("orders:read"),
            audience: AUDIENCE,
            address: Place::From(Some(IpAddr::from([192, 0, 2, 7]))),
            origin: None,
        }
    }

    pub(crate) fn judge(&self, token: &str) -> Result<VerifiedClaims, Refusal> {
        let audience = [read(self.audience)];
        let required = Required {
            scope: &self.scope,
            audience: Whose::OneOf(&audience),
            address: self.address,
            origin: self.origin,
        };
        self.verifier.judge(token, &required, &self.gate())
    }

    /// Why a token is refused; `None` if it passes.
    pub(crate) fn refusal(&self, token: &str) -> Option<Refusal> {
        self.judge(token).err()
    }

    pub(crate) fn gate(&self) -> Gate<'_> {
        Gate { list: &self.list, freshness: self.freshness, now: self.now }
    }
}

/// Why the usual court refuses a token; `None` if it passes.
pub(crate) fn refusal(token: &str) -> Option<Refusal> {
    Court::new().refusal(token)
}

/// The `kid` of the ES256 key.
pub(crate) fn kid() -> SigningKeyId {
    read(ES256.kid)
}

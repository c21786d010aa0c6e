//! Who signs reports: public keys that the operator has written into a file. ECDSA on P-256 with SHA-256 over
//! the body as it was sent, the signature in DER and Base64.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// Why a file names no signers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSigners {
    /// It is neither.
    #[error("it holds neither public keys in PEM nor the JSON that a scanner publishes")]
    Shape,
    /// One of them cannot check signatures.
    #[error("one of its keys is no public key on P-256")]
    Key,
    /// The same id twice: which one would be meant?
    #[error("two of its keys have the same id")]
    Ambiguous,
}

/// Public keys by the ids that their owner gives them.
#[derive(Default)]
pub struct Signers(BTreeMap<String, ParsedPublicKey>);

/// As it is published: `{"public_keys": [{"key_identifier": "...", "key": "-----BEGIN ...", ...}]}`.
#[derive(Deserialize)]
struct Published {
    public_keys: Vec<PublishedKey>,
}

#[derive(Deserialize)]
struct PublishedKey {
    key_identifier: String,
    key: String,
}

impl Signers {
    /// Reads the published JSON, or public keys in PEM, whose ids are the SHA-256 of their text, as they are where
    /// they are published.
    ///
    /// # Errors
    /// See [`InvalidSigners`].
    pub fn read(text: &str) -> Result<Self, InvalidSigners> {
        let named: Vec<(String, Vec<u8>)> = if text.trim_start().starts_with('{') {
            let published: Published = serde_json::from_str(text).map_err(|_| InvalidSigners::Shape)?;
            let key = |each: PublishedKey| {
                let mut keys = in_pem(&each.key)?;
                let (_, key) = keys.pop().filter(|_| keys.is_empty()).ok_or(InvalidSigners::Key)?;
                Ok((each.key_identifier, key))
            };
            published.public_keys.into_iter().map(key).collect::<Result<_, _>>()?
        } else {
            in_pem(text)?
        };
        if named.is_empty() {
            return Err(InvalidSigners::Shape);
        }
        let mut signers = BTreeMap::new();
        for (id, key) in named {
            let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).map_err(|_| InvalidSigners::Key)?;
            if signers.insert(id, key).is_some() {
                return Err(InvalidSigners::Ambiguous);
            }
        }
        Ok(Self(signers))
    }

    /// Whether this signature is that of the named key over these bytes.
    #[must_use]
    pub fn have_signed(&self, id: &str, signature: &str, body: &[u8]) -> bool {
        let Some(key) = self.0.get(id) else { return false };
        STANDARD.decode(signature).is_ok_and(|signature| key.verify_sig(body, &signature).is_ok())
    }

    /// Whether there is a key of this id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Signers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ids()).finish()
    }
}

/// Each public key of a text, with the SHA-256 of its PEM.
fn in_pem(text: &str) -> Result<Vec<(String, Vec<u8>)>, InvalidSigners> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (body, after) = after.split_once(END).ok_or(InvalidSigners::Shape)?;
        let lines: Vec<&str> = body.split_ascii_whitespace().collect();
        let key = STANDARD.decode(lines.concat()).map_err(|_| InvalidSigners::Shape)?;
        let pem = format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"));
        found.push((hex(digest(&SHA256, pem.as_bytes()).as_ref()), key));
        rest = after;
    }
    Ok(found)
}

/// Bytes in hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of GitHub's documentation of its secret scanning partner program.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP\n\
        HzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==\n\
        -----END PUBLIC KEY-----\n";
    const ID: &str = "f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d";
    const SIGNATURE: &str =
        "MEUCIFLZzeK++IhS+y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEAhHN2kDOhy2I6eGkOFmxNkOJ+L2y8oQ9A2T9GGJo6WJY=";
    const BODY: &[u8] =
        br#"[{"token":"some_token","type":"some_type","url":"some_url","source":"some_source"}]"#;

    #[test]
    fn the_published_example_is_accepted_and_nothing_else_by_its_signature() {
        let published = serde_json::json!({ "public_keys": [
            { "key_identifier": ID, "key": PEM, "is_current": true },
            { "key_identifier": "other", "key": PEM.trim_end(), "is_current": false },
        ]});
        for text in [PEM.to_owned(), PEM.replace('\n', "\r\n"), published.to_string()] {
            let signers = Signers::read(&text).unwrap();
            assert!(signers.have_signed(ID, SIGNATURE, BODY));
            assert!(!signers.have_signed(ID, SIGNATURE, &BODY[1..]));
            assert!(!signers.have_signed(ID, &SIGNATURE.replace("MEUC", "MEUD"), BODY));
            assert!(!signers.have_signed(ID, "", BODY) && !signers.have_signed(ID, "%", BODY));
            assert!(
                !signers.have_signed("nobody", SIGNATURE, BODY) && !signers.have_signed("", SIGNATURE, BODY)
            );
        }
        assert!(!Signers::default().have_signed(ID, SIGNATURE, BODY));
    }

    #[test]
    fn a_file_that_names_no_signers_is_refused() {
        let cut = PEM.replace("3Q==", "3");
        let ed25519 = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        for (text, why) in [
            ("", InvalidSigners::Shape),
            ("{}", InvalidSigners::Shape),
            (r#"{"public_keys":[]}"#, InvalidSigners::Shape),
            (r#"{"public_keys":[{"key_identifier":"a","key":""}]}"#, InvalidSigners::Key),
            (BEGIN, InvalidSigners::Shape),
            (cut.as_str(), InvalidSigners::Shape),
            (ed25519, InvalidSigners::Key),
            (&PEM.repeat(2), InvalidSigners::Ambiguous),
        ] {
            assert_eq!(Signers::read(text).unwrap_err(), why, "{text}");
        }
    }
}

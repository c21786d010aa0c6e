//! What a guard parses of its token server, and of whoever stands in between.

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_guard::event_stream::{EventStream, statement_and_body};
use portcullis_guard::feed_rules::{self, BodyHash, Expected, Nonce, TYPE};
use portcullis_guard::metadata::{self, Metadata};
use portcullis_guard::{KeySet, ProjectId};
use serde_json::json;

const ISSUER: &str = "https://auth.example.com";
const PROJECT: &str = "prj_0123456789abcdef";
const NONCE: &str = "0123456789abcdef";

struct Server {
    pair: Ed25519KeyPair,
    keys: KeySet,
    project: ProjectId,
    nonce: Nonce,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 bytes are a seed");
    let public = URL_SAFE_NO_PAD.encode(pair.public_key());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": public }] });
    Server {
        pair,
        keys: KeySet::from_json(&keys.to_string()).expect("this is a key set"),
        project: PROJECT.parse().expect("this is a project"),
        nonce: NONCE.parse().expect("this is a nonce"),
    }
});

impl Server {
    /// Signed as the token server does it, whatever it says.
    fn sign(&self, payload: &[u8]) -> String {
        let header = json!({ "typ": TYPE, "alg": "EdDSA", "kid": "k" }).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn read(&self, statement: &str, body: &[u8]) -> Option<feed_rules::Answer> {
        let expected = Expected { issuer: ISSUER, project: &self.project, nonce: &self.nonce };
        feed_rules::read(statement, body, &self.keys, &expected).ok()
    }
}

/// No bytes pass for a statement that nobody signed; what is signed is read or refused, and what is
/// read lies where the statement says. The input is a statement, a signed payload, and a signed body.
pub fn feed(input: &[u8]) {
    let server = &*SERVER;
    if let Ok(text) = str::from_utf8(input) {
        assert!(server.read(text, b"{\"entries\":[]}").is_none(), "nobody signed this");
    }
    let _ = server.read(&server.sign(input), b"{\"entries\":[]}");
    let statement = json!({
        "iss": ISSUER, "prj": PROJECT, "nonce": NONCE, "since": 0, "snapshot": true, "position": 1000,
        "tag": "0011223344556677", "age": 0, "elapsed": 0, "now": 1, "sha256": BodyHash::of(input).to_string(),
    });
    if let Some(answer) = server.read(&server.sign(statement.to_string().as_bytes()), input) {
        let positions: Vec<u64> = answer.entries.iter().map(|entry| entry.position.value()).collect();
        assert!(positions.is_sorted() && positions.iter().all(|at| (1..=1000).contains(at)));
    }
}

/// Events are the same in one piece and in many, and none is longer than all that came.
pub fn events(input: &[u8]) {
    let whole = EventStream::new(1 << 16).take(input);
    let mut stream = EventStream::new(1 << 16);
    let pieces: Result<Vec<_>, _> = input.chunks(3).map(|piece| stream.take(piece)).collect();
    let pieces = pieces.map(|pieces| pieces.concat());
    assert_eq!(whole, pieces);
    for event in whole.unwrap_or_default() {
        assert!(event.len() <= input.len());
        if let Some((statement, body)) = statement_and_body(&event) {
            assert_eq!(statement.len() + body.len() + 1, event.len());
        }
    }
}

/// Metadata leads nowhere but to the issuer's own host, and an issuer's is at its own.
pub fn metadata(input: &[u8]) {
    if let Ok(found) = Metadata::read(input, ISSUER) {
        for uri in [found.jwks_uri, found.feed_endpoint, found.feed_jwks_uri] {
            assert!(uri.starts_with("https://auth.example.com/"));
        }
    }
    let Ok(issuer) = str::from_utf8(input) else { return };
    if let Ok(address) = metadata::address(issuer) {
        assert!(address.contains("/.well-known/oauth-authorization-server"));
        assert!(address.starts_with("https://") || address.starts_with("http://"));
    }
}

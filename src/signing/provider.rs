//! Keeps parsed private keys behind jsonwebtoken's crypto provider.
//!
//! jsonwebtoken parses a private key anew for every signature, which costs more than an Ed25519
//! signature itself. Its hook is a plain function, so what it needs is found in a table of this
//! process, by the digest of the key's bytes; a key that is not there is parsed as ever.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Once, PoisonError, RwLock, Weak};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, aws_lc};
use jsonwebtoken::errors::Result;
use jsonwebtoken::signature::{Error, Signer};
use jsonwebtoken::{Algorithm, EncodingKey};

use super::pair::Pair;

/// A table of parsed keys; it keeps none alive.
type Table = HashMap<[u8; 32], Weak<Pair>>;

static PARSED: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

static PROVIDER: LazyLock<CryptoProvider> =
    LazyLock::new(|| CryptoProvider { signer_factory, ..aws_lc::DEFAULT_PROVIDER.clone() });

/// Makes jsonwebtoken sign with the keys of the table. The first thing that a process does; where
/// something was quicker, signatures cost more and are as good.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if PROVIDER.install_default().is_err() {
            tracing::warn!("another crypto provider is in place: every signature parses its key anew");
        }
    });
}

/// Puts a parsed key into the table, for as long as the caller keeps it.
pub(super) fn keep(bytes: &[u8], pair: Pair) -> Arc<Pair> {
    let pair = Arc::new(pair);
    let mut table = PARSED.write().unwrap_or_else(PoisonError::into_inner);
    table.retain(|_, kept| kept.strong_count() > 0);
    table.insert(name(bytes), Arc::downgrade(&pair));
    pair
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's type wants it so")]
fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    let table = PARSED.read().unwrap_or_else(PoisonError::into_inner);
    match table.get(&name(key.as_bytes())).and_then(Weak::upgrade) {
        Some(pair) => Ok(Box::new(Kept(pair))),
        None => (aws_lc::DEFAULT_PROVIDER.signer_factory)(algorithm, key),
    }
}

fn name(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

/// Signs with a parsed key.
struct Kept(Arc<Pair>);

impl JwtSigner for Kept {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

impl Signer<Vec<u8>> for Kept {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        self.0.sign(message).ok_or_else(Error::new)
    }
}

//! From two PEM files to what rustls serves.

use std::fs;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use zeroize::Zeroizing;

use crate::config::{Error, NamedFile, Tls};

/// What the files hold, unread.
pub(super) struct Content {
    cert: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Content {
    pub(super) fn read(files: &Tls) -> Result<Self, Error> {
        Ok(Self { cert: read(&files.cert)?, key: Zeroizing::new(read(&files.key)?) })
    }

    /// Tells one content from another without keeping it.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Context::new(&SHA256);
        digest.update(&(self.cert.len() as u64).to_be_bytes());
        digest.update(&self.cert);
        digest.update(&self.key);
        digest.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// TLS 1.3 and 1.2, HTTP/2 and HTTP/1.1 by ALPN, no early data: it could be replayed.
    pub(super) fn config(&self, files: &Tls) -> Result<Arc<ServerConfig>, Error> {
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| {
            let fix = "write a private key as PEM: PKCS#8, PKCS#1 or SEC 1, without a passphrase";
            files.key.blame(&saying("it holds no private key", &error), fix)
        })?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has suites of both versions")
            .with_no_client_auth()
            .with_single_cert(chain(&self.cert, &files.cert)?, key)
            .map_err(|error| {
                let what = format!("it does not belong to {}: {error}", files.cert.path.display());
                files.key.blame(&what, "write the private key of that certificate, RSA, ECDSA or Ed25519")
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The certificates of a PEM file, the server's own first.
pub(super) fn chain(pem: &[u8], file: &NamedFile) -> Result<Vec<CertificateDer<'static>>, Error> {
    let fix = "write the server's certificate as PEM, followed by those that vouch for it";
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(chain) if chain.is_empty() => Err(file.blame("it holds no certificate", fix)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(file.blame(&saying("it is not PEM", &error), fix)),
    }
}

/// What the parser says may quote the file; only what kind of fault it is does not.
fn saying(what: &str, error: &PemError) -> String {
    match error {
        PemError::NoItemsFound => what.to_owned(),
        PemError::MissingSectionEnd { .. } => format!("{what}: a section has no end"),
        PemError::IllegalSectionStart { .. } => format!("{what}: a section has no proper beginning"),
        PemError::Base64Decode(_) => format!("{what}: a section is not base64"),
        _ => format!("{what}: it cannot be read"),
    }
}

pub(super) fn read(file: &NamedFile) -> Result<Vec<u8>, Error> {
    fs::read(&file.path)
        .map_err(|error| file.blame(&error.to_string(), "name a file that the server may read"))
}

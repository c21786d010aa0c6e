//! The files that the listener proves itself with: both or neither.

use super::{
    error::{Error, Problem},
    layers::{Found, Layers},
    named_file::NamedFile,
};

/// What the listener proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and its chain, PEM.
    pub cert: NamedFile,
    /// Its private key, PEM.
    pub key: NamedFile,
}

pub(super) fn tls(layers: &Layers<'_>) -> Result<Option<Tls>, Error> {
    let (cert, key) = (layers.find("tls.cert")?, layers.find("tls.key")?);
    let alone = |found: &Found, other: &str| {
        let fix = format!("set {other} too, or neither for plain HTTP");
        found.blame(Problem::new(format!("it is set and {other} is not"), fix))
    };
    match (cert.text.is_empty(), key.text.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Err(alone(&cert, "tls.key")),
        (true, false) => Err(alone(&key, "tls.cert")),
        (false, false) => {
            let (cert, key) = (NamedFile::of("tls.cert", &cert)?, NamedFile::of("tls.key", &key)?);
            Ok(Some(Tls { cert, key }))
        }
    }
}

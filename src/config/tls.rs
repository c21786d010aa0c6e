//! The files that the listener proves itself with: both or neither.

use std::path::PathBuf;

use super::{
    error::{Error, Origin, Problem},
    layers::{Found, Layers},
    parse,
};

/// What the listener proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and its chain, PEM.
    pub cert: TlsFile,
    /// Its private key, PEM.
    pub key: TlsFile,
}

/// A file, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFile {
    /// Where it is.
    pub path: PathBuf,
    setting: &'static str,
    origin: Origin,
}

impl TlsFile {
    /// That this file cannot be used: `what` continues "setting (source): ", `fix` is an instruction.
    #[must_use]
    pub fn blame(&self, what: &str, fix: &str) -> Error {
        Problem::new(format!("{}: {what}", self.path.display()), fix).of(self.setting, self.origin.clone())
    }

    fn of(setting: &'static str, found: &Found) -> Result<Self, Error> {
        Ok(Self { path: found.by(parse::file_name)?, setting, origin: found.origin.clone() })
    }
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
            let (cert, key) = (TlsFile::of("tls.cert", &cert)?, TlsFile::of("tls.key", &key)?);
            Ok(Some(Tls { cert, key }))
        }
    }
}

//! What the listener proves itself with: a certificate and its key, read from files, checked, and
//! read again when they change. Not for connections: those are the listener's.

mod files;
mod looks;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum_server::tls_rustls::RustlsConfig;

use crate::config::{Error, Tls};

use files::Content;
pub use looks::{Concern, Looks};

/// The certificate in use. New connections get what was read last and was good.
pub struct Certificate {
    files: Tls,
    served: RustlsConfig,
    seen: Mutex<Option<[u8; 32]>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them, by the setting that names them.
    pub fn open(files: Tls) -> Result<Self, Error> {
        let content = Content::read(&files)?;
        let served = RustlsConfig::from_config(content.config(&files)?);
        Ok(Self { seen: Mutex::new(Some(content.fingerprint())), files, served })
    }

    /// Reads the files again; true if another certificate is served from now on. A connection keeps
    /// the one that it began with.
    ///
    /// # Errors
    /// What is wrong with the new files, once; the old certificate stays.
    pub fn step(&self) -> Result<bool, Error> {
        // The content is compared, not the time of change: links are swapped and clocks are set.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let content = match Content::read(&self.files) {
            Ok(content) => content,
            Err(_) if seen.is_none() => return Ok(false),
            Err(error) => {
                *seen = None;
                return Err(error);
            }
        };
        let fingerprint = Some(content.fingerprint());
        if *seen == fingerprint {
            return Ok(false);
        }
        *seen = fingerprint;
        self.served.reload_from_config(content.config(&self.files)?);
        Ok(true)
    }

    /// What there is to see of the files now.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn looks(&self) -> Result<Looks, Error> {
        Looks::at(&self.files)
    }

    /// What a listener serves; follows [`Certificate::step`].
    #[must_use]
    pub fn served(&self) -> RustlsConfig {
        self.served.clone()
    }

    /// That a certificate is there to be used, without using it.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn check(files: &Tls) -> Result<Looks, Error> {
        let _: Arc<_> = Content::read(files)?.config(files)?;
        Looks::at(files)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

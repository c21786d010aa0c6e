//! Whose key is this? One answer for every surface, and no answer that helps a stranger.
//!
//! Unknown id, wrong secret, and wrong secret of a blocked, deleted or expired key are told apart
//! neither by the answer nor by the work done: one digest, the same look-ups, the same comparisons
//! (threat S5). Only whoever presents the right secret learns of the key's state, from
//! `domain::grant::check_usable`.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::instrument;

use super::records::{Records, Use};
use super::throttle::Throttle;
use super::uses::Uses;
use crate::domain::grant::{MintRecord, Refusal, check_usable};
use crate::domain::secret::{Secret, SecretDigest, is_one_of};
use crate::domain::{AuthMethod, KeyId, Pepper, Timestamp};
use crate::store::Error as StoreError;
use crate::time::Clock;

/// What a caller presented to prove that a key is theirs.
#[derive(Debug)]
pub enum Credentials {
    /// Id and secret. The id is what the caller wrote: it may be that of no key at all.
    IdAndSecret(String, Secret),
    /// The secret alone; it names its key, or its digest finds it.
    SecretAlone(Secret),
}

/// Why nobody was authenticated.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// These credentials belong to no key.
    #[error("client authentication failed")]
    Unknown,
    /// Likewise, and too often.
    #[error("too many failed authentications")]
    TooMany {
        /// How long to wait before the next try.
        wait: Duration,
    },
    /// It cannot be told now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key that was proven to be the caller's, and by which of its secrets.
#[derive(Debug)]
pub struct Proven {
    /// What is known of the key.
    pub record: Arc<MintRecord>,
    secret: SecretDigest,
}

impl Proven {
    /// When the key, or the secret that proved it, ends; never, if absent.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        let presented = self.record.secrets.iter().find(|secret| secret.digest.is_same(&self.secret));
        let ends = [self.record.key.details.expires_at, presented.and_then(|secret| secret.expires_at)];
        ends.into_iter().flatten().min()
    }
}

/// Tells whose key it is.
pub struct Authenticator {
    records: Arc<Records>,
    uses: Arc<Uses>,
    throttle: Throttle,
    pepper: Arc<Pepper>,
    clock: Arc<dyn Clock>,
    /// How many digests were computed: what a test of threat S5 counts.
    digests: AtomicU64,
}

impl Authenticator {
    /// An authenticator over these records.
    #[must_use]
    pub fn new(
        records: Arc<Records>,
        uses: Arc<Uses>,
        throttle: Throttle,
        pepper: Arc<Pepper>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { records, uses, throttle, pepper, clock, digests: AtomicU64::new(0) }
    }

    /// The key that the credentials prove. Whether it may be used is another question:
    /// [`Authenticator::admit`].
    ///
    /// # Errors
    /// See [`Denied`].
    #[instrument(name = "authenticate", level = "debug", skip_all)]
    pub async fn authenticate(
        &self,
        credentials: &Credentials,
        address: Option<IpAddr>,
        how: Use,
    ) -> Result<Proven, Denied> {
        let (named, secret) = match credentials {
            Credentials::IdAndSecret(id, secret) => (id.parse::<KeyId>().ok(), secret),
            Credentials::SecretAlone(secret) => (secret.names_key(), secret),
        };
        let digest = self.pepper.digest(secret);
        self.digests.fetch_add(1, Ordering::Relaxed);
        let find = async |how| match (&named, credentials) {
            (Some(id), _) => self.records.by_id(id, how).await,
            (None, Credentials::SecretAlone(_)) => self.records.by_digest(&digest, how).await,
            // No key can have this id.
            (None, Credentials::IdAndSecret(..)) => Ok(None),
        };
        let mut proven = self.proven(find(how).await?, &digest);
        // The secret may have come since, perhaps with its key: what is remembered does not refuse.
        if proven.is_none() && how == Use::Remembered {
            proven = self.proven(find(Use::Current).await?, &digest);
        }
        match proven {
            Some(record) => Ok(Proven { record, secret: digest }),
            None => Err(self.denied(credentials, named.as_ref(), address)),
        }
    }

    /// The digests of texts that somebody says are secrets, which count as failed authentications of that address,
    /// whatever they are. What a secret's digest finds is for whoever has it to say.
    ///
    /// # Errors
    /// [`Denied::TooMany`].
    pub fn digests_of_reported<'a>(
        &self,
        texts: impl ExactSizeIterator<Item = &'a Secret>,
        address: Option<IpAddr>,
    ) -> Result<Vec<SecretDigest>, Denied> {
        let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        if let Some(count) = NonZeroU32::new(count) {
            self.throttle.reported(count, address).map_err(|wait| Denied::TooMany { wait })?;
        }
        Ok(self.digests_of(texts))
    }

    /// The digests of secrets, by the word of somebody who has signed for it.
    pub fn digests_of<'a>(&self, texts: impl Iterator<Item = &'a Secret>) -> Vec<SecretDigest> {
        let digests: Vec<_> = texts.map(|text| self.pepper.digest(text)).collect();
        self.digests.fetch_add(digests.len() as u64, Ordering::Relaxed);
        digests
    }

    /// Counts a failure of an address that has named no key.
    ///
    /// # Errors
    /// [`Denied::TooMany`].
    pub fn count_failure(&self, address: Option<IpAddr>) -> Result<(), Denied> {
        self.throttle.reported(NonZeroU32::MIN, address).map_err(|wait| Denied::TooMany { wait })
    }

    /// Whether the key may be used now, in this way and from there. Only then is the use noted: an
    /// address that is refused leaves no trace (threat S22).
    ///
    /// # Errors
    /// [`Refusal::Method`], then as [`check_usable`].
    pub fn admit(&self, proven: &Proven, method: AuthMethod, address: Option<IpAddr>) -> Result<(), Refusal> {
        if !proven.record.key.details.auth_methods.admits(method) {
            return Err(Refusal::Method);
        }
        check_usable(&proven.record.key, address, self.clock.now())?;
        self.uses.note(&proven.secret, address);
        Ok(())
    }

    /// The record, if this is the digest of one of its key's secrets.
    fn proven(&self, found: Option<Arc<MintRecord>>, digest: &SecretDigest) -> Option<Arc<MintRecord>> {
        let secrets = found.as_ref().map_or(&[][..], |record| &record.secrets);
        let is_proven = is_one_of(digest, secrets, self.clock.now());
        found.filter(|_| is_proven)
    }

    /// How often the record of a key was asked for, and how often the database was.
    #[must_use]
    pub fn record_lookups(&self) -> (u64, u64) {
        self.records.lookups()
    }

    /// How many digests of secrets were computed so far.
    #[must_use]
    pub fn digests(&self) -> u64 {
        self.digests.load(Ordering::Relaxed)
    }

    fn denied(&self, credentials: &Credentials, named: Option<&KeyId>, address: Option<IpAddr>) -> Denied {
        let id = match (credentials, named) {
            (Credentials::IdAndSecret(id, _), _) => id.as_str(),
            (Credentials::SecretAlone(_), named) => named.map_or("", KeyId::as_str),
        };
        match self.throttle.failed(id, address) {
            Ok(()) => Denied::Unknown,
            Err(wait) => Denied::TooMany { wait },
        }
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("throttle", &self.throttle).finish_non_exhaustive()
    }
}

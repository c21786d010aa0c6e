//! Tokens whose signature was checked a moment ago, so that it is not checked at every request.
//!
//! Remembered are the claims, never a verdict: time, revocation, scope, audience and address are
//! judged afresh on every hit, by [`Verifier::judge_verified`]. A token is found by a keyed hash of
//! all its bytes, under a key that no stranger knows, so that nobody can look for two tokens that
//! meet. It counts for a minute at most, by the clock of whoever judges, and only while the signing
//! key that its signature was checked with is still published, under the same `kid`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use quick_cache::sync::Cache;

use crate::claims::{MAX_TOKEN_BYTES, VerifiedClaims};
use crate::error::Refusal;
use crate::jwks::Identity;
use crate::time::Timestamp;
use crate::verify::{Gate, Required, Unverified, Verifier};

/// How long a signature counts as checked, at most.
pub const LONGEST: Duration = Duration::from_mins(1);

/// A memory of verified tokens, bounded.
pub struct VerifiedTokens {
    key: hmac::Key,
    tokens: Cache<[u8; 32], Remembered>,
    misses: AtomicU64,
}

#[derive(Clone)]
struct Remembered {
    token: Arc<VerifiedClaims>,
    /// The public key that its signature was checked with.
    checked_with: Identity,
    from: Timestamp,
    until: Timestamp,
}

impl VerifiedTokens {
    /// Remembers at most so many tokens. The key is random, of this process alone.
    #[must_use]
    pub fn new(key: &[u8; 32], capacity: usize) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        Self { key, tokens: Cache::new(capacity), misses: AtomicU64::new(0) }
    }

    /// How often a token was not among them, so that its signature was looked at.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    fn name(&self, token: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.key, token.as_bytes());
        tag.as_ref().try_into().expect("HMAC-SHA-256 gives 32 bytes")
    }
}

impl Remembered {
    fn new(token: Arc<VerifiedClaims>, checked_with: Identity, now: Timestamp) -> Self {
        let until = token.claims().exp.min(now.after(LONGEST));
        Self { token, checked_with, from: now, until }
    }

    /// A clock that was set back makes it unknown how old it is.
    fn counts(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl Verifier {
    /// [`Verifier::judge`], without checking a signature that was checked a moment ago.
    ///
    /// # Errors
    /// As [`Verifier::judge`], in each case the same.
    pub fn judge_remembering(
        &self,
        token: &str,
        required: &Required<'_>,
        gate: &Gate<'_>,
        remembered: &VerifiedTokens,
    ) -> Result<Arc<VerifiedClaims>, Refusal> {
        let verified = self.check_once(token, remembered, gate.now)?;
        self.judge_verified(&verified, required, gate)?;
        Ok(verified)
    }

    /// From a token's first byte to its signature and the shape of its claims, unless these very
    /// bytes have passed a moment ago, and would pass now.
    ///
    /// # Errors
    /// As [`Unverified::read`] and [`Verifier::check_signature`].
    pub fn check_once(
        &self,
        token: &str,
        remembered: &VerifiedTokens,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, Refusal> {
        // Before any hash.
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        let name = remembered.name(token);
        let would_pass =
            |known: &Remembered| known.counts(now) && self.accepts(known.token.kid(), &known.checked_with);
        if let Some(known) = remembered.tokens.get(&name).filter(would_pass) {
            return Ok(known.token);
        }
        remembered.misses.fetch_add(1, Ordering::Relaxed);
        let verified = Arc::new(self.check_signature(&Unverified::read(token)?)?);
        if let Some(checked_with) = self.identity(verified.kid()) {
            let known = Remembered::new(verified.clone(), checked_with, now);
            if known.counts(now) {
                remembered.tokens.insert(name, known);
            }
        }
        Ok(verified)
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens").field("remembered", &self.tokens.len()).finish_non_exhaustive()
    }
}

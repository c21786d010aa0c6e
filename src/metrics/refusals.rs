//! Refusals by endpoint and reason. Reasons are the enums' own codes; whatever else somebody says is `other`.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::endpoint::Endpoint;
use crate::domain::{RawKeyRefusal, TokenRefusal};

/// The `error` values of the OAuth endpoints (a test holds these to them), the `code` of administrators'
/// problems, and what is said of requests that reach neither.
const CODES: [&str; 26] = [
    "absent",
    "conflict",
    "insufficient_scope",
    "invalid_client",
    "invalid_cursor",
    "invalid_request",
    "invalid_scope",
    "invalid_signature",
    "invalid_target",
    "invalid_token",
    "invalid_value",
    "limit",
    "media_type",
    "method_not_allowed",
    "not_found",
    "other",
    "precondition_failed",
    "precondition_required",
    "refused",
    "server_error",
    "temporarily_unavailable",
    "timeout",
    "too_long",
    "too_many",
    "unauthorized_client",
    "unsupported_grant_type",
];

static REASONS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let tokens = TokenRefusal::ALL.into_iter().map(TokenRefusal::reason);
    let keys = RawKeyRefusal::ALL.into_iter().map(RawKeyRefusal::reason);
    let mut reasons: Vec<_> = tokens.chain(keys).chain(CODES).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons
});

/// Every reason that is counted, sorted.
#[must_use]
pub fn reasons() -> &'static [&'static str] {
    &REASONS
}

/// How often was refused, and why. Not apart by thread: a refusal costs more than this.
#[derive(Debug)]
pub struct Refusals(Vec<[AtomicU64; Endpoint::ALL.len()]>);

impl Default for Refusals {
    fn default() -> Self {
        Self(reasons().iter().map(|_| Default::default()).collect())
    }
}

impl Refusals {
    /// One more.
    pub(super) fn add(&self, endpoint: Endpoint, reason: &str) {
        let at = reasons().binary_search(&reason).or_else(|_| reasons().binary_search(&"other"));
        self.0[at.expect("`other` is among them")][endpoint as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Those that happened, and those that well may: a line that begins at 1 would hide from whoever looks at
    /// the growth of lines that it ever was 0.
    pub(super) fn each(&self) -> impl Iterator<Item = (Endpoint, &'static str, u64)> {
        reasons().iter().zip(&self.0).flat_map(|(reason, counts)| {
            let of = |endpoint: Endpoint| counts[endpoint as usize].load(Ordering::Relaxed);
            Endpoint::ALL
                .into_iter()
                .map(move |endpoint| (endpoint, *reason, of(endpoint)))
                .filter(|(endpoint, _, count)| *count > 0 || endpoint.decides())
        })
    }
}

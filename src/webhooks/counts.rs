//! What is counted of deliveries.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::webhook::Outcome;
use crate::metrics::Count;

/// What came of attempts, and how long the longest due delivery has been waiting.
#[derive(Debug, Default)]
pub struct Counts {
    attempts: [Count; Outcome::WORDS.len()],
    oldest_millis: AtomicU64,
}

impl Counts {
    /// An attempt had this outcome.
    pub(super) fn attempted(&self, outcome: Outcome) {
        self.attempts[outcome.number()].add(1);
    }

    /// So long ago the longest due delivery was due.
    pub(super) fn waiting(&self, millis: u64) {
        self.oldest_millis.store(millis, Ordering::Relaxed);
    }

    /// The words for outcomes, and how many attempts had each.
    pub fn attempts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::WORDS.into_iter().zip(self.attempts.iter().map(Count::sum))
    }

    /// For how long the longest due delivery has been waiting, in seconds.
    #[must_use]
    pub fn oldest_secs(&self) -> f64 {
        let millis = self.oldest_millis.load(Ordering::Relaxed);
        std::time::Duration::from_millis(millis).as_secs_f64()
    }
}

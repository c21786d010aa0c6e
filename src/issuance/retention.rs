//! How long the issuance log keeps a token: rows go in small batches, so that no mint waits long.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::store::{Error, IssuedTokens};
use crate::time::{Clock, Moment};

/// How often it is looked for old rows.
const EVERY: Duration = Duration::from_mins(1);
/// How long the counts of tokens are kept that are over.
const COUNTS_KEPT: Duration = Duration::from_hours(1);
/// How many rows one transaction deletes.
const BATCH: u32 = 500;
/// How many of them follow each other; what is left then goes with the next turn.
const BATCHES: u32 = 40;

/// Clears the log of what is older than it has to keep.
pub struct Retention {
    store: Arc<dyn IssuedTokens>,
    clock: Arc<dyn Clock>,
    span: Duration,
    /// When nothing old was left.
    cleared: Mutex<Option<Moment>>,
}

impl Retention {
    /// Keeps each token for this time after it was minted.
    #[must_use]
    pub fn new(store: Arc<dyn IssuedTokens>, clock: Arc<dyn Clock>, span: Duration) -> Self {
        Self { store, clock, span, cleared: Mutex::default() }
    }

    /// How long a token is kept.
    #[must_use]
    pub const fn span(&self) -> Duration {
        self.span
    }

    /// One turn of the loop: deletes what is old, and the counts of live tokens that are over, if a
    /// minute has passed since none of it was left; tells how many rows of the log that were.
    ///
    /// # Errors
    /// Whatever kept them from being deleted.
    pub async fn step(&self) -> Result<u64, Error> {
        let mut cleared = self.cleared.lock().await;
        if cleared.is_some_and(|last| last.age(self.clock.as_ref()) < EVERY) {
            return Ok(0);
        }
        let (began, mut deleted) = (Moment::now(self.clock.as_ref()), 0);
        for _ in 0..BATCHES {
            let batch = self.store.forget_issued(self.clock.now().before(self.span), BATCH).await?;
            deleted += batch;
            if batch < u64::from(BATCH) {
                // Kept for a while beyond their end: a clock that was wrong for a moment, here or on
                // another node, must not make room.
                self.store.forget_counts(began.wall().before(COUNTS_KEPT)).await?;
                *cleared = Some(began);
                break;
            }
        }
        Ok(deleted)
    }
}

impl std::fmt::Debug for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retention").field("span", &self.span).finish_non_exhaustive()
    }
}

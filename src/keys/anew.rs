//! Acts that must not fail because somebody else was quicker: they are decided anew.

use std::time::Duration;

use tokio::time::sleep;

use super::acts::{Acts, Error};
use crate::store::Error as StoreError;

/// How often an act is tried that must not fail for a neighbour's edit.
const TRIES: u32 = 10;
/// How long it rests before the second try; then twice as long each time, a quarter of a second in all.
const REST: Duration = Duration::from_millis(1);
/// It never rests longer between two tries.
const LONGEST_REST: Duration = Duration::from_millis(64);

impl Acts {
    /// Does it again if somebody else edited key or project between what it read and its commit; unless whoever
    /// acts has said which state they have seen.
    ///
    /// # Errors
    /// Those of the act; [`StoreError::Conflict`] if somebody was quicker each time.
    pub(super) async fn decided_anew<T, F>(&self, act: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut rest = REST;
        for _ in 1..TRIES {
            match act().await {
                Err(Error::Store(StoreError::Conflict)) if self.expecting.is_none() => sleep(rest).await,
                done => return done,
            }
            rest = (rest * 2).min(LONGEST_REST);
        }
        act().await
    }
}

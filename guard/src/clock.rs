//! The time, for whoever is given a clock. Nothing here reads one.

use std::time::Duration;

use crate::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Wall-clock time.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary start, which never goes back, whatever is done to the wall clock.
    fn monotonic(&self) -> Duration;
}

/// A moment by both clocks, to measure an age from.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    wall: Timestamp,
    monotonic: Duration,
}

impl Moment {
    /// This moment.
    pub fn now(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: clock.monotonic() }
    }

    /// Its wall-clock time.
    #[must_use]
    pub const fn wall(&self) -> Timestamp {
        self.wall
    }

    /// How long ago this was: the larger of what the two clocks say, because the monotonic one
    /// stands still while a machine is suspended and the other can be set back.
    pub fn age(&self, clock: &dyn Clock) -> Duration {
        clock.now().since(self.wall).max(clock.monotonic().saturating_sub(self.monotonic))
    }
}

//! A clock that moves when told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::domain::Timestamp;
use portcullis::time::Clock;

/// Stands at 2026-11-22T06:00:00.250Z until it is moved: not a whole second, as real clocks.
pub(crate) struct TestClock(Mutex<(Timestamp, Duration)>);

impl TestClock {
    pub(crate) fn shared() -> Arc<Self> {
        Self::starting(Timestamp::from_millis(1_795_327_200_250))
    }

    /// Stands at another time.
    pub(crate) fn starting(at: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new((at, Duration::from_hours(1)))))
    }

    /// Time passes, by both clocks.
    pub(crate) fn advance(&self, span: Duration) {
        let mut both = self.0.lock().unwrap();
        *both = (both.0.after(span), both.1 + span);
    }

    /// The machine was suspended, or the wall clock set forward: only that clock moves.
    pub(crate) fn step_wall_forward(&self, span: Duration) {
        let mut both = self.0.lock().unwrap();
        both.0 = both.0.after(span);
    }

    /// The wall clock was set back while time passed.
    pub(crate) fn step_wall_back(&self, span: Duration) {
        let mut both = self.0.lock().unwrap();
        both.0 = both.0.before(span);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

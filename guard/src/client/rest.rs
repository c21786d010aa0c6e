//! How a source leaves its server alone: for as long as it was told, and when its key is refused.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Refused;
use super::endpoint::Cause;
use super::entry::{Pause, remembered};
use super::{NoToken, pace};
use crate::clock::{Clock, Moment};

/// What holds a source up, whatever is wanted of it.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// How often in a row the server could not answer.
    failures: u32,
    /// Moves with every rest that begins: exchanges that were under way together fail once.
    rests: u64,
    pause: Option<Pause<Arc<Cause>>>,
    refused: Option<Pause<Refused>>,
}

impl Rest {
    /// Why nothing may be asked for now, if that is so.
    pub(super) fn holds(&self, clock: &dyn Clock) -> Option<NoToken> {
        let refused = self.refused.as_ref().and_then(|refused| refused.left(clock));
        let refused = refused.map(|(_, refused)| NoToken::Refused(refused));
        refused.or_else(|| {
            let (wait, why) = self.pause.as_ref()?.left(clock)?;
            Some(NoToken::Unavailable { wait, why })
        })
    }

    /// By this an exchange that begins now is told from those before.
    pub(super) fn number(&self) -> u64 {
        self.rests
    }

    /// The server answered; tells whether it had not before.
    pub(super) fn answered(&mut self) -> bool {
        let was_away = self.failures > 0;
        (self.failures, self.pause) = (0, None);
        was_away
    }

    /// The key was refused, whatever it asks for.
    pub(super) fn refused(&mut self, refused: Refused, clock: &dyn Clock) {
        self.refused = Some(remembered(refused, clock));
    }

    /// The server could not answer an exchange that began at this number; tells whether it could before.
    pub(super) fn failed(&mut self, failed: Failure, number: u64, clock: &dyn Clock) -> bool {
        let is_first = number == self.rests;
        if is_first {
            self.failures = self.failures.saturating_add(1);
        }
        let span = pace::rest(failed.told, self.failures, failed.chance);
        let left = self.pause.as_ref().and_then(|pause| pause.left(clock)).map(|(left, _)| left);
        if left.is_none_or(|left| left < span) {
            self.rests += 1;
            self.pause = Some(Pause { began: Moment::now(clock), span, because: failed.why });
        }
        is_first && self.failures == 1
    }
}

/// That a server could not answer.
pub(super) struct Failure {
    pub(super) told: Option<Duration>,
    pub(super) chance: u8,
    pub(super) why: Arc<Cause>,
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::http;
    use crate::time::Timestamp;

    struct Still(Mutex<Duration>);

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(0).after(self.monotonic())
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().unwrap()
        }
    }

    impl Still {
        fn pass(&self, span: Duration) {
            *self.0.lock().unwrap() += span;
        }
    }

    fn failure(told: Option<u64>) -> Failure {
        let why = Arc::new(Cause::Http(http::Error::TooLong));
        Failure { told: told.map(Duration::from_secs), chance: 0, why }
    }

    fn waits(rest: &Rest, clock: &Still) -> Option<u64> {
        match rest.holds(clock)? {
            NoToken::Unavailable { wait, .. } => Some(wait.as_secs()),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn exchanges_that_fail_together_are_one_failure() {
        let (clock, mut rest) = (Still(Mutex::default()), Rest::default());
        let number = rest.number();
        assert!(rest.failed(failure(None), number, &clock), "told once");
        for _ in 0..100 {
            assert!(!rest.failed(failure(None), number, &clock));
        }
        assert_eq!(waits(&rest, &clock), Some(1));
        clock.pass(Duration::from_secs(1));
        assert_eq!(waits(&rest, &clock), None);
        let number = rest.number();
        assert!(!rest.failed(failure(None), number, &clock));
        assert_eq!(waits(&rest, &clock), Some(2));
        assert!(rest.answered());
        assert_eq!(waits(&rest, &clock), None);
        assert!(!rest.answered());
    }

    #[test]
    fn whoever_asks_for_the_longest_rest_gets_it() {
        let (clock, mut rest) = (Still(Mutex::default()), Rest::default());
        for (told, wait) in [(Some(30), 30), (None, 30), (Some(60), 60), (Some(5), 60)] {
            let number = rest.number();
            rest.failed(failure(told), number, &clock);
            assert_eq!(waits(&rest, &clock), Some(wait));
        }
    }
}

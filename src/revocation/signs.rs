//! Signs of life between polls: whoever waits for what was revoked is told soon that this node applies it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::domain::Position;
use crate::store::{Heartbeat, Store};

use super::sync::within;

/// How long after such a sign there may be another one.
const APART: Duration = Duration::from_secs(1);

/// Whether a sign is owed, and when the last one was given.
#[derive(Debug, Default)]
pub(super) struct Signs(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    owed: bool,
    last: Option<Duration>,
    under_way: Option<JoinHandle<()>>,
}

impl Signs {
    /// Something was applied that others may wait for.
    pub(super) fn owe(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).owed = true;
    }

    /// Whether it is time for the sign that is owed; then it is owed no longer.
    fn is_due(&self, monotonic: Duration) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = state.last.is_none_or(|last| monotonic.saturating_sub(last) >= APART);
        let free = state.under_way.as_ref().is_none_or(JoinHandle::is_finished);
        if !(state.owed && rested && free) {
            return false;
        }
        state.owed = false;
        state.last = Some(monotonic);
        true
    }

    /// Gives the sign that is owed, if it is time. Nobody waits for it, and whether it can be written changes
    /// nothing; what comes with it is dropped, so that no copy is younger for it.
    pub(super) fn give(&self, store: &Arc<dyn Store>, monotonic: Duration, sign: impl FnOnce() -> Heartbeat) {
        if !self.is_due(monotonic) {
            return;
        }
        let (store, sign): (_, Heartbeat) = (store.clone(), sign());
        let since: Position = sign.applied;
        let under_way = tokio::spawn(async move {
            if let Err(error) = within(store.poll(since, 1, &sign)).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "no sign of life between polls");
            }
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).under_way = Some(under_way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_given_once_for_all_that_it_is_owed_for_and_once_a_second() {
        let (signs, at) = (Signs::default(), Duration::from_millis);
        assert!(!signs.is_due(at(0)), "nothing is owed");
        signs.owe();
        signs.owe();
        assert!(signs.is_due(at(100)));
        assert!(!signs.is_due(at(5000)), "it was given");
        signs.owe();
        assert!(signs.is_due(at(5000)));
        signs.owe();
        assert!(!signs.is_due(at(5999)), "too soon");
        assert!(signs.is_due(at(6000)), "and not forgotten");
    }
}

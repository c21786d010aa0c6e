//! The life of a signing key, at every time.

use std::time::Duration;

use portcullis::domain::Timestamp;
use portcullis::domain::signing_key::{ANNOUNCED_FOR, SigningKeyState, SigningKeyTimes};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_signing_key_is_published_as_long_as_a_token_of_its_may_live(
        signs_for in 0_u64..100_000, at in 0_i64..200_000_000, token in 0_i64..900_000
    ) {
        let start = Timestamp::from_secs(1_000_000);
        let signs_from = start.after(ANNOUNCED_FOR);
        let key = SigningKeyTimes { announced_at: start, signs_from, retires_at: None, gone_at: None }
            .retired(signs_from.after(Duration::from_secs(signs_for)));
        let now = Timestamp::from_millis(start.millis() + at);
        let state = key.state(now);
        prop_assert_eq!(state.is_signing(), now >= signs_from && key.retires_at.is_some_and(|end| now < end));
        if state.is_signing() {
            let later = Timestamp::from_millis(now.millis() + token);
            prop_assert!(key.state(later).is_published(), "gone before what it signed");
        }
        // Never back.
        let order = |state| match state {
            SigningKeyState::Announced => 0,
            SigningKeyState::Signing => 1,
            SigningKeyState::Retiring => 2,
            SigningKeyState::Gone => 3,
        };
        prop_assert!(order(key.state(now.after(Duration::from_millis(1)))) >= order(state));
    }
}

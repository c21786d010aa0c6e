//! When to ask: how much of a token's life is left before it is renewed, and how long a server that
//! cannot answer is left alone.

use std::time::{Duration, UNIX_EPOCH};

use crate::time::Timestamp;

/// How long before its end a token is renewed, unless told otherwise.
pub(super) const MARGIN: Duration = Duration::from_mins(1);
/// The first rest after a failure that said nothing of it; each one after it is twice as long.
pub(super) const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest rest that is taken without being told to.
const LONGEST_OWN_REST: Duration = Duration::from_secs(30);
/// The longest rest that anybody can order.
pub(super) const LONGEST_REST: Duration = Duration::from_mins(5);
/// How long what was refused is not asked for again.
pub(super) const REFUSED_REST: Duration = Duration::from_secs(10);
/// A token that is younger is not forgotten.
pub(super) const YOUNGEST_FORGOTTEN: Duration = Duration::from_secs(1);

/// What a remembered token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// It is given out.
    Fresh,
    /// It is given out, and another one is asked for.
    Due,
    /// It is not given out any more.
    Over,
}

impl Worth {
    /// At this age. The margin is a quarter of its life at most; of the margin, the last quarter is too
    /// short for whoever would use the token.
    pub(super) fn of(age: Duration, lifetime: Duration, margin: Duration) -> Self {
        let left = lifetime.saturating_sub(age);
        let margin = margin.min(lifetime / 4);
        match left {
            Duration::ZERO => Self::Over,
            left if left > margin => Self::Fresh,
            left if left > margin / 4 => Self::Due,
            _ => Self::Over,
        }
    }
}

/// How long to leave a server alone: as it says, or twice as long with every failure, and up to a quarter
/// more by chance, so that those who failed together do not come back together.
pub(super) fn rest(told: Option<Duration>, failures: u32, chance: u8) -> Duration {
    let own = FIRST_REST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_OWN_REST);
    let rest = told.map_or(own, |told| told.max(FIRST_REST).min(LONGEST_REST));
    rest + rest * u32::from(chance) / (4 * u32::from(u8::MAX))
}

/// What `Retry-After` says, in both its forms (RFC 9110 §10.2.3). A date counts from the answer's own
/// `Date`, if it has one: our clock may be another one than the server's.
pub(super) fn retry_after(value: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // Too large for a number is long enough.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let read = |text: &str| {
        let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Timestamp::from_secs(i64::try_from(since_epoch.as_secs()).ok()?))
    };
    Some(read(value)?.since(date.and_then(read).unwrap_or(now)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_token_is_renewed_before_its_end_and_not_given_out_at_its_end() {
        for (age, lifetime, worth) in [
            (0, 900, Worth::Fresh),
            (839, 900, Worth::Fresh),
            (840, 900, Worth::Due),
            (884, 900, Worth::Due),
            (885, 900, Worth::Over),
            (900, 900, Worth::Over),
            (u64::MAX, 900, Worth::Over),
            (44, 60, Worth::Fresh),
            (45, 60, Worth::Due),
            (57, 60, Worth::Over),
            (0, 1, Worth::Fresh),
            (1, 1, Worth::Over),
            (0, 0, Worth::Over),
        ] {
            assert_eq!(Worth::of(secs(age), secs(lifetime), MARGIN), worth, "{age} of {lifetime}");
        }
        assert_eq!(Worth::of(secs(899), secs(900), Duration::ZERO), Worth::Fresh);
        assert_eq!(Worth::of(secs(900), secs(900), Duration::ZERO), Worth::Over, "exp exactly now");
    }

    #[test]
    fn a_server_is_left_alone_as_long_as_it_says_within_bounds() {
        let none = Duration::ZERO;
        for (told, failures, rested) in [
            (None, 1, 1),
            (None, 2, 2),
            (None, 4, 8),
            (None, 6, 30),
            (None, u32::MAX, 30),
            (Some(none), 9, 1),
            (Some(secs(7)), 9, 7),
            (Some(secs(300)), 1, 300),
            (Some(Duration::MAX), 1, 300),
        ] {
            assert_eq!(rest(told, failures, 0), secs(rested), "{told:?} {failures}");
        }
        assert_eq!(rest(Some(secs(8)), 1, u8::MAX), secs(10));
    }

    #[test]
    fn retry_after_is_read_in_both_its_forms() {
        let now = Timestamp::from_secs(784_111_777);
        for (value, date, wait) in [
            ("120", None, Some(120)),
            ("0", None, Some(0)),
            ("99999999999999999999", None, Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", None, Some(10)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", None, Some(10)),
            ("Sun Nov  6 08:49:47 1994", None, Some(10)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None, Some(0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", None, Some(0)),
            // A server whose clock is an hour ahead of ours.
            ("Sun, 06 Nov 1994 09:49:47 GMT", Some("Sun, 06 Nov 1994 09:49:37 GMT"), Some(10)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some("yesterday"), Some(10)),
            ("", None, None),
            ("-1", None, None),
            ("1.5", None, None),
            ("+1", None, None),
            ("soon", None, None),
        ] {
            assert_eq!(retry_after(value, date, now), wait.map(secs), "{value}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_says_stops_a_source_for_ever(value in ".{0,40}", failures: u32, chance: u8) {
            let told = retry_after(&value, None, Timestamp::from_secs(0));
            let rest = rest(told, failures, chance);
            prop_assert!(rest >= FIRST_REST && rest <= LONGEST_REST + LONGEST_REST / 4);
        }

        #[test]
        fn no_token_is_given_out_at_or_after_its_end(age: u32, lifetime in 0_u32..=900, margin: u16) {
            let worth = Worth::of(secs(age.into()), secs(lifetime.into()), secs(margin.into()));
            prop_assert!(worth == Worth::Over || age < lifetime);
            prop_assert!(age > 0 || lifetime == 0 || worth == Worth::Fresh, "a new one is used");
        }
    }
}

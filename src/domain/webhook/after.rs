//! What follows from an attempt to deliver a message: nothing, another attempt, or the end.

use std::time::Duration;

use portcullis_guard::Timestamp;
use serde::Serialize;

/// How long after an attempt that failed the next one follows, before chance lengthens or shortens it by
/// up to a fifth. There are three days between the first and the last.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// How long a receiver is left alone at most because it asks for it (`Retry-After`): so all attempts are made
/// before a delivery is forgotten.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// How long nothing may arrive before nothing is sent any more.
const FAILING_TOO_LONG: Duration = Duration::from_hours(5 * 24);

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The receiver has it: a status of 200 to 299.
    Delivered(u16),
    /// The receiver answered with another status.
    Refused(u16),
    /// The receiver wants nothing any more: 410.
    Gone,
    /// The receiver did not answer in time.
    Late,
    /// There was no connection, or it broke.
    Unreachable,
    /// Its address may not be connected to.
    Forbidden,
    /// The message could not be signed: its webhook's secret is damaged.
    Unsigned,
}

impl Outcome {
    /// The words for it.
    pub const WORDS: [&str; 7] =
        ["delivered", "refused", "gone", "late", "unreachable", "forbidden", "unsigned"];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self.number()]
    }

    /// Its place in [`Outcome::WORDS`].
    #[must_use]
    pub const fn number(self) -> usize {
        match self {
            Self::Delivered(_) => 0,
            Self::Refused(_) => 1,
            Self::Gone => 2,
            Self::Late => 3,
            Self::Unreachable => 4,
            Self::Forbidden => 5,
            Self::Unsigned => 6,
        }
    }

    /// By the status that a receiver has answered.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Delivered(status),
            410 => Self::Gone,
            status => Self::Refused(status),
        }
    }

    /// The status that was answered, if any was.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Delivered(status) | Self::Refused(status) => Some(status),
            Self::Gone => Some(410),
            _ => None,
        }
    }
}

/// What an attempt has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought {
    /// What became of it.
    pub outcome: Outcome,
    /// How long the receiver asks to be left alone.
    pub asks: Option<Duration>,
}

impl From<Outcome> for Brought {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, asks: None }
    }
}

/// How long somebody asks to be left alone who sends this as `Retry-After` (RFC 9110 §10.2.3), in seconds; a date
/// is read by nobody's clock but theirs, so it is not.
#[must_use]
pub fn asked(retry_after: &str) -> Option<Duration> {
    retry_after
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| retry_after.parse().ok())?
        .map(Duration::from_secs)
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is tried again then.
    Again(Timestamp),
    /// It has ended.
    Ended(Ended),
}

/// How a delivery has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has arrived.
    Delivered,
    /// It is not tried any more.
    Failed,
}

/// Why nothing is sent to a webhook any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenUp {
    /// The receiver answered that it is gone.
    Gone,
    /// Nothing has arrived there for five days.
    Failing,
}

/// How long after this many attempts the next one follows; none, if there is no other. Chance is a random
/// number: many messages that failed together do not come back together.
#[must_use]
pub fn pause(attempts: u32, chance: u32) -> Option<Duration> {
    let pause = *PAUSES.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    // From 4/5 to 6/5.
    Some(pause.mul_f64(0.8 + 0.4 * (f64::from(chance) / f64::from(u32::MAX))))
}

/// What follows from the attempt of this number, to a receiver that has failed since then.
#[must_use]
pub fn after(
    Brought { outcome, asks }: Brought,
    attempts: u32,
    failing_since: Option<Timestamp>,
    (now, chance): (Timestamp, u32),
) -> (Fate, Option<GivenUp>) {
    match outcome {
        Outcome::Delivered(_) => (Fate::Ended(Ended::Delivered), None),
        Outcome::Gone => (Fate::Ended(Ended::Failed), Some(GivenUp::Gone)),
        _ => {
            let asked = asks.unwrap_or_default().min(LONGEST_ASKED);
            let next = pause(attempts, chance).map(|pause| Fate::Again(now.after(pause.max(asked))));
            let failing = failing_since.is_some_and(|since| now.since(since) >= FAILING_TOO_LONG);
            (next.unwrap_or(Fate::Ended(Ended::Failed)), failing.then_some(GivenUp::Failing))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_vary_by_a_fifth_and_end_after_ten_attempts() {
        assert_eq!(pause(0, 0), None);
        let mut total = Duration::ZERO;
        for attempts in 1..=9 {
            let (least, most) = (pause(attempts, 0).unwrap(), pause(attempts, u32::MAX).unwrap());
            let middle = PAUSES[attempts as usize - 1];
            assert!(least >= middle.mul_f64(0.799) && least <= middle.mul_f64(0.801), "{attempts}");
            assert!(most >= middle.mul_f64(1.199) && most <= middle.mul_f64(1.201), "{attempts}");
            total += most.max(LONGEST_ASKED);
        }
        assert_eq!(pause(10, 0), None);
        // However chance falls, a delivery has ended before it is forgotten.
        assert!(total > Duration::from_hours(72) && total < crate::domain::webhook::REMEMBERED, "{total:?}");
    }

    #[test]
    fn a_webhook_is_given_up_when_it_is_gone_or_has_failed_for_five_days() {
        let now = Timestamp::from_secs(1_800_000_000);
        let of = |outcome, attempts, failing: Option<u64>| {
            let since = failing.map(|hours| now.before(Duration::from_hours(hours)));
            after(Brought::from(outcome), attempts, since, (now, u32::MAX / 2))
        };
        let failed = Fate::Ended(Ended::Failed);
        assert_eq!(of(Outcome::Delivered(204), 10, Some(999)), (Fate::Ended(Ended::Delivered), None));
        assert_eq!(of(Outcome::Gone, 1, None), (failed, Some(GivenUp::Gone)));
        for outcome in [
            Outcome::Refused(302),
            Outcome::Refused(500),
            Outcome::Late,
            Outcome::Unreachable,
            Outcome::Forbidden,
        ] {
            let (fate, given_up) = of(outcome, 1, None);
            assert!(matches!(fate, Fate::Again(at) if at > now.after(Duration::from_secs(3))), "{fate:?}");
            assert_eq!(given_up, None);
            assert_eq!(of(outcome, 10, Some(119)), (failed, None));
            assert_eq!(of(outcome, 10, Some(120)), (failed, Some(GivenUp::Failing)));
        }
    }

    #[test]
    fn an_outcome_has_one_word() {
        for (outcome, word) in [
            (Outcome::of_status(200), "delivered"),
            (Outcome::of_status(299), "delivered"),
            (Outcome::of_status(199), "refused"),
            (Outcome::of_status(301), "refused"),
            (Outcome::of_status(410), "gone"),
            (Outcome::Late, "late"),
            (Outcome::Unreachable, "unreachable"),
            (Outcome::Forbidden, "forbidden"),
            (Outcome::Unsigned, "unsigned"),
        ] {
            assert_eq!(outcome.as_str(), word);
        }
    }
}

//! Points in time. Nothing here reads a clock: whoever needs one is given a [`Timestamp`].

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since the Unix epoch, as the database stores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the Unix epoch, as JWTs state it (`NumericDate`, RFC 7519 §2).
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This point with its milliseconds cut off, as a JWT carries it.
    #[must_use]
    pub const fn whole_secs(self) -> Self {
        Self::from_secs(self.secs())
    }

    /// The point `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(span)))
    }

    /// The point `span` earlier.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(span)))
    }

    /// How much later than `earlier` this is; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, whole seconds: `2026-11-22T06:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.secs().div_euclid(86_400), self.secs().rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Two clocks that are further apart do not agree: whoever judges by the wrong one does not know when
/// a token ends.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// How far a clock is off another one that was asked for the time: `told` by the other, at some moment
/// between `asked` and `answered` by the one. It is the least that it can be, for an answer that was
/// long on its way makes no clock wrong.
#[must_use]
pub fn clock_error(told: Timestamp, asked: Timestamp, answered: Timestamp) -> Duration {
    asked.since(told).max(told.since(answered))
}

fn millis_of(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Days since 1970-01-01 to year, month, day of the Gregorian calendar: shift the epoch to
/// 0000-03-01, so that the leap day ends each year, then divide by eras of 400 years.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// How claims carry a [`Timestamp`]: whole seconds, and nothing but an integer is accepted
/// (threat S4: `exp` as string, float, array is refused).
pub(crate) mod seconds {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field by reference")]
    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.secs())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let secs = i64::deserialize(from)?;
        // Beyond this a Timestamp in milliseconds would saturate and two times compare as equal.
        if (0..=i64::MAX / 1000).contains(&secs) {
            Ok(Timestamp::from_secs(secs))
        } else {
            Err(serde::de::Error::custom("not a time in seconds since 1970"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_as_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_305_600, "2026-11-22T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::from_secs(secs).to_string(), text);
        }
    }

    #[test]
    fn a_clock_is_off_by_what_the_way_of_the_answer_does_not_explain() {
        let at = Timestamp::from_millis;
        for (told, asked, answered, off) in [
            (1_000, 1_000, 1_000, 0),
            (1_500, 1_000, 2_000, 0),
            (1_000, 1_000, 4_000, 0),
            (4_000, 1_000, 4_000, 0),
            (999, 1_000, 4_000, 1),
            (4_001, 1_000, 4_000, 1),
            (0, 600_000, 600_010, 600_000),
            (1_200_000, 600_000, 600_010, 599_990),
            // It was set back while the answer was on its way.
            (5_000, 5_000, 1_000, 4_000),
            (i64::MIN, i64::MAX, i64::MAX, i64::MAX.unsigned_abs()),
        ] {
            let expected = Duration::from_millis(off);
            assert_eq!(clock_error(at(told), at(asked), at(answered)), expected, "{told} {asked} {answered}");
        }
    }

    #[test]
    fn whole_seconds_are_rounded_down() {
        assert_eq!(Timestamp::from_millis(1999).secs(), 1);
        assert_eq!(Timestamp::from_millis(1999).whole_secs(), Timestamp::from_secs(1));
    }
}

//! A point in time as people write it: a date, or date and time of RFC 3339.

use crate::domain::Timestamp;

const DAY: i64 = 86_400;

/// Reads `2027-01-31` (its first moment in UTC) or `2027-01-31T12:00:00+01:00`; a fraction of a
/// second is dropped.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let midnight = day(date)? * DAY;
    if rest.is_empty() {
        return Some(Timestamp::from_secs(midnight));
    }
    let (time, rest) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
    Some(Timestamp::from_secs(midnight + second_of_day(time)? - offset(without_fraction(rest)?)?))
}

/// Days since 1970-01-01.
fn day(date: &str) -> Option<i64> {
    let [year, month, day] = numbers::<3>(date, '-')?;
    let fits = date.len() == 10 && (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    // The year begins in March, so that its leap day is the last; eras of 400 years are alike.
    let (shifted, month_from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    fits.then_some(era * 146_097 + day_of_era - 719_468)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn second_of_day(time: &str) -> Option<i64> {
    let [hour, minute, second] = numbers::<3>(time, ':')?;
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

fn without_fraction(rest: &str) -> Option<&str> {
    let Some(fraction) = rest.strip_prefix('.') else { return Some(rest) };
    let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (zone.len() < fraction.len()).then_some(zone)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, zone) = match zone.split_at_checked(1)? {
        ("+", zone) => (1, zone),
        ("-", zone) => (-1, zone),
        _ => return None,
    };
    let [hour, minute] = numbers::<2>(zone, ':')?;
    (hour < 24 && minute < 60).then_some(sign * (hour * 3600 + minute * 60))
}

/// Exactly `N` numbers of at least two digits each.
fn numbers<const N: usize>(text: &str, divider: char) -> Option<[i64; N]> {
    let number = |part: &str| {
        let digits = part.len() >= 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| digits)
    };
    let numbers: Option<Vec<i64>> = text.split(divider).map(number).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_read_as_it_is_printed() {
        for day in 0..=100_000 {
            let at = Timestamp::from_secs(day * DAY + day % DAY);
            assert_eq!(parse(&at.to_string()), Some(at), "{at}");
        }
    }

    #[test]
    fn dates_and_times_of_rfc_3339_are_read() {
        for (text, secs) in [
            ("1970-01-01", 0),
            ("2026-11-22", 1_795_305_600),
            ("2026-11-22T06:00:00Z", 1_795_327_200),
            ("2026-11-22t06:00:00z", 1_795_327_200),
            ("2026-11-22 06:00:00.123Z", 1_795_327_200),
            ("2026-11-22T07:30:00+01:30", 1_795_327_200),
            ("2026-11-21T22:00:00-08:00", 1_795_327_200),
            ("2000-02-29T23:59:59Z", 951_868_799),
        ] {
            assert_eq!(parse(text), Some(Timestamp::from_secs(secs)), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_point_in_time() {
        for text in [
            "",
            "2026",
            "2026-11",
            "2026-1-22",
            "20261-1-22",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2100-02-29",
            "2026-11-31",
            "2026-11-22T",
            "2026-11-22T06:00:00",
            "2026-11-22T24:00:00Z",
            "2026-11-22T06:60:00Z",
            "2026-11-22T06:00:60Z",
            "2026-11-22T6:00:00Z",
            "2026-11-22T06:00:00.Z",
            "2026-11-22T06:00:00+1",
            "2026-11-22T06:00:00+01:00x",
            "2026-11-22x",
            "+026-11-22",
            "２026-11-22",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

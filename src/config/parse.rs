//! From text to value: one rule per kind of setting. What breaks a rule is answered with the fix and
//! never with the text: it may be a secret that was put into the wrong setting.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net};

use super::error::Problem;

/// A hundred years: sums with any time of day stay in range.
const LONGEST: Duration = Duration::from_hours(36_500 * 24);

pub(super) fn folder(text: &str) -> Result<PathBuf, Problem> {
    if text.is_empty() {
        return Err(Problem::new("it is empty", "name a folder, such as ./portcullis-data"));
    }
    file_name(text)
}

/// A path, as long as it does not look like a secret: messages name files.
pub(super) fn file_name(text: &str) -> Result<PathBuf, Problem> {
    if looks_secret(text) {
        return Err(Problem::new("it looks like a secret, not like a path", "name a file or a folder"));
    }
    Ok(PathBuf::from(text))
}

/// Whether a text may be a key, a token, or the content of a file where its name belongs.
pub(super) fn looks_secret(text: &str) -> bool {
    let is_opaque = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '=');
    text.contains("psk_")
        || text.contains("-----")
        || text.contains(char::is_control)
        || text.starts_with("eyJ")
        || text.len() >= 32 && text.chars().all(is_opaque)
}

pub(super) fn listener(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        Problem::new(
            "it is not an IP address with a port",
            "write 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 for every interface",
        )
    })
}

/// The same, or none.
pub(super) fn listener_or_off(text: &str) -> Result<Option<SocketAddr>, Problem> {
    if text == "off" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Problem::new("it is not an IP address with a port", "write 127.0.0.1:8081, [::1]:8081, or off")
    })
}

/// A whole number and its unit: `500ms`, `30s`, `15m`, `12h`, `30d`.
///
/// # Errors
/// Anything else, no time at all, and more than a hundred years.
pub fn duration(text: &str) -> Result<Duration, Problem> {
    let wrong =
        |why: &str| Problem::new(format!("it {why}"), "write a number and a unit: 500ms, 30s, 15m, 12h, 30d");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis: u64 = match unit {
        _ if digits == 0 => return Err(wrong("is not a duration")),
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => return Err(wrong("has no unit")),
        _ => return Err(wrong("is not a duration")),
    };
    let length =
        number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis)).map(Duration::from_millis);
    match length {
        Some(Duration::ZERO) => Err(wrong("is no time at all")),
        Some(length) if length <= LONGEST => Ok(length),
        _ => Err(wrong("is longer than a hundred years")),
    }
}

pub(super) fn count(text: &str) -> Result<NonZeroU32, Problem> {
    text.parse().map_err(|_| {
        Problem::new(format!("it is not a whole number from 1 to {}", u32::MAX), "write one, such as 10")
    })
}

/// Networks separated by commas; none if empty.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, Problem> {
    match text.trim() {
        "" => Ok(Vec::new()),
        text => {
            let numbered = text.split(',').map(str::trim).zip(1..);
            numbered.map(|(text, number)| network(text, number)).collect()
        }
    }
}

/// One network, or one address as the network of itself; which of the list it is.
fn network(text: &str, number: usize) -> Result<IpNet, Problem> {
    let wrong = |why: &str, fix: String| Err(Problem::new(format!("network {number} {why}"), fix));
    let Ok(network) = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) else {
        return wrong(
            "is not a network",
            "write networks as 10.0.0.0/8 or fd00::/8, separated by commas".into(),
        );
    };
    if let Some(plain) = unmapped(network) {
        // Callers' mapped addresses are read as IPv4, so the mapped network would never match.
        return wrong("is IPv4 written as IPv6", format!("write {plain}"));
    }
    if network.trunc() != network {
        return wrong(
            "has address bits beyond its prefix",
            format!("write {}, or the address alone", network.trunc()),
        );
    }
    Ok(network)
}

fn unmapped(network: IpNet) -> Option<IpNet> {
    let IpNet::V6(network) = network else { return None };
    let prefix = network.prefix_len().checked_sub(96)?;
    Ipv4Net::new(network.addr().to_ipv4_mapped()?, prefix).ok().map(IpNet::V4)
}

/// One word of a fixed list, in any case.
pub(super) fn one_of<T: Copy>(words: &[(&str, T)], text: &str) -> Result<T, Problem> {
    let known = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    known.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Problem::new("it is not known", format!("write one of {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, millis) in [
            ("1ms", 1),
            ("500ms", 500),
            ("30s", 30_000),
            ("15m", 900_000),
            ("2h", 7_200_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, why) in [
            ("", "is not a duration"),
            ("s", "is not a duration"),
            ("-5s", "is not a duration"),
            ("1.5s", "is not a duration"),
            ("5 s", "is not a duration"),
            ("5S", "is not a duration"),
            ("5", "has no unit"),
            ("0s", "is no time at all"),
            ("36501d", "is longer than a hundred years"),
            ("99999999999999999999s", "is longer than a hundred years"),
            ("18446744073709551615d", "is longer than a hundred years"),
        ] {
            let message = duration(text).unwrap_err().to_string();
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    #[test]
    fn a_path_is_taken_and_a_secret_is_not() {
        for path in [
            "./portcullis-data",
            "portcullis-data-of-the-shop-in-production",
            "/nix/store/0c1x1q6z9yfzh5nqjzm3b8yq0v5g3a4k-portcullis/tls.pem",
            "/var/lib/docker/volumes/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/_data",
            "../a b/é.pem",
        ] {
            assert_eq!(file_name(path), Ok(PathBuf::from(path)));
        }
        for secret in [
            "psk_live_0123456789abcdef_x",
            "./psk_live_0123456789abcdef_x",
            "-----BEGIN PRIVATE KEY-----",
            "two\nlines",
            "eyJhbGciOiJFUzI1NiJ9.e30.c2ln",
            &"0fA5".repeat(16),
        ] {
            assert!(file_name(secret).unwrap_err().to_string().starts_with("it looks like a secret"));
        }
    }

    #[test]
    fn networks_are_separated_by_commas() {
        let parsed = networks(" 10.0.0.0/8, fd00::/8,192.0.2.7").unwrap();

        assert_eq!(parsed, ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"].map(|text| text.parse().unwrap()));
        assert_eq!(networks(" "), Ok(vec![]));
    }

    #[test]
    fn a_network_that_would_mislead_is_refused_with_the_right_one() {
        for (text, fix) in [
            ("10.0.0.1/8", "write 10.0.0.0/8"),
            ("fd00::1/8", "write fd00::/8"),
            ("::ffff:10.0.0.0/104", "write 10.0.0.0/8"),
            ("::ffff:192.0.2.7", "write 192.0.2.7/32"),
            ("10.0.0.0/33", "write networks as"),
            ("10.0.0.0/8,,10.1.0.0/16", "write networks as"),
            ("proxy.internal", "write networks as"),
        ] {
            let message = networks(text).unwrap_err().to_string();
            assert!(message.contains(fix), "{text}: {message}");
        }
    }
}

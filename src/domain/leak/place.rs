//! Where a secret was found, as far as that may be kept: short, printable, and without the secret.

use std::ops::Range;

use crate::domain::scan::secrets_in;
use crate::domain::secret::Secret;

/// The most characters of a source that are kept.
const LONGEST_SOURCE: usize = 64;
/// The most characters of a URL that are kept.
const LONGEST_URL: usize = 512;
/// Shorter texts are no secrets: nobody can have imported one, and they may stand in any URL.
const SHORTEST_SECRET: usize = 16;
/// What stands in place of a secret.
const MASK: &str = "…";
/// What stands in place of a text that hides one.
const WITHHELD: &str = "(withheld: it holds a secret)";

/// Where a secret was found, by the word of whoever reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What kind of place it is.
    pub source: Option<String>,
    /// Its URL.
    pub url: Option<String>,
}

impl Place {
    /// What is kept of it. Neither the reported secrets nor any other of ours is in it, plain or percent-encoded.
    #[must_use]
    pub fn told(source: Option<&str>, url: Option<&str>, reported: &[&Secret]) -> Self {
        let kept = |text: Option<&str>, most| {
            let text = text.map(str::trim).filter(|text| !text.is_empty())?;
            let shown = without_secrets(text, reported);
            let shown = shown.replace(char::is_control, "\u{FFFD}");
            Some(shown.chars().take(most).collect())
        };
        Self { source: kept(source, LONGEST_SOURCE), url: kept(url, LONGEST_URL) }
    }
}

/// The text with masks where it held secrets.
fn without_secrets(text: &str, reported: &[&Secret]) -> String {
    let reported = reported.iter().map(|secret| secret.expose());
    let reported: Vec<&str> = reported.filter(|secret| secret.len() >= SHORTEST_SECRET).collect();
    let holds = |text: &str| {
        reported.iter().any(|secret| text.contains(secret)) || secrets_in(text.as_bytes()).next().is_some()
    };
    if !holds(text) {
        return if hides(text, holds) { WITHHELD.to_owned() } else { text.to_owned() };
    }
    let mut masked = text.to_owned();
    for secret in &reported {
        if masked.contains(secret) {
            masked = masked.replace(secret, MASK);
        }
    }
    while let Some(found) = first(&masked) {
        masked.replace_range(found, MASK);
    }
    // One may have stood twice, in two ways, or one around the other.
    if hides(&masked, holds) || hides(&masked.replace(MASK, ""), holds) {
        WITHHELD.to_owned()
    } else {
        masked
    }
}

/// Where the first secret of ours is.
fn first(text: &str) -> Option<Range<usize>> {
    secrets_in(text.as_bytes()).next().map(|found| found.at..found.at + found.length)
}

/// Whether a text holds a secret once it is decoded: as a path or as a form, where a blank is a plus, as often as
/// that changes anything, within reason.
fn hides(text: &str, holds: impl Fn(&str) -> bool) -> bool {
    let mut read = text.to_owned();
    for _ in 0..3 {
        let next = decoded(&read);
        if holds(&next) || holds(&decoded(&read.replace('+', " "))) {
            return true;
        }
        if next == read {
            break;
        }
        read = next;
    }
    false
}

/// Percent-decoded; what cannot be decoded stays.
fn decoded(text: &str) -> String {
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    let digit = |at: usize| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
    while let Some(byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            decoded.push(u8::try_from(high << 4 | low).unwrap_or(b'%'));
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::project::ProjectKind;

    fn url(text: &str, reported: &[&str]) -> String {
        let reported: Vec<Secret> =
            reported.iter().map(|text| Secret::presented(Zeroizing::new((*text).to_owned()))).collect();
        Place::told(None, Some(text), &reported.iter().collect::<Vec<_>>()).url.unwrap_or_default()
    }

    #[test]
    fn a_place_holds_no_secret_however_it_is_written() {
        let (_, ours) = Secret::generate(ProjectKind::Live, &[7; 48]);
        let (ours, imported) = (ours.expose(), "correct horse/battery");
        let plain = "https://git.example/a/b#L3";
        assert_eq!(url(plain, &[imported]), plain);
        assert_eq!(url(&format!("https://x?k={ours}&k={ours}&l=1"), &[]), "https://x?k=…&k=…&l=1");
        assert_eq!(url(&format!("https://x/{imported}!"), &[imported]), "https://x/…!");
        let encoded =
            |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        for hidden in [
            encoded(imported),
            "correct%20horse%2Fbattery".to_owned(),
            "correct%2520horse%252fbattery".to_owned(),
            "https://x/?k=correct+horse%2Fbattery".to_owned(),
            "https://x/?to=%2F%3Fk%3Dcorrect%2Bhorse%252Fbattery".to_owned(),
            encoded(ours),
            format!("{ours}&{}", encoded(ours)),
            format!("psk_l%69ve{}", &ours[8..]),
            format!("{}{ours}{}", &ours[..30], &ours[30..]),
        ] {
            let told = url(&hidden, &[imported, ours]);
            assert!(!told.contains(&ours[30..]) && !told.contains("attery"), "{told}");
            assert!(!hides(&told, |read| read.contains(&ours[30..]) || read.contains("battery")), "{told}");
        }
    }

    #[test]
    fn a_place_is_short_and_printable() {
        let place = Place::told(Some(" a\u{1b}[2Jb\n "), Some(&"é".repeat(9999)), &[]);
        assert_eq!(place.source.as_deref(), Some("a\u{fffd}[2Jb"));
        assert_eq!(place.url.map(|url| url.chars().count()), Some(LONGEST_URL));
        assert_eq!(Place::told(Some(" "), None, &[]), Place::default());
        assert_eq!(url("a%zz%", &["short"]), "a%zz%");
    }
}

//! Reports of leaked secrets.

use portcullis::domain::Secret;
use portcullis::domain::leak::report::{MOST_SECRETS, MOST_SIGNED, Report, read_matches};
use portcullis::domain::leak::{Place, Signers};
use portcullis::domain::scan::secrets_in;

/// What is read of a report is bounded, and what is kept of it is short, printable and holds no secret.
pub fn leak(input: &[u8]) {
    if let Ok(report) = Report::read(input) {
        assert!((1..=MOST_SECRETS).contains(&report.secrets.len()));
        for (at, secret) in report.secrets.iter().enumerate() {
            assert!(!secret.expose().is_empty());
            assert!(report.secrets[..at].iter().all(|other| other.expose() != secret.expose()));
        }
        holds_none(&report.place, report.secrets.iter());
    }
    if let Ok(matches) = read_matches(input) {
        assert!((1..=MOST_SIGNED).contains(&matches.len()));
        for each in &matches {
            holds_none(&each.place, matches.iter().map(|each| &each.secret));
        }
    }
    if let Ok(text) = str::from_utf8(input)
        && let Ok(signers) = Signers::read(text)
    {
        for id in signers.ids() {
            assert!(signers.has(id) && !signers.have_signed(id, "", input));
        }
    }
}

fn holds_none<'a>(place: &Place, secrets: impl Iterator<Item = &'a Secret>) {
    let secrets: Vec<&str> = secrets.map(Secret::expose).filter(|secret| secret.len() >= 16).collect();
    for (text, most) in [(&place.source, 64), (&place.url, 512)] {
        let Some(text) = text else { continue };
        assert!(!text.is_empty() && text.chars().count() <= most && !text.contains(char::is_control));
        assert!(secrets_in(text.as_bytes()).next().is_none());
        // What stands in place of a secret may be reported as one.
        let told = text.replace('\u{2026}', "\0").replace("(withheld: it holds a secret)", "");
        assert!(secrets.iter().all(|secret| !told.contains(secret)), "{told:?}");
    }
}

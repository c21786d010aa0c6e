//! Secrets are found wherever they stand, and nothing else is.

use portcullis::domain::scan::{Found, Scan, Sighting, secrets_in};
use portcullis::domain::{KeyId, ProjectKind, Secret};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A new secret, or one of an imported key, which names nobody.
fn secrets() -> impl Strategy<Value = (String, Option<KeyId>)> {
    let kind = select(&[ProjectKind::Live, ProjectKind::Sandbox][..]);
    (kind, vec(any::<u8>(), 48), any::<bool>()).prop_map(|(kind, random, is_imported)| {
        let (id, secret) = Secret::generate(kind, random.as_slice().try_into().unwrap());
        if is_imported {
            let imported: KeyId = "till-7".parse().unwrap();
            let secret = Secret::regenerate(&imported, kind, random[..32].try_into().unwrap());
            return (secret.expose().to_owned(), None);
        }
        (secret.expose().to_owned(), Some(id))
    })
}

/// Anything, and what looks like the beginning of a secret.
fn around() -> impl Strategy<Value = Vec<u8>> {
    let words =
        select(&["psk_", "psk_live_", "psk_test__", "\n", "\r\n", "=", "A", "\0", "p", "ps", "_"][..]);
    let word = prop_oneof![
        words.prop_map(|word| word.as_bytes().to_vec()),
        vec(any::<u8>(), 0..40),
        "[0-9A-Za-z_]{0,90}".prop_map(String::into_bytes),
    ];
    vec(word, 0..12).prop_map(|words| words.concat())
}

/// Line and column of a place, the slow way.
fn place(bytes: &[u8], at: usize) -> (u64, u64) {
    let before = &bytes[..at];
    let line = before.split(|byte| *byte == b'\n').count() as u64;
    let began = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (line, (at - began) as u64 + 1)
}

proptest! {
    #[test]
    fn every_secret_is_found_whatever_is_around_it_and_however_it_comes(
        planted in vec((around(), secrets()), 1..5),
        after in around(),
        cuts in vec(any::<Index>(), 0..8),
        every in option::of(1_usize..100),
    ) {
        let (mut text, mut expected) = (Vec::new(), Vec::new());
        for (before, (secret, key)) in planted {
            text.extend_from_slice(&before);
            expected.push(Found { at: text.len(), length: secret.len(), key });
            text.extend_from_slice(secret.as_bytes());
        }
        text.extend_from_slice(&after);
        let found: Vec<_> = secrets_in(&text).collect();
        prop_assert_eq!(&found, &expected);

        let sighted: Vec<_> = expected.iter().map(|found| {
            let (line, column) = place(&text, found.at);
            Sighting { line, column, key: found.key.clone() }
        }).collect();
        let mut scan = Scan::default();
        prop_assert_eq!(&scan.take(&text), &sighted, "at once");
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        cuts.extend(every.into_iter().flat_map(|every| (0..text.len()).step_by(every)));
        cuts.push(text.len());
        cuts.sort_unstable();
        let (mut scan, mut from, mut found) = (Scan::default(), 0, Vec::new());
        for cut in cuts {
            found.extend(scan.take(&text[from..cut]));
            from = cut;
        }
        prop_assert_eq!(&found, &sighted, "in pieces");
    }

    #[test]
    fn a_secret_with_any_one_letter_changed_or_missing_is_none(
        (secret, _) in secrets(),
        at: Index,
        letter in any::<u8>(),
        (before, after) in (around(), around()),
    ) {
        let at = at.index(secret.len());
        let mut changed = secret.clone().into_bytes();
        prop_assume!(changed[at] != letter);
        changed[at] = letter;
        let mut missing = secret.into_bytes();
        missing.remove(at);
        for wrong in [changed, missing] {
            let text = [&before[..], b" ", &wrong, b" ", &after].concat();
            prop_assert_eq!(secrets_in(&text).count(), 0);
        }
    }

    #[test]
    fn what_a_secret_is_and_what_is_found_are_the_same(text in "(psk_(live|test)_)?[0-9A-Za-z_]{0,80}") {
        let named = Secret::presented(zeroize::Zeroizing::new(text.clone())).names_key();
        let found = secrets_in(text.as_bytes()).find(|found| found.at == 0 && found.length == text.len());
        prop_assert_eq!(found.and_then(|found| found.key), named);
    }
}

#[test]
fn nothing_that_is_kept_of_a_secret_shows_it() {
    let (_, secret) = Secret::generate(ProjectKind::Live, &[7; 48]);
    let mut scan = Scan::default();
    let sighted = scan.take(secret.expose().as_bytes());
    assert!(!format!("{sighted:?}").contains(&secret.expose()[26..]));
}

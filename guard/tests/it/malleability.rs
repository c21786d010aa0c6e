//! A token has one spelling: cut, longer, changed or respelled it is refused (threats S29, S33).

use std::sync::LazyLock;

use portcullis_guard::{Position, Refusal, Revocation, Target, Unverified};
use proptest::prelude::*;

use crate::support::*;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static TOKENS: LazyLock<[String; 3]> = LazyLock::new(|| signers().map(|signer| signer.token(&claims())));

fn replaced(token: &str, at: usize, byte: u8) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[at] = byte;
    String::from_utf8(bytes).unwrap()
}

/// The index of the last character of each part.
fn ends(token: &str) -> [usize; 3] {
    let second = token.rfind('.').unwrap();
    [token.find('.').unwrap() - 1, second - 1, token.len() - 1]
}

#[test]
fn every_prefix_and_every_suffix_of_a_token_is_refused() {
    let court = Court::new();
    for token in TOKENS.iter() {
        assert_eq!(court.refusal(token), None);
        for cut in 0..token.len() {
            assert!(court.refusal(&token[..cut]).is_some(), "first {cut} bytes");
            assert!(cut == 0 || court.refusal(&token[cut..]).is_some(), "from byte {cut}");
        }
    }
}

#[test]
fn a_token_with_anything_before_or_after_it_is_refused() {
    let strange = [
        " ", "\t", "\n", "\r\n", "\0", "=", "==", ".", "..", "A", "AA", "AAA", "AAAA", "-", "_", "+", "/",
        "%00", "%20", ",", ";", "\"", "é", "\u{a0}", "\u{feff}", "\u{200b}", "Bearer ", ".e30", "e30.",
    ];
    for token in TOKENS.iter() {
        for bytes in strange {
            assert!(refusal(&format!("{token}{bytes}")).is_some(), "{bytes:?} after");
            assert!(refusal(&format!("{bytes}{token}")).is_some(), "{bytes:?} before");
        }
        assert!(refusal(&format!("{token}{token}")).is_some());
        assert!(refusal(&format!("{token} {token}")).is_some());
        assert!(refusal(&format!("\"{token}\"")).is_some());
    }
}

#[test]
fn white_space_and_padding_inside_a_token_are_refused() {
    for token in TOKENS.iter() {
        for at in [
            1,
            ends(token)[0] + 1,
            ends(token)[0] + 2,
            ends(token)[1] + 1,
            ends(token)[1] + 2,
            token.len() / 2,
        ] {
            for inserted in [" ", "\n", "\r\n", "\t", "=", "==", "\0", "%3D", "."] {
                let (left, right) = token.split_at(at);
                assert!(refusal(&format!("{left}{inserted}{right}")).is_some(), "{inserted:?} at {at}");
            }
        }
        let other_alphabet = token.replace('-', "+").replace('_', "/");
        assert!(other_alphabet == *token || refusal(&other_alphabet).is_some());
    }
}

#[test]
fn a_flipped_case_of_any_character_is_refused() {
    let court = Court::new();
    for token in TOKENS.iter() {
        for (at, byte) in token.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic()) {
            let flipped = replaced(token, at, byte ^ 0x20);
            assert!(court.refusal(&flipped).is_some(), "case of byte {at}");
        }
        assert!(court.refusal(&token.to_ascii_lowercase()).is_some());
        assert!(court.refusal(&token.to_ascii_uppercase()).is_some());
    }
}

#[test]
fn any_other_character_at_any_place_is_refused() {
    let court = Court::new();
    for token in TOKENS.iter() {
        for (at, byte) in token.bytes().enumerate() {
            // The neighbour in the alphabet (often the same bytes but for bits that must be zero),
            // two rotating others, and what is not in the alphabet.
            let index = ALPHABET.iter().position(|b| *b == byte).unwrap_or(0);
            let neighbours = [index ^ 1, (index + 17) % 64, (index + at) % 64].map(|i| ALPHABET[i]);
            for other in neighbours.into_iter().chain(*b".=+/ \0").filter(|other| *other != byte) {
                assert!(court.refusal(&replaced(token, at, other)).is_some(), "byte {at} as {other:#04x}");
            }
        }
    }
}

#[test]
fn the_last_character_of_each_part_has_no_second_spelling() {
    for token in TOKENS.iter() {
        for end in ends(token) {
            for other in ALPHABET.iter().filter(|other| **other != token.as_bytes()[end]) {
                assert!(refusal(&replaced(token, end, *other)).is_some(), "byte {end} as {other:#04x}");
            }
        }
    }
}

/// Even signed as it stands, a part in non-canonical base64url is no part.
#[test]
fn signed_parts_in_non_canonical_base64_are_refused() {
    let strange = |text: &str| {
        // Filled up with spaces until the last group is cut, so that it has bits that must be zero.
        let mut json = text.to_owned();
        while json.len().is_multiple_of(3) {
            json.push(' ');
        }
        let part = b64(&json);
        let last = ALPHABET.iter().position(|b| *b == *part.as_bytes().last().unwrap()).unwrap();
        let loose = replaced(&part, part.len() - 1, ALPHABET[last + 1]);
        let padded = format!("{part}{}", "=".repeat(3 - json.len() % 3));
        [loose, padded, format!("{part} "), format!(" {part}"), format!("{part}\n"), format!("{part}A")]
    };
    let (header, claims) = (ES256.header().to_string(), claims().to_string());
    for part in strange(&header) {
        assert_eq!(refusal(&ES256.seal(&part, &b64(&claims))), Some(Refusal::Malformed), "{part:?}");
    }
    for part in strange(&claims) {
        assert_eq!(refusal(&ES256.seal(&b64(&header), &part)), Some(Refusal::Claims), "{part:?}");
    }
}

/// ECDSA signatures have a twin (r, n - s) that anyone can compute. It is the same token: it names
/// the same `jti`, so what revokes one revokes the other.
#[test]
fn the_twin_of_a_signature_revives_no_revoked_token() {
    let token = &TOKENS[0];
    let (signed, _) = token.rsplit_once('.').unwrap();
    let signature = ES256.signature(signed);
    let other_s = subtract(&P256_ORDER, &signature[32..]);
    let twin = format!("{signed}.{}", b64([&signature[..32], &other_s].concat()));
    let court = Court::new();
    assert_eq!(court.refusal(&twin), None);

    let target = Target::Token { project: read(PROJECT), jti: read(&jti(1)) };
    let revocation = Revocation { target, position: Position::new(1), ends: None };
    court.list.apply(&revocation, court.now);

    assert_eq!(court.refusal(token), Some(Refusal::Revoked));
    assert_eq!(court.refusal(&twin), Some(Refusal::Revoked));
}

/// `larger - smaller`, both big-endian.
fn subtract(larger: &[u8; 32], smaller: &[u8]) -> [u8; 32] {
    let (mut difference, mut borrow) = ([0; 32], 0);
    for at in (0..32).rev() {
        let digit = i16::from(larger[at]) - i16::from(smaller[at]) - borrow;
        borrow = i16::from(digit < 0);
        difference[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    difference
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(raw in prop_oneof![
        any::<String>(),
        "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}",
        "[A-Za-z0-9_.=+/ -]{0,200}",
    ]) {
        prop_assert!(refusal(&raw).is_some());
        if let Ok(unverified) = Unverified::read(&raw) {
            prop_assert!(unverified.claims().is_err());
        }
    }

    /// Any header and any claims, honestly signed: what a stranger's JSON can do to the reader.
    #[test]
    fn any_json_under_a_good_signature_is_judged_without_panic(
        header in json(), claims in json(), honest_header in any::<bool>(),
    ) {
        let header = if honest_header { ES256.header().to_string() } else { header };
        prop_assert!(refusal(&ES256.sign_text(&header, &claims)).is_some());
    }

    #[test]
    fn a_changed_token_is_refused_without_panic(
        which in 0..3usize, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3u8), 1..4),
    ) {
        let mut chars: Vec<char> = TOKENS[which].chars().collect();
        for (index, character, kind) in edits {
            let at = index.index(chars.len());
            match kind {
                0 => chars[at] = character,
                1 => chars.insert(at, character),
                _ => drop(chars.remove(at)),
            }
        }
        let changed: String = chars.into_iter().collect();
        prop_assume!(changed != TOKENS[which]);
        prop_assert!(refusal(&changed).is_some());
    }
}

/// JSON of any shape that likes the names and values that matter, and texts that are nearly JSON.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "-1",
        "0",
        "1e400",
        "1800000900",
        "\"\"",
        "\"at+jwt\"",
        "\"ES256\"",
        "\"es\"",
        "\"\\ud800\"",
        "\"portcullis\"",
        "[",
        "}",
        "",
    ]);
    let name = prop::sample::select(vec![
        "alg", "typ", "kid", "crit", "iss", "sub", "aud", "exp", "iat", "jti", "scope", "prj", "pos", "ips",
        "org", "anc",
    ]);
    leaf.prop_map(String::from).prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

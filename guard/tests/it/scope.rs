//! The grammar of scope values and lists, and what covers what (threat S12).

use portcullis_guard::{InvalidScope, Scope, ScopeSet};
use proptest::prelude::*;

use crate::support::read;

fn covers(held: &str, wanted: &str) -> bool {
    read::<Scope>(held).covers(&read(wanted))
}

#[test]
fn every_byte_is_a_scope_value_or_not_as_rfc_6749_says() {
    for byte in 0..=u8::MAX {
        // Bytes beyond ASCII stand in text as the character of that number.
        let text = char::from(byte).to_string();
        let nqchar = byte == 0x21 || (0x23..=0x5B).contains(&byte) || (0x5D..=0x7E).contains(&byte);
        let alone = nqchar && byte != b':';
        assert_eq!(text.parse::<Scope>().is_ok(), alone, "{byte:#04x} alone");
        assert_eq!(format!("a{text}b").parse::<Scope>().is_ok(), nqchar, "{byte:#04x} inside");
        assert_eq!(format!("a{text}").parse::<Scope>().is_ok(), alone, "{byte:#04x} last");
        assert_eq!(format!("{text}a").parse::<Scope>().is_ok(), alone, "{byte:#04x} first");
    }
}

#[test]
fn a_segment_is_never_empty() {
    for wrong in ["", ":", "::", "a:", ":a", "a::b", "a:b:", ":*", "a::*", "*:"] {
        assert_eq!(wrong.parse::<Scope>(), Err(InvalidScope::Grammar), "{wrong}");
    }
}

#[test]
fn a_value_has_at_most_256_bytes() {
    assert!("x".repeat(256).parse::<Scope>().is_ok());
    assert_eq!("x".repeat(257).parse::<Scope>(), Err(InvalidScope::Grammar));
}

#[test]
fn a_list_is_divided_by_single_spaces_and_nothing_else() {
    let wrong = [
        " ",
        "  ",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "\ta",
        "a\n",
        "a\rb",
        "a\r\nb",
        "a\u{b}b",
        "a\u{c}b",
        "a\0b",
        "a\u{85}b",
        "a\u{a0}b",
        "a\u{1680}b",
        "a\u{2003}b",
        "a\u{2028}b",
        "a\u{202f}b",
        "a\u{3000}b",
        "a\u{200b}b",
        "\u{feff}a",
        "a \"b\"",
        "a\\b",
        "é",
        "a b: c",
        "ａ",
    ];
    for raw in wrong {
        assert_eq!(raw.parse::<ScopeSet>(), Err(InvalidScope::Grammar), "{raw:?}");
    }
    assert_eq!("".parse::<ScopeSet>(), Ok(ScopeSet::default()));
    assert_eq!(read::<ScopeSet>("b a b").to_string(), "a b");
    // Visible ASCII is what it is: nothing is decoded, nothing is an escape, nothing divides but SP.
    for plain in ["%00", "%20", "a+b", "a,b", "a%20b", "a;b", "null", "*", "a*", "a:*:b"] {
        assert_eq!(read::<ScopeSet>(plain).len(), 1, "{plain}");
        assert!(!read::<ScopeSet>(plain).covers(&read("b")), "{plain}");
    }
}

#[test]
fn a_list_names_at_most_256_values_even_equal_ones() {
    let list = |count: usize| (0..count).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
    assert_eq!(read::<ScopeSet>(&list(256)).len(), 256);
    assert_eq!(list(257).parse::<ScopeSet>(), Err(InvalidScope::TooMany));
    assert_eq!(list(10_000).parse::<ScopeSet>(), Err(InvalidScope::TooMany));
    assert_eq!(vec!["same"; 257].join(" ").parse::<ScopeSet>(), Err(InvalidScope::TooMany));
    assert_eq!(" ".repeat(1_000_000).parse::<ScopeSet>(), Err(InvalidScope::TooMany));
}

#[test]
fn what_covers_what_is_this_table() {
    let table = [
        ("vouchers", "vouchers", true),
        ("vouchers", "vouchersX", false),
        ("vouchersX", "vouchers", false),
        ("vouchers", "vouchers:read", false),
        ("vouchers", "vouchers:*", false),
        ("vouchers", "Vouchers", false),
        ("vouchers:*", "vouchers:read", true),
        ("vouchers:*", "vouchers:v1:read", true),
        ("vouchers:*", "vouchers:*", true),
        ("vouchers:*", "vouchers:v1:*", true),
        ("vouchers:*", "vouchers", false),
        ("vouchers:*", "vouchersX:read", false),
        ("vouchers:*", "vouchers-all:read", false),
        ("vouchers:*", "VOUCHERS:read", false),
        ("vouchers:v1:*", "vouchers:v10:read", false),
        ("vouchers:v1:*", "vouchers:*", false),
        // A star elsewhere is a character like any other.
        ("*", "vouchers", false),
        ("*", "a:b", false),
        ("vouchers*", "vouchers:read", false),
        ("vouchers:r*", "vouchers:read", false),
        ("vouchers:**", "vouchers:read", false),
        ("*:read", "vouchers:read", false),
        ("a:*:read", "a:b:read", false),
        ("*:*", "a:b", false),
    ];
    for (held, wanted, expected) in table {
        assert_eq!(covers(held, wanted), expected, "{held} covers {wanted}");
    }
}

#[test]
fn a_wildcard_never_covers_what_is_reserved() {
    let reserved = ["portcullis:introspect", "portcullis:keys:read", "portcullis:keys:*", "portcullis"];
    for wanted in reserved {
        assert!(read::<Scope>(wanted).is_reserved());
        assert!(covers(wanted, wanted), "held by name: {wanted}");
        for wildcard in ["portcullis:*", "*", "*:*", "portcullis*", "portcullis:key*"] {
            assert!(!covers(wildcard, wanted), "{wildcard} covers {wanted}");
        }
    }
    assert!(!covers("portcullis:keys:*", "portcullis:keys:read"));
    for free in ["portcullisX:keys", "xportcullis:keys", "Portcullis:keys", "a:portcullis:keys"] {
        assert!(!read::<Scope>(free).is_reserved(), "{free}");
    }
    assert!(covers("a:*", "a:portcullis:keys"));
}

#[test]
fn a_set_covers_a_set_if_each_value_is_covered_by_one_of_its_own() {
    let held: ScopeSet = read("orders:read vouchers:*");
    for (wanted, expected) in [
        ("", true),
        ("orders:read", true),
        ("orders:read vouchers:v1 vouchers:v2:read", true),
        ("orders:read orders:write", false),
        ("vouchers", false),
    ] {
        assert_eq!(held.covers_all(&read(wanted)), expected, "{wanted}");
    }
    assert!(!ScopeSet::default().covers_all(&read("orders:read")));
}

/// Few words, so that random values do meet.
fn value() -> impl Strategy<Value = Scope> {
    let segment = prop::sample::select(vec!["a", "b", "ab", "*", "a*", "portcullis", "portcullisX"]);
    prop::collection::vec(segment, 1..5).prop_map(|segments| read(&segments.join(":")))
}

fn set() -> impl Strategy<Value = ScopeSet> {
    prop::collection::btree_set(value(), 0..5).prop_map(ScopeSet::from_iter)
}

/// The rule in other words: equal, or a prefix of whole segments before a last `*`.
fn covers_by_segments(held: &Scope, wanted: &Scope) -> bool {
    let segments = |scope: &Scope| scope.as_str().split(':').map(String::from).collect::<Vec<_>>();
    let (held, wanted) = (segments(held), segments(wanted));
    let (last, before) = held.split_last().unwrap();
    let wildcard = last == "*" && !before.is_empty();
    let prefix = wanted.len() > before.len() && wanted.starts_with(before);
    held == wanted || (wildcard && prefix && wanted[0] != "portcullis")
}

proptest! {
    #[test]
    fn covering_is_reflexive_transitive_and_by_whole_segments(a in value(), b in value(), c in value()) {
        prop_assert!(a.covers(&a));
        prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c));
        prop_assert_eq!(a.covers(&b), covers_by_segments(&a, &b));
        prop_assert!(a == b || !b.is_reserved() || !a.covers(&b));
    }

    #[test]
    fn covering_of_sets_is_reflexive_transitive_and_grows_with_the_set(a in set(), b in set(), c in set()) {
        prop_assert!(a.covers_all(&a));
        prop_assert!(!(a.covers_all(&b) && b.covers_all(&c)) || a.covers_all(&c));
        let mut more = a.clone();
        more.extend(c.iter().cloned());
        prop_assert!(more.covers_all(&a));
        prop_assert!(!a.covers_all(&b) || more.covers_all(&b));
    }

    #[test]
    fn a_set_reads_back_as_it_was_written(set in set()) {
        prop_assert_eq!(set.to_string().parse::<ScopeSet>(), Ok(set.clone()));
        let json = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<ScopeSet>(&json).unwrap(), set);
    }

    #[test]
    fn whatever_is_read_as_a_list_is_within_the_grammar(raw in "[ -~\\t\\r\\n\\x00é:* ]{0,40}") {
        if let Ok(set) = raw.parse::<ScopeSet>() {
            let mut words: Vec<_> = raw.split(' ').filter(|word| !word.is_empty()).collect();
            words.sort_unstable();
            words.dedup();
            prop_assert_eq!(set.to_string(), words.join(" "));
        }
    }
}

//! Which texts are networks, and which lists lie within which (threats S19, S20).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use portcullis_guard::{Allowlist, InvalidNetwork, parse_network};
use proptest::prelude::*;

use crate::support::read;

#[test]
fn these_texts_are_networks_and_mapped_ones_are_ipv4() {
    let table = [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("255.255.255.255/32", "255.255.255.255/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8::7", "2001:db8::7/128"),
        ("::/0", "::/0"),
        ("::1", "::1/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:c000:207", "192.0.2.7/32"),
        ("0:0:0:0:0:ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:c000:200/120", "192.0.2.0/24"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
        ("::ffff:192.0.2.7/128", "192.0.2.7/32"),
    ];
    for (raw, expected) in table {
        assert_eq!(parse_network(raw).unwrap().to_string(), expected, "{raw}");
    }
}

#[test]
fn texts_that_only_some_parsers_take_for_networks_are_none() {
    let addresses = [
        "",
        "/",
        "/24",
        " 192.0.2.7",
        "192.0.2.7 ",
        "192.0.2.7\n",
        "192.0.2.7\0",
        "010.0.0.1",
        "10.0.0.01",
        "1.2.3",
        "1",
        "3221226247",
        "0x7f.1",
        "0x7f.0.0.1",
        "0300.0.2.7",
        "1.2.3.256",
        "1.2.3.4.5",
        "1.2.3.4.",
        ".1.2.3.4",
        "-1.2.3.4",
        "+1.2.3.4",
        "1.2.3.4:80",
        "[::1]",
        "[::1]:80",
        "::1%eth0",
        "fe80::1%3/64",
        "1::2::3",
        ":::",
        "2001:db8",
        "12345::",
        "g::",
        "localhost",
        "*",
        "192.0.2.*",
        "١٩٢.0.2.7",
        "192。0。2。7",
        "::ffff:192.0.2",
        "::ffff:192.0.2.007",
        "any",
    ];
    for raw in addresses {
        assert_eq!(parse_network(raw), Err(InvalidNetwork::Address), "{raw:?}");
    }
}

#[test]
fn a_prefix_is_a_plain_number_within_the_length_of_its_family() {
    let prefixes = [
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10.0.0.0/00",
        "10.0.0.0/8 ",
        "10.0.0.0/ 8",
        "10.0.0.0/0x8",
        "10.0.0.0/256",
        "10.0.0.0/8/8",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/٨",
        "::/129",
        "::ffff:10.0.0.0/95",
        "::ffff:10.0.0.0/8",
        "::ffff:0.0.0.0/0",
        "::ffff:10.0.0.0/129",
    ];
    for raw in prefixes {
        assert_eq!(parse_network(raw), Err(InvalidNetwork::Prefix), "{raw:?}");
    }
}

#[test]
fn bits_beyond_the_prefix_are_refused_and_the_answer_names_the_network() {
    let table = [
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("10.0.0.1/0", "0.0.0.0/0"),
        ("2001:db8::1/64", "2001:db8::/64"),
        ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
    ];
    for (raw, network) in table {
        assert_eq!(parse_network(raw), Err(InvalidNetwork::HostBits(network.parse().unwrap())), "{raw}");
    }
}

#[test]
fn a_list_names_at_most_32_networks_and_each_once() {
    let list = |count: usize| (0..count).map(|n| format!("10.0.{n}.0/24")).collect::<Vec<_>>().join(",");
    assert_eq!(read::<Allowlist>(&list(32)).networks().len(), 32);
    assert_eq!(list(33).parse::<Allowlist>(), Err(InvalidNetwork::TooMany));
    let doubled = format!("{},{}", list(32), list(32));
    assert_eq!(read::<Allowlist>(&doubled).networks().len(), 32);
    assert_eq!(read::<Allowlist>("10.0.0.2, 10.0.0.1\n10.0.0.2,").to_string(), "10.0.0.1/32 10.0.0.2/32");
    let mapped: Allowlist = read("::ffff:10.0.0.1 10.0.0.1");
    assert_eq!(mapped.to_string(), "10.0.0.1/32");
}

#[test]
fn only_the_empty_text_is_the_unrestricted_list() {
    assert!(read::<Allowlist>("").is_unrestricted());
    for raw in [",", " ", ", ,", "\n", "10.0.0.0/8,x", "10.0.0.1;10.0.0.2"] {
        assert_eq!(raw.parse::<Allowlist>(), Err(InvalidNetwork::Address), "{raw:?}");
    }
}

#[test]
fn without_an_address_only_the_unrestricted_list_admits() {
    assert!(Allowlist::default().admits(None));
    assert!(!read::<Allowlist>("0.0.0.0/0 ::/0").admits(None));
    assert!(!read::<Allowlist>("192.0.2.7").admits(None));
}

#[test]
fn a_mapped_address_is_judged_as_ipv4_and_by_ipv4_rules_only() {
    let table = [
        ("192.0.2.0/24", "::ffff:192.0.2.7", true),
        ("192.0.2.0/24", "::ffff:c000:207", true),
        ("::ffff:192.0.2.0/120", "192.0.2.7", true),
        ("::ffff:192.0.2.0/120", "::ffff:192.0.2.7", true),
        ("192.0.2.0/24", "::ffff:192.0.3.7", false),
        ("192.0.2.0/24", "::192.0.2.7", false),
        ("::/0", "192.0.2.7", false),
        ("::/0", "::ffff:192.0.2.7", false),
        ("::/64", "::ffff:192.0.2.7", false),
        ("0.0.0.0/0", "::ffff:192.0.2.7", true),
        ("0.0.0.0/0", "2001:db8::1", false),
    ];
    for (list, address, expected) in table {
        assert_eq!(read::<Allowlist>(list).admits(Some(read(address))), expected, "{list} {address}");
    }
}

#[test]
fn a_whole_address_family_is_allowed_and_worth_a_warning() {
    assert!(read::<Allowlist>("0.0.0.0/0").names_everything());
    assert!(read::<Allowlist>("10.0.0.0/8 ::/0").names_everything());
    assert!(!read::<Allowlist>("0.0.0.0/1 128.0.0.0/1").names_everything());
}

#[test]
fn lists_are_compared_by_meaning() {
    let table = [
        ("10.0.0.0/9 10.128.0.0/9", "10.0.0.0/8", true),
        ("10.0.0.0/8", "10.0.0.0/9 10.128.0.0/9", true),
        ("10.0.0.0/8", "10.0.0.0/9", false),
        ("10.0.0.0/8", "10.0.0.0/9 10.128.0.0/10 10.192.0.0/10", true),
        ("0.0.0.0/0", "0.0.0.0/1 128.0.0.0/1", true),
        ("::/0", "::/1 8000::/1", true),
        ("10.0.0.0/8", "::/0", false),
        ("10.0.0.0/8 11.0.0.0/8", "10.0.0.0/8", false),
        ("10.0.0.1", "10.0.0.0/8", true),
        // The unrestricted list also admits who has no address: it is within nothing but itself.
        ("", "0.0.0.0/0 ::/0", false),
        ("0.0.0.0/0 ::/0", "", true),
        ("", "", true),
    ];
    for (inner, outer, expected) in table {
        assert_eq!(read::<Allowlist>(inner).is_within(&read(outer)), expected, "{inner} within {outer}");
    }
}

/// Networks in a small corner of both families, so that random ones do meet.
fn network() -> impl Strategy<Value = IpNet> {
    let v6 = (any::<u8>(), 120..=128u8).prop_map(|(last, prefix)| IpNet::new(v6_address(last), prefix));
    let wide = (any::<u32>(), 0..=4u8)
        .prop_map(|(bits, prefix)| IpNet::new(Ipv4Addr::from_bits(bits).into(), prefix));
    let six_or_wide = prop_oneof![2 => v6, 1 => wide].prop_map(|net| net.unwrap().trunc());
    prop_oneof![4 => corner_network(), 3 => six_or_wide]
}

fn corner_network() -> impl Strategy<Value = IpNet> {
    let network = |(last, prefix)| IpNet::new([10, 0, 0, last].into(), prefix).unwrap().trunc();
    (any::<u8>(), 24..=32u8).prop_map(network)
}

fn v6_address(last: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()).into()
}

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    prop_oneof![
        any::<u8>().prop_map(|last| Some([10, 0, 0, last].into())),
        any::<u8>().prop_map(|last| Some(Ipv4Addr::new(10, 0, 0, last).to_ipv6_mapped().into())),
        any::<u8>().prop_map(|last| Some(v6_address(last))),
        any::<IpAddr>().prop_map(Some),
        Just(None),
    ]
}

fn list() -> impl Strategy<Value = Allowlist> {
    prop::collection::vec(network(), 0..6).prop_map(|nets| Allowlist::new(nets).unwrap())
}

/// A restricted list within 10.0.0.0/24.
fn corner() -> impl Strategy<Value = Allowlist> {
    prop::collection::vec(corner_network(), 1..6).prop_map(|nets| Allowlist::new(nets).unwrap())
}

/// The whole as its two halves, where it has halves.
fn halved(list: &Allowlist) -> Allowlist {
    let halves = |net: &IpNet| net.subnets(net.prefix_len() + 1).map_or(vec![*net], Iterator::collect);
    Allowlist::new(list.networks().iter().flat_map(halves)).unwrap()
}

proptest! {
    #[test]
    fn whoever_a_list_within_another_admits_the_other_admits_too(
        a in list(), b in list(), at in prop::collection::vec(address(), 32),
    ) {
        let both = Allowlist::new(a.networks().iter().chain(b.networks()).copied()).unwrap();
        for (inner, outer) in [(&a, &b), (&a, &both), (&b, &both)] {
            for at in at.iter().copied().filter(|_| inner.is_within(outer)) {
                prop_assert!(!inner.admits(at) || outer.admits(at), "{inner} within {outer}, {at:?}");
            }
        }
        prop_assert!(a.is_unrestricted() || a.is_within(&both));
    }

    #[test]
    fn being_within_is_reflexive_and_transitive(a in list(), b in list(), c in list()) {
        prop_assert!(a.is_within(&a));
        prop_assert!(!(a.is_within(&b) && b.is_within(&c)) || a.is_within(&c));
    }

    #[test]
    fn halves_and_whole_are_within_each_other(whole in list()) {
        let halves = halved(&whole);
        prop_assert!(halves.is_within(&whole), "{halves} within {whole}");
        prop_assert!(whole.is_within(&halves), "{whole} within {halves}");
    }

    /// In the corner, all of whose 256 addresses can be asked, `is_within` misses nothing.
    #[test]
    fn a_list_that_admits_no_more_is_within(a in corner(), b in corner()) {
        let mut addresses = (0..=u8::MAX).map(|last| Some(IpAddr::from([10, 0, 0, last])));
        prop_assert_eq!(a.is_within(&b), addresses.all(|at| !a.admits(at) || b.admits(at)));
    }

    #[test]
    fn a_list_reads_back_as_it_was_written(list in list()) {
        prop_assert_eq!(list.to_string().parse::<Allowlist>(), Ok(list.clone()));
        let json = serde_json::to_string(&list).unwrap();
        prop_assert_eq!(serde_json::from_str::<Allowlist>(&json).unwrap(), list);
    }

    #[test]
    fn any_text_is_a_network_in_its_own_spelling_or_none(raw in "[0-9a-fx:./%\\[\\] ]{0,24}") {
        if let Ok(net) = parse_network(&raw) {
            prop_assert_eq!(parse_network(&net.to_string()), Ok(net));
            prop_assert_eq!(net.trunc(), net);
        }
    }
}

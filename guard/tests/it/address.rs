//! The walk from the socket to the client's address (threats S18, S22); its table stands beside it.

use std::net::{IpAddr, Ipv4Addr};

use portcullis_guard::{ForwardedHeader, client_address};
use proptest::prelude::*;

const HEADERS: [ForwardedHeader; 2] = [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded];

fn is_proxy(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(v4) if v4.octets()[0] == 10)
}

fn walk(peer: IpAddr, header: ForwardedHeader, lines: &[String]) -> Option<IpAddr> {
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    client_address(Some(peer), header, &lines, is_proxy)
}

fn write(header: ForwardedHeader, hop: IpAddr) -> String {
    match (header, hop) {
        (ForwardedHeader::XForwardedFor, hop) => hop.to_string(),
        (ForwardedHeader::Forwarded, IpAddr::V4(v4)) => format!("for={v4};proto=https"),
        (ForwardedHeader::Forwarded, IpAddr::V6(v6)) => format!("by=\"a, b\";for=\"[{v6}]:4711\""),
    }
}

/// An address of ours or of the world, plain or mapped.
fn hop() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([10, a, b, c])),
        any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([198, a, b, c])),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        (any::<bool>(), any::<[u8; 3]>()).prop_map(|(ours, [a, b, c])| {
            let first = if ours { 10 } else { 198 };
            Ipv4Addr::new(first, a, b, c).to_ipv6_mapped().into()
        }),
    ]
}

/// What a stranger may write: anything, and often something that looks right.
fn line() -> impl Strategy<Value = String> {
    let element = (hop(), "[;, ]{0,2}[a-z]{0,3}=?\"?[\\\\ ,;\"x]{0,4}");
    prop_oneof![
        any::<String>(),
        "[for=\";,:.\\[\\]\\\\0-9a-f% ]{0,60}",
        hop().prop_map(|ip| ip.to_string()),
        element.prop_map(|(ip, rest)| format!("for={ip}{rest}")),
    ]
}

fn header() -> impl Strategy<Value = ForwardedHeader> {
    prop::sample::select(&HEADERS[..])
}

#[test]
fn nobody_is_trusted_unless_told_so() {
    let peer = IpAddr::from([10, 0, 0, 1]);
    for header in HEADERS {
        let lines = ["for=127.0.0.1", "127.0.0.1"];
        assert_eq!(client_address(Some(peer), header, &lines, |_| false), Some(peer));
        assert_eq!(client_address(None, header, &lines, |_| true), None);
    }
}

proptest! {
    #[test]
    fn without_proxies_the_answer_is_the_peer_whatever_the_header_says(
        peer in any::<IpAddr>(), header in header(), lines in prop::collection::vec(line(), 0..4),
    ) {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        prop_assert_eq!(client_address(Some(peer), header, &lines, |_| false), Some(peer.to_canonical()));
    }

    #[test]
    fn any_text_is_walked_without_panic(
        peer in hop(), header in header(), lines in prop::collection::vec(line(), 0..4),
    ) {
        if let Some(client) = walk(peer, header, &lines) {
            prop_assert_eq!(client, client.to_canonical());
        }
    }

    #[test]
    fn the_answer_is_the_peer_or_the_last_hop_that_is_no_proxy_of_ours(
        peer in hop(), header in header(), hops in prop::collection::vec(hop(), 0..6), cut in 0..6usize,
    ) {
        let written: Vec<_> = hops.iter().map(|hop| write(header, *hop)).collect();
        let (first, second) = written.split_at(cut.min(written.len()));
        let lines = [first.join(", "), second.join(",")];

        let client = walk(peer, header, &lines);

        let path = hops.iter().copied().chain([peer]).map(|ip| ip.to_canonical());
        let expected = path.clone().rev().find(|ip| !is_proxy(*ip)).or_else(|| path.clone().next());
        prop_assert_eq!(client, expected);
    }

    /// Whatever a stranger sends, what our proxy appended to the line decides, or nothing does.
    #[test]
    fn a_stranger_never_speaks_for_the_hop_that_our_proxy_appended(
        header in header(), strangers in line(), real in any::<[u8; 2]>(),
    ) {
        let real = IpAddr::from([198, 51, real[0], real[1]]);
        let appended = format!("{strangers}, {}", write(header, real));

        let client = walk([10, 0, 0, 1].into(), header, &[appended]);

        prop_assert!(client.is_none_or(|client| client == real), "{:?}", client);
    }
}

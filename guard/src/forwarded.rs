//! The address that a request came from, when proxies of ours stand in front.
//!
//! Start at the socket's peer and walk the one configured header from right to left; a hop is
//! believed only if the one before it is a proxy of ours (threat S18). A hop that counts and
//! cannot be read leaves the request without an address: restricted keys and tokens are refused
//! then, never guessed at.

use std::net::{IpAddr, SocketAddr};

/// Which header the proxies write. The other one is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    /// The header's name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// The hops that the header's lines name, in their order, unread.
    fn hops<'a>(self, lines: &[&'a str]) -> Vec<&'a str> {
        let divide = |line: &&'a str| match self {
            Self::XForwardedFor => line.split(',').collect(),
            Self::Forwarded => split_unquoted(line, b',').unwrap_or_else(|| vec![line]),
        };
        lines.iter().filter(|line| !line.trim().is_empty()).flat_map(divide).collect()
    }

    fn read(self, hop: &str) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => read_address(hop.trim()),
            Self::Forwarded => read_forwarded_for(hop),
        }
    }
}

/// The address that a request came from, or `None` if it cannot be told.
///
/// `peer` is the socket's other end, `lines` are the values of the header's lines in the order in
/// which they stand in the request, `is_proxy` tells the proxies of ours.
pub fn client_address(
    peer: Option<IpAddr>,
    header: ForwardedHeader,
    lines: &[&str],
    is_proxy: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let mut client = peer?.to_canonical();
    if !is_proxy(client) {
        return Some(client);
    }
    for hop in header.hops(lines).into_iter().rev() {
        client = header.read(hop)?.to_canonical();
        if !is_proxy(client) {
            break;
        }
    }
    Some(client)
}

/// An address, with or without port, IPv6 with or without brackets. A zone, a name, `unknown` is
/// none; neither is a number that only some parsers take for one (`010.0.0.1`).
fn read_address(raw: &str) -> Option<IpAddr> {
    let plain = raw.parse().ok();
    plain.or_else(|| read_bracketed(raw))
}

/// `192.0.2.1:4711`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn read_bracketed(raw: &str) -> Option<IpAddr> {
    let bare = raw.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(inside) => inside.parse().ok().map(IpAddr::V6),
        // SocketAddr would also read a zone (`[fe80::1%3]:80`): an address without its meaning.
        None => raw.parse::<SocketAddr>().ok().filter(|_| !raw.contains('%')).map(|s| s.ip()),
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239 §4); none, two or an obfuscated one is no
/// address, and IPv6 stands in brackets there (§6).
fn read_forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = split_unquoted(element, b';')?;
    let mut named = pairs.iter().filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let (Some(node), None) = (named.next(), named.next()) else { return None };
    let node = match node.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"').filter(|inside| !inside.contains(['"', '\\']))?,
        None => node,
    };
    match node.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => None,
        Ok(v4) => Some(v4),
        Err(_) => read_bracketed(node),
    }
}

/// Divides at `divider`, but not inside quoted strings (RFC 9110 §5.6.4). `None` if a quoted string
/// does not end: a stranger who opens one would swallow what the proxy appends to the line, and
/// the stranger's own `for` would stand in the last element.
fn split_unquoted(text: &str, divider: u8) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b if b == divider && !quoted => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!quoted).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ForwardedHeader::{Forwarded, XForwardedFor};

    fn walk(peer: &str, header: ForwardedHeader, lines: &[&str]) -> Option<String> {
        let proxies = ["10.0.0.0/8", "2001:db8:ff::/48"].map(|net| crate::parse_network(net).unwrap());
        let is_proxy = |ip| proxies.iter().any(|net| net.contains(&ip));
        client_address(peer.parse().ok(), header, lines, is_proxy).map(|ip| ip.to_string())
    }

    #[test]
    fn the_walk_believes_a_hop_only_behind_a_proxy_of_ours() {
        let thousand = vec!["10.9.9.9"; 1000].join(",");
        let spoofed_thousand = format!("198.51.100.1,{thousand}");
        let table: &[(&str, ForwardedHeader, &[&str], Option<&str>)] = &[
            // The peer is no proxy: the header is a stranger's claim.
            ("192.0.2.7", XForwardedFor, &["198.51.100.1"], Some("192.0.2.7")),
            ("192.0.2.7", XForwardedFor, &["garbage"], Some("192.0.2.7")),
            ("192.0.2.7", Forwarded, &["for=198.51.100.1"], Some("192.0.2.7")),
            // One proxy of ours; what stands left of the believed hop is spoofed.
            ("10.0.0.1", XForwardedFor, &["198.51.100.1"], Some("198.51.100.1")),
            ("10.0.0.1", XForwardedFor, &["127.0.0.1, 198.51.100.1"], Some("198.51.100.1")),
            ("10.0.0.1", XForwardedFor, &["unknown, 198.51.100.1"], Some("198.51.100.1")),
            // Two proxies of ours, in one line or in two.
            ("10.0.0.1", XForwardedFor, &["1.1.1.1,198.51.100.1 , 10.0.0.2"], Some("198.51.100.1")),
            ("10.0.0.1", XForwardedFor, &["1.1.1.1, 198.51.100.1", "10.0.0.2"], Some("198.51.100.1")),
            // All hops are ours: the leftmost. None at all: the proxy itself.
            ("10.0.0.1", XForwardedFor, &["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            ("10.0.0.1", XForwardedFor, &[], Some("10.0.0.1")),
            ("10.0.0.1", XForwardedFor, &[""], Some("10.0.0.1")),
            ("10.0.0.1", XForwardedFor, &[&thousand], Some("10.9.9.9")),
            ("10.0.0.1", XForwardedFor, &[&spoofed_thousand], Some("198.51.100.1")),
            // A hop that counts and cannot be read: no address.
            ("10.0.0.1", XForwardedFor, &["198.51.100.1, unknown"], None),
            ("10.0.0.1", XForwardedFor, &["198.51.100.1, 010.0.0.2"], None),
            ("10.0.0.1", XForwardedFor, &["198.51.100.1,, 10.0.0.2"], None),
            ("10.0.0.1", XForwardedFor, &["fe80::1%eth0"], None),
            ("10.0.0.1", XForwardedFor, &["[fe80::1%3]:80"], None),
            ("10.0.0.1", XForwardedFor, &["1.2.3"], None),
            ("10.0.0.1", XForwardedFor, &["0x7f.1"], None),
            ("10.0.0.1", XForwardedFor, &["host.example"], None),
            // Ports, brackets, IPv6, mapped addresses.
            ("10.0.0.1", XForwardedFor, &["198.51.100.1:4711"], Some("198.51.100.1")),
            ("10.0.0.1", XForwardedFor, &["2001:db8::1"], Some("2001:db8::1")),
            ("10.0.0.1", XForwardedFor, &["[2001:db8::1]"], Some("2001:db8::1")),
            ("10.0.0.1", XForwardedFor, &["[2001:db8::1]:4711"], Some("2001:db8::1")),
            ("10.0.0.1", XForwardedFor, &["::ffff:198.51.100.1"], Some("198.51.100.1")),
            ("10.0.0.1", XForwardedFor, &["::ffff:c633:6401"], Some("198.51.100.1")),
            ("::ffff:10.0.0.1", XForwardedFor, &["198.51.100.1"], Some("198.51.100.1")),
            ("2001:db8:ff::1", XForwardedFor, &["198.51.100.1"], Some("198.51.100.1")),
            // `Forwarded`.
            ("10.0.0.1", Forwarded, &["for=198.51.100.1"], Some("198.51.100.1")),
            ("10.0.0.1", Forwarded, &["For=\"[2001:db8::1]:4711\";proto=https"], Some("2001:db8::1")),
            ("10.0.0.1", Forwarded, &["for=1.1.1.1, for=198.51.100.1;by=10.0.0.1"], Some("198.51.100.1")),
            (
                "10.0.0.1",
                Forwarded,
                &["for=1.1.1.1, by=\"a,for=2.2.2.2\";for=198.51.100.1"],
                Some("198.51.100.1"),
            ),
            ("10.0.0.1", Forwarded, &["for=2001:db8::1"], None),
            ("10.0.0.1", Forwarded, &["for=unknown"], None),
            ("10.0.0.1", Forwarded, &["for=_hidden"], None),
            ("10.0.0.1", Forwarded, &["proto=https"], None),
            ("10.0.0.1", Forwarded, &["for=198.51.100.1;for=10.0.0.9"], None),
            ("10.0.0.1", Forwarded, &["for=\"198.51.100.1"], None),
            // A stranger's open quote swallows what the proxy appended: no address, not the stranger's.
            ("10.0.0.1", Forwarded, &["for=127.0.0.1;by=\", for=198.51.100.1"], None),
            ("10.0.0.1", Forwarded, &["for=127.0.0.1;by=\", for=\"[2001:db8::1]\""], None),
            ("10.0.0.1", Forwarded, &["for=127.0.0.1;by=\"\\, for=198.51.100.1"], None),
            ("10.0.0.1", Forwarded, &["for=127.0.0.1;by=\"", "for=198.51.100.1"], Some("198.51.100.1")),
            // No peer at all.
            ("", XForwardedFor, &["198.51.100.1"], None),
        ];
        for (peer, header, lines, expected) in table {
            assert_eq!(walk(peer, *header, lines).as_deref(), *expected, "{peer} {lines:?}");
        }
    }
}

//! Where webhooks may be sent: public addresses, and the private networks that the operator names
//! (threat S38). It is asked of the address that is connected to, never of a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Where machines in clouds are told who they are, and with which credentials: never a receiver, whatever
/// network it is in. One of them looks like any public address. From the data sources of cloud-init and the
/// clouds' own pages.
const METADATA: [&str; 15] = [
    "169.254.169.254/32",
    // Amazon's containers.
    "169.254.170.0/24",
    // Scaleway, and twice Tencent.
    "169.254.42.42/32",
    "169.254.0.23/32",
    "169.254.10.10/32",
    // Alibaba, Azure, Oracle's first.
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    // Amazon, Google, Oracle, Scaleway, Akamai, Alibaba, OpenStack.
    "fd00:ec2::/32",
    "fd20:ce::254/128",
    "fd00:c1::a9fe:a9fe/128",
    "fd00:42::42/128",
    "fd00:a9fe:a9fe::1/128",
    "fd00:100::100:200/128",
    "fe80::a9fe:a9fe/128",
];

/// What of IPv4 is not public (RFC 6890 and the registry that it began), and multicast.
const NOT_PUBLIC_V4: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// All that is public of IPv6 is in here, ...
const PUBLIC_V6: &str = "2000::/3";
/// ... but for this: protocols, documentation, and IPv4 in disguise (Teredo, 6to4).
const NOT_PUBLIC_V6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/// The addresses that may be connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    /// Private networks that the operator names.
    allowed: Vec<IpNet>,
}

impl Destinations {
    /// Public addresses, and these networks.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether this address may be connected to. In plain HTTP only those that the operator names may be:
    /// anywhere else somebody listens.
    #[must_use]
    pub fn permit(&self, address: IpAddr, plain: bool) -> bool {
        let address = address.to_canonical();
        if is_never(address) {
            return false;
        }
        self.names(address) || (!plain && is_public(address))
    }

    /// Whether the operator names any network.
    #[must_use]
    pub fn name_any(&self) -> bool {
        !self.allowed.is_empty()
    }

    fn names(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(&address))
    }
}

/// Nobody's address, everybody's, or one that is never a receiver; or one that stands for such a one.
fn is_never(address: IpAddr) -> bool {
    if let IpAddr::V6(v6) = address
        && let Some(within) = within(v6)
        && is_never(within.into())
    {
        return true;
    }
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    address.is_unspecified() || address.is_multicast() || is_broadcast || is_in(&METADATA, address)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !is_in(&NOT_PUBLIC_V4, address),
        IpAddr::V6(v6) => match translated(v6) {
            Some(v4) => is_public(v4.into()),
            None => is_in(&[PUBLIC_V6], address) && !is_in(&NOT_PUBLIC_V6, address),
        },
    }
}

/// The IPv4 address behind one that a translator stands for (`64:ff9b::/96`, RFC 6052), as machines have
/// them that speak IPv6 alone.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x0064, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() else { return None };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

/// The IPv4 address that a tunnel or a translator would make of this one, where there is any: 6to4, those of
/// RFC 6052, RFC 8215 and RFC 2765, and the compatible ones of old. None of them is public but those that [`translated`] reads.
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let (high, low) = match address.segments() {
        [0x2002, high, low, ..]
        | [0x0064, 0xff9b, 0 | 1, _, _, _, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low] => (high, low),
        // Beside nobody's address and one's own, which have names of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

fn is_in(networks: &[&str], address: IpAddr) -> bool {
    let network = |raw: &&str| raw.parse::<IpNet>().expect("a constant network");
    networks.iter().map(network).any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(allowed: &str, address: &str, plain: bool) -> bool {
        let allowed = allowed.split_whitespace().map(|network| network.parse().unwrap()).collect();
        Destinations::new(allowed).permit(address.parse().unwrap(), plain)
    }

    #[test]
    fn public_addresses_may_be_reached_and_no_others() {
        for public in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
        ] {
            assert!(permitted("", public, false), "{public}");
            assert!(!permitted("", public, true), "{public} in plain");
        }
        for not in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!permitted("", not, false), "{not}");
        }
    }

    #[test]
    fn a_network_that_the_operator_names_may_be_reached_but_for_what_never_is_a_receiver() {
        let all = "0.0.0.0/0 ::/0";
        for (allowed, address, may) in [
            ("127.0.0.0/8", "127.0.0.1", true),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
            ("127.0.0.0/8", "::1", false),
            ("127.0.0.0/8", "10.0.0.1", false),
            ("10.0.0.0/8", "10.9.9.9", true),
            ("fd00::/8", "fd00::7", true),
            ("fd00::/8", "fd00:ec2::254", false),
            ("169.254.0.0/16", "169.254.0.1", true),
            ("169.254.0.0/16", "169.254.169.254", false),
            (all, "100.100.100.200", false),
            (all, "168.63.129.16", false),
            (all, "64:ff9b::a9fe:a9fe", false),
            (all, "64:ff9b:1::a9fe:a9fe", false),
            (all, "2002:a9fe:a9fe::1", false),
            (all, "::a9fe:a9fe", false),
            (all, "::ffff:0:a9fe:a9fe", false),
            (all, "169.254.170.23", false),
            (all, "169.254.42.42", false),
            (all, "169.254.0.23", false),
            (all, "169.254.10.10", false),
            (all, "192.0.0.192", false),
            (all, "192.0.0.191", true),
            (all, "fd20:ce::254", false),
            (all, "fd00:c1::a9fe:a9fe", false),
            (all, "fd00:42::42", false),
            (all, "fd00:a9fe:a9fe::1", false),
            (all, "fd00:100::100:200", false),
            (all, "fe80::a9fe:a9fe", false),
            ("64:ff9b::/96", "64:ff9b::a9fe:a9fe", false),
            ("64:ff9b::/96", "64:ff9b::a01:203", true),
            (all, "0.0.0.0", false),
            (all, "224.0.0.1", false),
            (all, "ff02::1", false),
            (all, "255.255.255.255", false),
            (all, "192.168.1.1", true),
        ] {
            for plain in [false, true] {
                assert_eq!(permitted(allowed, address, plain), may, "{allowed} {address} plain {plain}");
            }
        }
    }
}

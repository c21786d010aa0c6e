//! Networks, and the allowlist of a key or token.
//!
//! IPv4-mapped IPv6 is IPv4 everywhere (threat S19), and nothing that only *some* parsers would
//! read as an address is read at all (threat S20).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not a network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// The part before the `/` is no address.
    #[error("not an IPv4 or IPv6 address in its usual notation")]
    Address,
    /// The part after the `/` is no prefix length of that family.
    #[error("the prefix length must be a decimal number within the address family's length")]
    Prefix,
    /// Bits beyond the prefix are set.
    #[error("bits beyond the prefix length are set; write the network address, such as {0}")]
    HostBits(IpNet),
    /// More networks than a token could carry.
    #[error("more than {} networks", Allowlist::MOST)]
    TooMany,
}

/// Reads `192.0.2.0/24`, or a bare address as a network of its own.
///
/// # Errors
/// See [`InvalidNetwork`].
pub fn parse_network(raw: &str) -> Result<IpNet, InvalidNetwork> {
    let (address, prefix) = match raw.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (raw, None),
    };
    let address: IpAddr = address.parse().map_err(|_| InvalidNetwork::Address)?;
    let prefix = prefix.map(parse_prefix).transpose()?;
    let (address, prefix) = unmapped(address, prefix)?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let network = IpNet::new(address, prefix.unwrap_or(longest)).map_err(|_| InvalidNetwork::Prefix)?;
    if network.trunc() == network { Ok(network) } else { Err(InvalidNetwork::HostBits(network.trunc())) }
}

fn parse_prefix(raw: &str) -> Result<u8, InvalidNetwork> {
    let plain = raw.bytes().all(|b| b.is_ascii_digit()) && (raw == "0" || !raw.starts_with('0'));
    raw.parse().ok().filter(|_| plain).ok_or(InvalidNetwork::Prefix)
}

/// `::ffff:192.0.2.0/120` is `192.0.2.0/24`; a mapped address with a shorter prefix than the
/// mapping itself would reach outside IPv4 and is refused.
fn unmapped(address: IpAddr, prefix: Option<u8>) -> Result<(IpAddr, Option<u8>), InvalidNetwork> {
    match (address, address.to_canonical(), prefix) {
        (IpAddr::V6(_), canonical @ IpAddr::V4(_), Some(prefix)) => {
            let shorter = prefix.checked_sub(96).ok_or(InvalidNetwork::Prefix)?;
            Ok((canonical, Some(shorter)))
        }
        (_, canonical, prefix) => Ok((canonical, prefix)),
    }
}

/// The networks from which a key or token may be used. Empty means: from anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Allowlist(Vec<IpNet>);

impl Allowlist {
    /// The most networks that one key may list (they all travel in every token of it).
    pub const MOST: usize = 32;

    /// From networks, in any order; one named twice counts once.
    ///
    /// # Errors
    /// [`InvalidNetwork::TooMany`] beyond [`Allowlist::MOST`].
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Result<Self, InvalidNetwork> {
        let mut networks: Vec<IpNet> = networks.into_iter().collect();
        networks.sort();
        networks.dedup();
        if networks.len() > Self::MOST { Err(InvalidNetwork::TooMany) } else { Ok(Self(networks)) }
    }

    /// The networks, in order.
    #[must_use]
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether any address will do.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request from `address` passes. Without an address only the unrestricted list
    /// admits: who cannot be placed is not inside.
    #[must_use]
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        self.is_unrestricted()
            || address.map(|a| a.to_canonical()).is_some_and(|a| self.0.iter().any(|net| net.contains(&a)))
    }

    /// Whether every request that this list admits, `other` admits too. It compares meanings:
    /// two halves are within the whole, and the whole is within its two halves.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        if other.is_unrestricted() {
            return true;
        }
        let outer = IpNet::aggregate(&other.0);
        !self.is_unrestricted() && self.0.iter().all(|net| outer.iter().any(|o| o.contains(net)))
    }

    /// Whether the list names a network that is a whole address family, such as `0.0.0.0/0`:
    /// allowed, and worth a warning.
    #[must_use]
    pub fn names_everything(&self) -> bool {
        self.0.iter().any(|net| net.prefix_len() == 0)
    }
}

impl FromStr for Allowlist {
    type Err = InvalidNetwork;

    /// Networks divided by commas or white space. Only the empty text is the unrestricted list:
    /// dividers between which nothing stands are a mistake, and must not mean "from anywhere".
    fn from_str(raw: &str) -> Result<Self, InvalidNetwork> {
        let words = raw.split(|c: char| c == ',' || c.is_ascii_whitespace()).filter(|w| !w.is_empty());
        let list = Self::new(words.map(parse_network).collect::<Result<Vec<_>, _>>()?)?;
        if list.is_unrestricted() && !raw.is_empty() { Err(InvalidNetwork::Address) } else { Ok(list) }
    }
}

impl fmt::Display for Allowlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{network}")?;
        }
        Ok(())
    }
}

impl Serialize for Allowlist {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Allowlist {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Vec::<String>::deserialize(from)?;
        let networks: Result<Vec<_>, _> = raw.iter().map(|net| parse_network(net)).collect();
        networks.and_then(Self::new).map_err(serde::de::Error::custom)
    }
}

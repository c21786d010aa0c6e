//! Where a webhook's events are sent.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use url::{Host, Url};

use super::Destinations;

/// The longest URL, in bytes.
const LONGEST: usize = 2048;

/// The URL of a receiver: `https`, or `http` within networks that the operator names. It is no secret: it
/// is shown to whoever may see the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Why events cannot be sent there. Nothing of the URL is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is none.
    #[error("it is no URL of at most 2048 characters with a host, such as https://hooks.example/portcullis")]
    NoUrl,
    /// It is of another scheme.
    #[error("it must begin with https://")]
    Scheme,
    /// In plain HTTP only networks are reached that the operator names.
    #[error(
        "it must begin with https://; plain http is for networks of the setting `webhooks.allow_networks`"
    )]
    Plain,
    /// It carries a user name or a password.
    #[error("it must carry no credentials; who receives is proven by the signature")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("it must have no fragment")]
    Fragment,
    /// It names an address that may not be reached.
    #[error(
        "its address is not a public one; private networks are reached if the setting `webhooks.allow_networks` \
         names them"
    )]
    Address,
}

impl WebhookUrl {
    /// Whether it may be sent to, as far as the URL itself tells. Where a name leads is looked at when
    /// something is sent.
    ///
    /// # Errors
    /// See [`InvalidUrl`].
    pub fn check(&self, destinations: &Destinations) -> Result<(), InvalidUrl> {
        let plain = self.is_plain();
        if plain && !destinations.name_any() {
            return Err(InvalidUrl::Plain);
        }
        let address = match self.0.host().ok_or(InvalidUrl::NoUrl)? {
            Host::Ipv4(address) => address.into(),
            Host::Ipv6(address) => address.into(),
            Host::Domain(name) if is_this_machine(name) => std::net::Ipv4Addr::LOCALHOST.into(),
            Host::Domain(_) => return Ok(()),
        };
        if destinations.permit(address, plain) { Ok(()) } else { Err(InvalidUrl::Address) }
    }

    /// Whether it is sent in plain HTTP.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port, for logs: what follows may be somebody's password after all.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

/// Names that lead to loopback wherever they are asked for (RFC 6761 §6.3).
fn is_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

impl FromStr for WebhookUrl {
    type Err = InvalidUrl;

    fn from_str(raw: &str) -> Result<Self, InvalidUrl> {
        let readable = raw.len() <= LONGEST && !raw.chars().any(|c| c.is_control() || c.is_whitespace());
        if !readable {
            return Err(InvalidUrl::NoUrl);
        }
        let url = Url::parse(raw).map_err(|_| InvalidUrl::NoUrl)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(InvalidUrl::Scheme);
        }
        if url.host().is_none() || url.port() == Some(0) {
            return Err(InvalidUrl::NoUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::Credentials);
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl::Fragment);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for WebhookUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(raw: &str, allowed: &str) -> Result<(), InvalidUrl> {
        let allowed = allowed.split_whitespace().map(|network| network.parse().unwrap()).collect();
        raw.parse::<WebhookUrl>()?.check(&Destinations::new(allowed))
    }

    #[test]
    fn a_receiver_is_reached_by_https_at_a_name_or_a_public_address() {
        for good in ["https://hooks.example/x?y=z", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/"] {
            assert_eq!(checked(good, ""), Ok(()), "{good}");
        }
        for (wrong, why) in [
            ("file:///etc/passwd", InvalidUrl::Scheme),
            ("ftp://hooks.example/", InvalidUrl::Scheme),
            ("gopher://hooks.example/", InvalidUrl::Scheme),
            ("unix:/run/docker.sock", InvalidUrl::Scheme),
            ("data:text/plain,x", InvalidUrl::Scheme),
            ("javascript:alert(1)", InvalidUrl::Scheme),
            ("", InvalidUrl::NoUrl),
            ("hooks.example", InvalidUrl::NoUrl),
            ("https://", InvalidUrl::NoUrl),
            ("https://hooks.example:0/", InvalidUrl::NoUrl),
            ("https://hooks.example/ x", InvalidUrl::NoUrl),
            ("https://hooks.example/\r\nX-Y: z", InvalidUrl::NoUrl),
            ("http://hooks.example/", InvalidUrl::Plain),
            ("http://8.8.8.8/", InvalidUrl::Plain),
            ("https://user@hooks.example/", InvalidUrl::Credentials),
            ("https://:secret@hooks.example/", InvalidUrl::Credentials),
            ("https://hooks.example/#there", InvalidUrl::Fragment),
            ("https://127.0.0.1/", InvalidUrl::Address),
            ("https://localhost/", InvalidUrl::Address),
            ("https://a.localhost./", InvalidUrl::Address),
            ("https://0x7f.1/", InvalidUrl::Address),
            ("https://2130706433/", InvalidUrl::Address),
            ("https://017700000001/", InvalidUrl::Address),
            ("https://127.1/", InvalidUrl::Address),
            ("https://[::1]/", InvalidUrl::Address),
            ("https://[::ffff:10.0.0.1]/", InvalidUrl::Address),
            ("https://[::ffff:a00:1]/", InvalidUrl::Address),
            ("https://[fe80::1]/", InvalidUrl::Address),
            ("https://169.254.169.254/latest/meta-data/", InvalidUrl::Address),
            ("https://[fd00:ec2::254]/", InvalidUrl::Address),
        ] {
            assert_eq!(checked(wrong, ""), Err(why), "{wrong}");
        }
        assert_eq!(
            checked(&format!("https://hooks.example/{}", "x".repeat(2048)), ""),
            Err(InvalidUrl::NoUrl)
        );
    }

    #[test]
    fn plain_http_is_for_networks_that_the_operator_names() {
        let named = "127.0.0.0/8";
        for good in
            ["http://127.0.0.1:9/x", "https://127.0.0.1/", "http://localhost/", "http://intern.example/"]
        {
            assert_eq!(checked(good, named), Ok(()), "{good}");
        }
        for wrong in ["http://8.8.8.8/", "http://10.0.0.1/", "http://[::1]/", "https://[::1]/"] {
            assert_eq!(checked(wrong, named), Err(InvalidUrl::Address), "{wrong}");
        }
    }

    #[test]
    fn a_log_is_told_the_origin_alone() {
        let url: WebhookUrl = "https://hooks.example:8443/services/T0/canary?token=canary".parse().unwrap();
        assert_eq!(url.origin(), "https://hooks.example:8443");
    }
}

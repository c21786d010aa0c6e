//! The address that a request came from, as an extractor.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;
use portcullis_guard::client_address;

use super::Server;

/// The address that a request came from; none if it cannot be told.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// Walks from the socket outwards, as far as proxies are trusted.
    #[must_use]
    pub fn of(headers: &HeaderMap, extensions: &Extensions, server: &Server) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let trusted = &server.client_address;
        let lines = headers.get_all(trusted.header.name()).iter();
        let lines: Vec<Cow<'_, str>> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        let is_proxy = |hop: IpAddr| trusted.trusted_proxies.iter().any(|net| net.contains(&hop));
        Self(client_address(peer, trusted.header, &lines, is_proxy))
    }

    /// The network around it, for logs, which hold no whole address: /24 of IPv4, /48 of IPv6.
    #[must_use]
    pub fn network(self) -> Option<IpNet> {
        let prefix = |address: IpAddr| if address.is_ipv4() { 24 } else { 48 };
        self.0.and_then(|address| IpNet::new(address, prefix(address)).ok()).map(|network| network.trunc())
    }
}

/// Whether who sent a request to us is a proxy that is believed.
#[must_use]
pub fn is_from_proxy(extensions: &Extensions, server: &Server) -> bool {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical());
    let trusted = &server.client_address.trusted_proxies;
    peer.is_some_and(|peer| trusted.iter().any(|network| network.contains(&peer)))
}

impl FromRequestParts<Arc<Server>> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, &parts.extensions, server))
    }
}

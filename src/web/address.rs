//! The address that a request came from, as an extractor.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use portcullis_guard::client_address;

use super::Server;

/// The address that a request came from; none if it cannot be told.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

impl FromRequestParts<Arc<Server>> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let trusted = &server.client_address;
        let lines = parts.headers.get_all(trusted.header.name()).iter();
        let lines: Vec<Cow<'_, str>> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        let is_proxy = |hop: IpAddr| trusted.trusted_proxies.iter().any(|net| net.contains(&hop));
        Ok(Self(client_address(peer, trusted.header, &lines, is_proxy)))
    }
}

//! From a name to the addresses that may be connected to. What is looked at here is what is connected to:
//! nobody asks a second time, so an answer that changes meanwhile gains nothing (DNS rebinding).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::domain::webhook::Destinations;

/// Tells the addresses of names.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// The addresses of a name.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// What this machine says of names.
#[derive(Debug)]
pub struct SystemNames;

#[async_trait]
impl Lookup for SystemNames {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(lookup_host((name, 0)).await?.map(|found| found.ip()).collect())
    }
}

/// A name leads nowhere that may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiver's address may not be connected to")]
pub(super) struct Forbidden;

/// The addresses of names, but for those that may not be connected to.
#[derive(Clone)]
pub(super) struct Permitted {
    pub(super) names: Arc<dyn Lookup>,
    pub(super) destinations: Arc<Destinations>,
    /// Whether the connection will be in plain HTTP.
    pub(super) plain: bool,
}

impl Resolve for Permitted {
    fn resolve(&self, name: Name) -> Resolving {
        let own = self.clone();
        Box::pin(async move {
            let mut found = own.names.addresses(name.as_str()).await?;
            found.retain(|address| own.destinations.permit(*address, own.plain));
            if found.is_empty() {
                return Err(Forbidden.into());
            }
            // Port 0 stands for that of the URL.
            let found: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(found)
        })
    }
}

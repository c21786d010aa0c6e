//! One listener at work: whom it lets in, and how it closes.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::connection::Places;
use super::drain::{Drain, Entrance, Peer};
use super::{Patience, limits};
use crate::tls::Certificate;

/// How often it is looked whether everybody who was connected has gone.
const LOOK: Duration = Duration::from_millis(5);

/// A bound socket that nobody is served on yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    certificate: Option<Arc<Certificate>>,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, certificate: None })
    }

    /// With TLS alone, by this certificate.
    #[must_use]
    pub fn with_tls(self, certificate: Arc<Certificate>) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What it proves itself with.
    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }
}

/// A listener on which somebody is served.
#[derive(Debug)]
pub(super) struct Door {
    handle: Handle<Peer>,
    drain: Drain,
    serving: JoinHandle<io::Result<()>>,
}

impl Door {
    /// Serves on a listener. Whether it is about to close is known to `drain`.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn open(
        listener: Listener,
        places: Places,
        patience: Patience,
        drain: Drain,
        app: Router,
    ) -> io::Result<Self> {
        let (handle, app) = (Handle::new(), app.into_make_service_with_connect_info::<SocketAddr>());
        let Listener { socket, certificate } = listener;
        let entrance = Entrance::at(socket, drain.clone())?;
        let mut listening = axum_server::Server::<Peer>::from_listener(entrance).handle(handle.clone());
        limits::limit(listening.http_builder(), patience);
        let serving = if let Some(certificate) = certificate {
            let acceptor = limits::by_tls(certificate.served(), patience, drain.clone(), places);
            tokio::spawn(listening.acceptor(acceptor).serve(app))
        } else {
            // Without TLS nobody speaks HTTP/2.
            let acceptor = limits::plainly(patience, drain.clone(), places);
            tokio::spawn(listening.acceptor(acceptor).http1_only().serve(app))
        };
        Ok(Self { handle, drain, serving })
    }

    /// Lets nobody else in.
    pub(super) fn begin_to_close(&self) {
        self.drain.begin();
    }

    /// Answers whoever is connected once more, for a while, and then finishes what is under way, for
    /// another.
    pub(super) async fn close(self, once_more: Duration, rest: Duration) {
        let Self { handle, drain, serving } = self;
        drain.begin();
        let _ = timeout(once_more, nobody_is_connected(&drain, &handle)).await;
        handle.graceful_shutdown(Some(rest));
        let _ = serving.await;
    }
}

async fn nobody_is_connected(drain: &Drain, handle: &Handle<Peer>) {
    drain.nobody_comes().await;
    while handle.connection_count() > 0 {
        sleep(LOOK).await;
    }
}

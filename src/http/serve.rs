//! Listening and stopping: let nobody else in, answer whoever is connected for a while longer, finish
//! what is under way within ten seconds, flush the log.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::drain::{Drain, Entrance, Peer};
use super::{Patience, limits, loops, renewal, router_for};
use crate::keys::Uses;
use crate::revocation::Log;
use crate::tls::Certificate;
use crate::web::Server;

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
}

/// A server at work.
#[derive(Debug)]
pub struct Running {
    handle: Handle<Peer>,
    drain: Drain,
    serving: JoinHandle<io::Result<()>>,
    following: JoinHandle<()>,
    rotating: JoinHandle<()>,
    tending: JoinHandle<()>,
    renewing: JoinHandle<()>,
    uses: Arc<Uses>,
    log: Arc<Log>,
    writer: JoinHandle<()>,
    grace: Duration,
}

impl Running {
    /// Serves on a listener and follows the feed, until [`Running::stop`].
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(listener: Listener, server: Arc<Server>, writer: JoinHandle<()>) -> io::Result<Self> {
        Self::start_with(listener, server, writer, Patience::default())
    }

    /// [`Running::start`], with another patience than usual.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start_with(
        listener: Listener,
        server: Arc<Server>,
        writer: JoinHandle<()>,
        patience: Patience,
    ) -> io::Result<Self> {
        let (handle, drain) = (Handle::new(), Drain::counting(server.metrics.connections.clone()));
        let following = tokio::spawn(loops::follow(server.clone()));
        let rotating = tokio::spawn(loops::rotate(server.clone()));
        let tending = tokio::spawn(loops::tend(server.clone()));
        let (uses, log) = (server.uses.clone(), server.copy.log().clone());
        let app =
            router_for(server, patience, drain.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let Listener { socket, certificate } = listener;
        let renewing = tokio::spawn(renewal::renew(certificate.clone()));
        let entrance = Entrance::at(socket, drain.clone())?;
        let mut listening = axum_server::Server::<Peer>::from_listener(entrance).handle(handle.clone());
        limits::limit(listening.http_builder(), patience);
        let serving = if let Some(certificate) = certificate {
            let acceptor = limits::by_tls(certificate.served(), patience, drain.clone());
            tokio::spawn(listening.acceptor(acceptor).serve(app))
        } else {
            // Without TLS nobody speaks HTTP/2.
            let acceptor = limits::plainly(patience, drain.clone());
            tokio::spawn(listening.acceptor(acceptor).http1_only().serve(app))
        };
        let grace = patience.grace;
        Ok(Self { handle, drain, serving, following, rotating, tending, renewing, uses, log, writer, grace })
    }

    /// Stops: lets nobody else in and answers each connection once more, finishes what is under way,
    /// writes down what is only in memory, flushes the issuance log.
    pub async fn stop(self) {
        let Self { handle, drain, serving, following, rotating, tending, renewing, uses, log, writer, grace } =
            self;
        // A fifth of the time is for what is written last, which waits for nobody outside; a tenth is
        // theirs who are connected and have not asked yet.
        let (flush, once_more) = (grace / 5, grace / 10);
        let all_but_the_log = async {
            drain.begin();
            // Whoever follows the feed would wait for longer than there is time.
            log.end();
            let _ = timeout(once_more, nobody_is_connected(&drain, &handle)).await;
            handle.graceful_shutdown(Some(grace.saturating_sub(flush + once_more)));
            let _ = serving.await;
            for task in [following, rotating, tending, renewing] {
                task.abort();
                let _ = task.await;
            }
            if let Err(error) = uses.write().await {
                loops::uses_unwritten(&error);
            }
        };
        let _ = timeout(grace.saturating_sub(flush / 2), all_but_the_log).await;
        // The last reference to the server is gone with its requests; the writer ends by itself.
        let _ = timeout(flush / 2, writer).await;
    }
}

async fn nobody_is_connected(drain: &Drain, handle: &Handle<Peer>) {
    drain.nobody_comes().await;
    while handle.connection_count() > 0 {
        sleep(LOOK).await;
    }
}

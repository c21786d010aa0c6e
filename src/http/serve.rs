//! Listening, the background loop, and stopping: stop accepting, finish what is under way within
//! ten seconds, flush the log.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use tokio::task::JoinHandle;

use super::{Patience, limits, renewal, router_for};
use crate::keys::Uses;
use crate::store::Error as StoreError;
use crate::tls::Certificate;
use crate::web::Server;

/// How often it is looked whether a signing key needs a successor.
const ROTATION: Duration = Duration::from_mins(1);
/// How often it is looked whether there is anything to write down or to clear.
const TENDING: Duration = Duration::from_secs(5);

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
    handle: Handle<SocketAddr>,
    serving: JoinHandle<io::Result<()>>,
    following: JoinHandle<()>,
    rotating: JoinHandle<()>,
    tending: JoinHandle<()>,
    renewing: JoinHandle<()>,
    uses: Arc<Uses>,
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
        let handle = Handle::new();
        let following = tokio::spawn(follow(server.clone()));
        let rotating = tokio::spawn(rotate(server.clone()));
        let tending = tokio::spawn(tend(server.clone()));
        let uses = server.uses.clone();
        let app = router_for(server, patience).into_make_service_with_connect_info::<SocketAddr>();
        let Listener { socket, certificate } = listener;
        let renewing = tokio::spawn(renewal::renew(certificate.clone()));
        let mut listening = axum_server::from_tcp(socket)?.handle(handle.clone());
        limits::limit(listening.http_builder(), patience);
        let serving = match certificate {
            Some(certificate) => {
                let secure = listening.acceptor(limits::by_tls(certificate.served(), patience));
                tokio::spawn(secure.serve(app))
            }
            // Without TLS nobody speaks HTTP/2.
            None => tokio::spawn(listening.acceptor(limits::plainly(patience)).http1_only().serve(app)),
        };
        let grace = patience.grace;
        Ok(Self { handle, serving, following, rotating, tending, renewing, uses, writer, grace })
    }

    /// Stops: accepts nobody any more, finishes what is under way, writes down what is only in
    /// memory, flushes the issuance log.
    pub async fn stop(self) {
        // A fifth of the time is the log's, which waits for nobody outside.
        let flush = self.grace / 5;
        self.handle.graceful_shutdown(Some(self.grace.saturating_sub(flush)));
        let _ = self.serving.await;
        for task in [self.following, self.rotating, self.tending, self.renewing] {
            task.abort();
            let _ = task.await;
        }
        if let Ok(Err(error)) = tokio::time::timeout(self.grace, self.uses.write()).await {
            uses_unwritten(&error);
        }
        // The last reference to the server is gone with its requests; the writer ends by itself.
        let _ = tokio::time::timeout(flush, self.writer).await;
    }
}

/// Writes down what can wait and clears what is old, apart from following: nothing here may make the copy late.
async fn tend(server: Arc<Server>) {
    let mut turn = tokio::time::interval(TENDING);
    turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        if let Err(error) = server.uses.step().await {
            uses_unwritten(&error);
        }
        match server.retention.step().await {
            Ok(0) => {}
            Ok(deleted) => tracing::debug!(deleted, "old rows of the issuance log were deleted"),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old rows of the issuance log could not be deleted"
            ),
        }
    }
}

fn uses_unwritten(error: &StoreError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the last uses of secrets could not be written down"
    );
}

/// Announces successors of signing keys in time.
async fn rotate(server: Arc<Server>) {
    let mut turn = tokio::time::interval(ROTATION);
    loop {
        turn.tick().await;
        if let Err(error) = server.rotate_what_is_due().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the signing keys could not be looked after"
            );
        }
    }
}

async fn follow(server: Arc<Server>) {
    let mut failing = false;
    loop {
        server.sync.wait().await;
        match server.sync.step().await {
            Ok(()) if failing => {
                tracing::info!("the feed is read again");
                failing = false;
            }
            Err(error) if !failing => {
                tracing::error!(error = &error as &dyn std::error::Error, "the feed cannot be read");
                failing = true;
            }
            _ => {}
        }
    }
}

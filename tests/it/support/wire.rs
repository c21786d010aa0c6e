//! A server on a socket of its own, and clients that are no gentlemen.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis::http::{Listener, Listeners, Patience, Running};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::App;

/// Longer than anything here takes, and short enough to be noticed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A client for servers without TLS, to which the authorities of this machine are nothing.
pub(crate) fn plain_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

/// A server on a socket.
pub(crate) struct Wire {
    pub(super) address: SocketAddr,
    pub(super) running: Running,
}

impl App {
    /// Serves on a free port, with little patience.
    pub(crate) fn listen(&self) -> Wire {
        self.listen_on(Listener::bind(([127, 0, 0, 1], 0).into()).unwrap(), Wire::hasty())
    }

    /// Serves on a port that is bound already.
    pub(crate) fn listen_on(&self, listener: Listener, patience: Patience) -> Wire {
        let address = listener.address().unwrap();
        let listeners = Listeners { public: listener, admin: None };
        Wire { address, running: self.run_on(listeners, patience) }
    }

    /// The same, with the administrators' listener beside it; where that is.
    pub(crate) fn listen_for_administrators_too(&self, patience: Patience) -> (Wire, SocketAddr) {
        let bind = || Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let (public, admin) = (bind(), bind());
        let (address, for_administrators) = (public.address().unwrap(), admin.address().unwrap());
        let running = self.run_on(Listeners { public, admin: Some(admin) }, patience);
        (Wire { address, running }, for_administrators)
    }

    fn run_on(&self, listeners: Listeners, patience: Patience) -> Running {
        let writer = tokio::spawn(async {});
        Running::start_with(listeners, self.server.clone(), writer, patience).unwrap()
    }
}

impl Wire {
    /// Little patience.
    pub(crate) fn hasty() -> Patience {
        let short = Duration::from_millis(300);
        Patience { head: short, request: short, grace: short }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes, and reads until the server closes; what it answered before, if anything
    /// arrived. Fails if the server keeps the connection.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let (mut reads, mut writes) = self.connect().await.into_split();
        let mut answer = Vec::new();
        let both = async {
            // The server may close while we write, and reset while we read: both are answers.
            let write = async { writes.write_all(bytes).await.ok() };
            let read = async { reads.read_to_end(&mut answer).await.ok() };
            tokio::join!(write, read);
        };
        timeout(DEADLINE, both).await.expect("the server keeps a connection that it should close");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(mut client: TcpStream) -> String {
        let mut answer = Vec::new();
        let read = timeout(DEADLINE, client.read_to_end(&mut answer)).await;
        read.expect("the server keeps a connection that it should close").ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A well-behaved client still gets an answer.
    pub(crate) async fn assert_alive(&self) {
        let answer = self.exchange(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    pub(crate) async fn stop(self) {
        timeout(DEADLINE, self.running.stop()).await.expect("the server does not stop");
    }
}

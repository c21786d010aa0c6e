//! How a stop begins: nobody else is let in, and whoever is connected may ask once more.
//!
//! A connection that is let go at that moment may have a request on its way, and its client cannot
//! know whether it arrived. So those that are there stay for a while, each answer says that it is the
//! last of its connection, and those that come are refused by the system, which harms nobody.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::connect_info::Connected;
use axum_server::{AddrListener, Address};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};

use crate::metrics::{Level, Present};

/// Whether a server is about to stop.
#[derive(Clone, Debug, Default)]
pub(super) struct Drain(Arc<Begun>);

#[derive(Debug, Default)]
struct Begun {
    /// What each request looks at.
    flag: AtomicBool,
    gate: watch::Sender<Gate>,
    connections: Level,
}

/// Whether anybody else is let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    Closing,
    Closed,
}

impl Drain {
    /// Counts who is connected in this.
    pub(super) fn counting(connections: Level) -> Self {
        Self(Arc::new(Begun { connections, ..Begun::default() }))
    }

    /// One more is connected.
    pub(super) fn enter(&self) -> Present {
        self.0.connections.enter()
    }

    /// Whether it has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.0.flag.load(Ordering::Relaxed)
    }

    /// Begins.
    pub(super) fn begin(&self) {
        self.0.flag.store(true, Ordering::Relaxed);
        self.0.gate.send_replace(Gate::Closing);
    }

    /// Waits until everybody who is to be served has been let in.
    pub(super) async fn nobody_comes(&self) {
        // The sender is ours: it cannot be gone.
        let _ = self.0.gate.subscribe().wait_for(|gate| *gate == Gate::Closed).await;
    }
}

/// A listener that lets everybody in whom the system has taken, and then is closed.
pub(super) struct Entrance {
    drain: Drain,
    queue: Mutex<Queue>,
}

struct Queue {
    listener: Option<TcpListener>,
    /// Whom the system had taken when it was closed.
    last: VecDeque<(TcpStream, SocketAddr)>,
    gate: watch::Receiver<Gate>,
}

impl Entrance {
    /// Lets people in at this socket, until that begins.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn at(socket: std::net::TcpListener, drain: Drain) -> io::Result<Self> {
        let gate = drain.0.gate.subscribe();
        let queue = Queue { listener: Some(TcpListener::from_std(socket)?), last: VecDeque::new(), gate };
        Ok(Self { drain, queue: Mutex::new(queue) })
    }
}

impl Queue {
    /// The system resets connections that it has taken and nobody has fetched; so they are fetched in
    /// the same breath in which it is told to take no more.
    fn close(&mut self) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let listener = listener.into_std()?;
        let mut taken = Vec::new();
        loop {
            match listener.accept() {
                Ok(one) => taken.push(one),
                // One who has gone again hides nobody behind.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => break,
            }
        }
        drop(listener);
        for (stream, peer) in taken {
            stream.set_nonblocking(true)?;
            self.last.push_back((TcpStream::from_std(stream)?, peer));
        }
        Ok(())
    }
}

async fn until_closing(gate: &mut watch::Receiver<Gate>) {
    // Its sender is in the drain that the entrance holds: it cannot be gone.
    let _ = gate.wait_for(|gate| *gate != Gate::Open).await;
}

impl AddrListener<TcpStream, Peer> for Entrance {
    async fn bind_to(address: Peer) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address.0)?;
        socket.set_nonblocking(true)?;
        Self::at(socket, Drain::default())
    }

    async fn accept_stream(&self) -> io::Result<(TcpStream, Peer)> {
        let mut queue = self.queue.lock().await;
        let Queue { listener, gate, .. } = &mut *queue;
        if let Some(listener) = listener {
            tokio::select! {
                biased;
                () = until_closing(gate) => queue.close()?,
                taken = listener.accept() => return taken.map(|(stream, peer)| (stream, Peer(peer))),
            }
        }
        if let Some((stream, peer)) = queue.last.pop_front() {
            return Ok((stream, Peer(peer)));
        }
        self.drain.0.gate.send_replace(Gate::Closed);
        pending().await
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        let queue = self.queue.try_lock().map_err(|_| io::ErrorKind::WouldBlock)?;
        let listener = queue.listener.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        listener.local_addr().map(Peer)
    }
}

/// Where somebody comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(SocketAddr);

impl Address for Peer {
    type Stream = TcpStream;
    type Listener = Entrance;
}

impl Connected<Peer> for SocketAddr {
    fn connect_info(peer: Peer) -> Self {
        peer.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn whoever_was_taken_before_the_end_is_let_in_and_nobody_after_it() {
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let drain = Drain::default();
        let entrance = Entrance::at(socket, drain.clone()).unwrap();
        let come = || std::net::TcpStream::connect(address);
        let clients: Vec<_> = (0..5).map(|_| come().unwrap()).collect();
        let mut peers = vec![entrance.accept_stream().await.unwrap()];

        drain.begin();

        for _ in 1..5 {
            peers.push(entrance.accept_stream().await.unwrap());
        }
        assert_eq!(come().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let met: Vec<_> = peers.iter().map(|(_, peer)| peer.0).collect();
        assert_eq!(met, clients.iter().map(|client| client.local_addr().unwrap()).collect::<Vec<_>>());
        let closed = async {
            tokio::select! {
                _ = entrance.accept_stream() => panic!("nobody is left"),
                () = drain.nobody_comes() => {}
            }
        };
        timeout(Duration::from_secs(10), closed).await.unwrap();
    }
}

//! A server that stops: nobody else comes in, and whoever is connected is answered once more.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use portcullis::http::{Listener, Patience};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{App, DEADLINE, Wire};

/// So patient that whoever waits for the end of it fails the test.
fn patient(app: &App) -> Wire {
    let patience = Patience { grace: 100 * DEADLINE, ..Patience::default() };
    app.listen_on(Listener::bind(([127, 0, 0, 1], 0).into()).unwrap(), patience)
}

/// Waits until nobody is let in any more.
async fn until_closed(address: SocketAddr) {
    let refused = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => return assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused),
            }
        }
    };
    timeout(DEADLINE, refused).await.expect("people are let in for ever");
}

async fn send(client: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn whoever_is_connected_when_the_server_stops_is_answered_and_told_that_it_is_the_last_time() {
    let app = App::start().await;
    let wire = patient(&app);
    let mut silent = wire.connect().await;
    let mut used = wire.connect().await;
    send(&mut used, "/healthz").await;
    let mut first = [0; 1024];
    let length = timeout(DEADLINE, used.read(&mut first)).await.unwrap().unwrap();
    let first = String::from_utf8_lossy(&first[..length]).to_lowercase();
    assert!(first.starts_with("http/1.1 200 ") && !first.contains("connection:"), "{first}");

    let address = wire.address();
    let stopping = tokio::spawn(wire.stop());
    until_closed(address).await;

    send(&mut used, "/readyz").await;
    let last = Wire::closed(used).await.to_lowercase();
    assert!(last.starts_with("http/1.1 503 ") && last.contains("\r\nconnection: close\r\n"), "{last}");
    assert!(last.contains("\r\nretry-after: 1\r\n") && last.ends_with("\"stopping\":true}"), "{last}");
    send(&mut silent, "/healthz").await;
    let only = Wire::closed(silent).await.to_lowercase();
    assert!(only.starts_with("http/1.1 200 ") && only.contains("\r\nconnection: close\r\n"), "{only}");
    // Nobody is left, and nothing is waited for.
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_server_that_nobody_is_connected_to_stops_at_once() {
    let app = App::start().await;
    let wire = patient(&app);
    wire.assert_alive().await;
    wire.stop().await;
}

/// Nobody is waited for longer than the server's patience allows, whoever only holds on.
#[tokio::test]
async fn whoever_is_connected_and_never_asks_is_let_go() {
    let app = App::start().await;
    let patience = Patience { grace: Duration::from_secs(1), ..Patience::default() };
    let wire = app.listen_on(Listener::bind(([127, 0, 0, 1], 0).into()).unwrap(), patience);
    let silent = wire.connect().await;
    wire.assert_alive().await;
    wire.stop().await;
    assert_eq!(Wire::closed(silent).await, "");
}

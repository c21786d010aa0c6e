//! The administrators' listener beside the public one: as strict, and with nothing in common.

use std::net::SocketAddr;

use portcullis::http::Patience;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{App, DEADLINE, Serving, Wire};

async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    Wire::closed(client).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn neither_listener_answers_for_the_other() {
    let app = App::start().await;
    let (wire, admin) = app.listen_for_administrators_too(Patience::default());
    for (path, on_public, on_admin) in [
        ("/healthz", 200, 200),
        ("/readyz", 200, 200),
        ("/.well-known/jwks.json", 200, 404),
        ("/oauth/token", 405, 404),
        ("/verify", 400, 404),
    ] {
        for (address, status) in [(wire.address(), on_public), (admin, on_admin)] {
            let answer = exchange(address, &get(path)).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
            assert!(answer.contains("\r\nx-request-id: "), "{answer}");
            assert!(answer.contains("\r\nx-content-type-options: nosniff\r\n"), "{answer}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_to_administrators_is_said_as_a_problem() {
    let app = App::start().await;
    let (_wire, admin) = app.listen_for_administrators_too(Wire::hasty());
    for (request, status, code) in [
        (get("/nothing"), 404, "not_found"),
        ("POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(), 405, "invalid_request"),
        ("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n".into(), 400, "invalid_request"),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n".into(), 400, "invalid_request"),
    ] {
        let answer = exchange(admin, &request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(head.contains("\r\ncontent-type: application/problem+json"), "{answer}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["type"], format!("urn:portcullis:problem:{code}"));
        assert_eq!((&body["status"], &body["code"]), (&status.into(), &code.into()));
    }
    // Whoever sends nothing is let go here as well.
    let silent = TcpStream::connect(admin).await.unwrap();
    assert_eq!(Wire::closed(silent).await, "");
}

#[tokio::test]
async fn both_listeners_close_and_answer_once_more_when_the_server_stops() {
    let app = App::start().await;
    let patience = Patience { grace: 100 * DEADLINE, ..Patience::default() };
    let (wire, admin) = app.listen_for_administrators_too(patience);
    let mut connected = TcpStream::connect(admin).await.unwrap();
    connected.write_all(get("/readyz").replace("close", "keep-alive").as_bytes()).await.unwrap();
    let mut first = [0; 1024];
    let length = timeout(DEADLINE, connected.read(&mut first)).await.unwrap().unwrap();
    assert!(first[..length].starts_with(b"HTTP/1.1 200 "));

    let stopping = tokio::spawn(wire.stop());
    let refused = async { while TcpStream::connect(admin).await.is_ok() {} };
    timeout(DEADLINE, refused).await.expect("administrators are let in for ever");
    connected.write_all(get("/readyz").replace("close", "keep-alive").as_bytes()).await.unwrap();

    let last = Wire::closed(connected).await.to_lowercase();
    assert!(last.starts_with("http/1.1 503 ") && last.contains("\r\nconnection: close\r\n"), "{last}");
    timeout(DEADLINE, stopping).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_ready_line_says_where_administrators_are_served_if_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let admin = serving.admin.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(exchange(admin, &get("/healthz")).await.starts_with("HTTP/1.1 200 "));
    let taken = ["serve", "--listen-public", "127.0.0.1:0", "--data-dir", "other", "--listen-admin"];
    let refused = serving.try_shell(&[&taken[..], &[&admin.to_string()]].concat());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(
        said.contains("listen.admin: cannot listen on") && said.contains("PORTCULLIS_LISTEN_ADMIN"),
        "{said}"
    );

    let folder = tempfile::tempdir().unwrap();
    let without = Serving::start_with(folder.path(), &["--listen-admin", "off"], &[]);
    assert_eq!(without.admin, "");
}

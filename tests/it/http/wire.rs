//! Oversized, slow and broken clients on a real socket (threat S32): an answer or an end within a
//! bounded time, and a server that goes on.

use tokio::io::AsyncWriteExt as _;

use crate::support::{App, DEADLINE, Wire};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn head(line: &str, headers: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes()
}

/// Refused by an answer of the 400s, or by an end; never by a failure of ours.
fn assert_refused(what: &str, answer: &str) {
    let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4");
    assert!(refused, "{what}: {}", &answer[..answer.len().min(200)]);
}

#[tokio::test]
async fn what_is_too_large_is_refused_quickly() {
    let app = App::start().await;
    let wire = app.listen();
    let large = |bytes: usize| "a".repeat(bytes);
    let post = |length: usize| head("POST /oauth/token", &format!("{FORM}Content-Length: {length}\r\n"));
    let parameters = "p=&".repeat(100_000);
    let chunked = [
        head("POST /oauth/token", &format!("{FORM}Transfer-Encoding: chunked\r\n")),
        format!("{:x}\r\n{}\r\n", 10 << 20, large(10 << 20)).into_bytes(),
    ];
    let rows = [
        ("a header of 1 MB", head("GET /healthz", &format!("X: {}\r\n", large(1 << 20)))),
        ("10,000 headers", head("GET /healthz", &"X: y\r\n".repeat(10_000))),
        ("a path of 1 MB", head(&format!("GET /{}", large(1 << 20)), "")),
        ("a method of 1 MB", large(1 << 20).into_bytes()),
        ("a body of 10 MB", [post(10 << 20), large(10 << 20).into_bytes()].concat()),
        ("100,000 parameters", [post(parameters.len()), parameters.into_bytes()].concat()),
        ("a chunk of 10 MB", chunked.concat()),
        (
            "a length beyond all",
            head("POST /oauth/token", &format!("{FORM}Content-Length: 99999999999999999999\r\n")),
        ),
        ("a large length and no body", post(usize::MAX / 4)),
        (
            "a token of 100,000 dots",
            head("GET /v1/auth/verify", &format!("Authorization: Bearer {}\r\n", ".".repeat(60_000))),
        ),
    ];
    for (what, bytes) in rows {
        assert_refused(what, &wire.exchange(&bytes).await);
        wire.assert_alive().await;
    }
    wire.stop().await;
}

#[tokio::test]
async fn whoever_does_not_finish_is_let_go() {
    let app = App::start().await;
    let wire = app.listen();
    let body = head("POST /oauth/token", &format!("{FORM}Content-Length: 100\r\n"));
    let chunked = head("POST /oauth/token", &format!("{FORM}Transfer-Encoding: chunked\r\n"));
    let rows: [(&str, &[u8]); 9] = [
        ("nothing", b""),
        ("one byte", b"P"),
        ("the beginning of HTTP/2", b"PRI * HTTP/2.0\r\n\r\n"),
        ("half a line", b"POST /oauth/tok"),
        ("half a head", b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nX-Slow:"),
        ("a head without its end", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"),
        ("no body", &body),
        ("half a body", &[&body[..], b"grant_type=client"].concat()),
        ("half a chunk", &[&chunked[..], b"ff\r\ngrant"].concat()),
    ];
    // All at once, so that the test takes as long as the slowest of them.
    let mut clients = Vec::new();
    for (what, bytes) in rows {
        let mut client = wire.connect().await;
        client.write_all(bytes).await.unwrap();
        clients.push((what, client));
    }
    wire.assert_alive().await;
    for (what, client) in clients {
        assert_refused(what, &Wire::closed(client).await);
    }
    wire.stop().await;
}

#[tokio::test]
async fn a_connection_that_idles_after_its_answer_is_let_go() {
    let app = App::start().await;
    let wire = app.listen();
    let mut client = wire.connect().await;
    client.write_all(&head("GET /healthz", "")).await.unwrap();
    let answer = Wire::closed(client).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    wire.stop().await;
}

#[tokio::test]
async fn whoever_hangs_up_half_way_disturbs_nobody() {
    let app = App::start().await;
    let wire = app.listen();
    let body = head("POST /oauth/token", &format!("{FORM}Content-Length: 100\r\n"));
    for bytes in
        [&b""[..], b"GET /hea", &body, &[&body[..], b"grant_type"].concat(), &head("GET /healthz", "")]
    {
        for half_closed in [true, false] {
            let mut client = wire.connect().await;
            client.write_all(bytes).await.unwrap();
            if half_closed {
                client.shutdown().await.unwrap();
                let answer = Wire::closed(client).await;
                assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer}");
            }
        }
        wire.assert_alive().await;
    }
    wire.stop().await;
}

#[tokio::test]
async fn garbage_is_refused() {
    let app = App::start().await;
    let wire = app.listen();
    let every_byte: Vec<u8> = (0..=255).cycle().take(4096).collect();
    let rows: [(&str, Vec<u8>); 13] = [
        ("every byte", every_byte),
        ("zeros", vec![0; 4096]),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20)),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec()),
        ("HTTP/9", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n".to_vec()),
        ("a line alone", b"\r\n\r\n\r\nGET\r\n\r\n".to_vec()),
        ("no name", head("GET /healthz", ": x\r\n")),
        ("a blank in a name", head("GET /healthz", "X Y: x\r\n")),
        ("a folded line", head("GET /healthz", "X: y\r\n z\r\n")),
        ("NUL in a value", head("GET /healthz", "X: \0\r\n")),
        (
            "two lengths",
            head("POST /oauth/token", &format!("{FORM}Content-Length: 1\r\nContent-Length: 2\r\n")),
        ),
        (
            "a chunk of nonsense",
            head("POST /oauth/token", &format!("{FORM}Transfer-Encoding: chunked\r\n"))
                .into_iter()
                .chain(*b"zz\r\n")
                .collect(),
        ),
    ];
    for (what, bytes) in rows {
        assert_refused(what, &wire.exchange(&bytes).await);
        wire.assert_alive().await;
    }
    wire.stop().await;
}

/// Answers come in the order of the requests, and what is refused takes no other request along.
#[tokio::test]
async fn requests_in_a_row_are_answered_in_a_row() {
    let app = App::start().await;
    let wire = app.listen();
    let refused =
        [head("POST /oauth/token", &format!("{FORM}Content-Length: 5\r\n")), b"scope".to_vec()].concat();
    let bytes = [
        head("GET /healthz", ""),
        refused,
        head("GET /nowhere", ""),
        head("GET /healthz", "Connection: close\r\n"),
    ];
    let answer = wire.exchange(&bytes.concat()).await;
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
    assert_eq!(statuses, ["200", "401", "404", "200"], "{answer}");
    wire.stop().await;
}

/// Many who only hold on neither keep others out nor the server from stopping.
#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let app = App::start().await;
    let wire = app.listen();
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(wire.connect().await);
    }
    wire.assert_alive().await;
    let held = wire.connect().await;
    for client in idle {
        assert_refused("idle", &Wire::closed(client).await);
    }
    wire.stop().await;
    assert_refused("held", &Wire::closed(held).await);
}

#[tokio::test]
async fn a_request_of_http_1_1_has_exactly_one_host() {
    let app = App::start().await;
    let wire = app.listen();
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("GET http://x/healthz HTTP/1.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        ("GET /nowhere HTTP/1.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
    ] {
        // The connection is closed, or `exchange` would fail.
        let answer = wire.exchange(head.as_bytes()).await;
        assert_eq!(answer.get(9..12), Some(&*status.to_string()), "{head}: {answer}");
        assert!(status == 200 || answer.contains(r#""error":"invalid_request""#), "{answer}");
        assert!(answer.contains("\r\nx-request-id: "), "{answer}");
    }
    wire.stop().await;
}

/// RFC 9112 §6.3: the chunks count, and whatever comes behind them is nobody's request.
#[tokio::test]
async fn a_length_beside_chunks_hides_no_second_request() {
    let app = App::start().await;
    let wire = app.listen();
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let head = head("POST /oauth/token", &format!("{FORM}{lengths}"));
        let hidden = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let answer = wire.exchange(&[&head[..], hidden].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    for odd in ["Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked, identity\r\n"] {
        let head = head("POST /oauth/token", &format!("{FORM}{odd}"));
        let answer = wire.exchange(&[&head[..], b"0\r\n\r\n"].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{odd}: {answer}");
    }
    wire.stop().await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_told_so() {
    let app = App::start().await;
    let wire = app.listen();
    let unfinished = head("POST /oauth/token", &format!("{FORM}Content-Length: 100\r\n"));
    let answer = wire.exchange(&unfinished).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(
        answer.ends_with(r#"{"error":"invalid_request","error_description":"the request took too long"}"#)
    );
    wire.stop().await;
}

/// It asks and asks and never reads an answer; once nothing more fits into its connection, it is
/// let go.
#[tokio::test]
async fn whoever_does_not_read_is_let_go() {
    let app = App::start().await;
    let wire = app.listen();
    let mut client = wire.connect().await;
    // The longest answer that there is: what the system keeps for either end is soon full.
    let requests = head("GET /openapi.json", "").repeat(1000);
    let asking = async { while client.write_all(&requests).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, asking).await.expect("the server keeps a client that does not read");
    wire.assert_alive().await;
    wire.stop().await;
}

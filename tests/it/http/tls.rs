//! The listener with a certificate: who gets through, who does not, and what a renewal changes.

use std::fs;

use portcullis::http::{Patience, look_at_certificate};
use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{App, Authority, DEADLINE, Key, Secure, Wire};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// Reads until this text has come.
async fn read_until(stream: &mut (impl AsyncRead + Unpin), text: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{}", String::from_utf8_lossy(&read));
        }
    };
    timeout(DEADLINE, reading).await.expect("an answer");
    String::from_utf8(read).unwrap()
}

/// Everything until the server closes.
async fn rest(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        // Whether it ends in good order or is cut is not the question.
        while stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {}
    };
    timeout(DEADLINE, reading).await.expect("the server keeps a connection that it should close");
    read
}

async fn is_alive(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    stream.write_all(HEALTH).await.unwrap();
    read_until(stream, "}").await.starts_with("HTTP/1.1 200 ")
}

/// A token by curl, with these arguments; what it speaks, and the answer.
async fn curl(secure: &Secure, key: &Key<'_>, arguments: &[&str]) -> (String, Value) {
    let done = Command::new("curl")
        .args(["--silent", "--show-error", "--cacert"])
        .arg(secure.authority.path("ca.pem"))
        .args(["--user", &format!("{}:{}", key.id, key.secret)])
        .args(["--data", "grant_type=client_credentials", "--write-out", "\n%{http_version}"])
        .args(arguments)
        .arg(secure.url("/oauth/token"))
        .output()
        .await
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    let (body, version) = text.rsplit_once('\n').unwrap();
    (version.to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn curl_gets_a_token_over_each_version_of_tls_and_http() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    for (arguments, version) in [
        (&["--tlsv1.3", "--http2"][..], "2"),
        (&["--tlsv1.3", "--http1.1"], "1.1"),
        (&["--tls-max", "1.2", "--http2"], "2"),
        (&["--tls-max", "1.2", "--http1.1"], "1.1"),
        // What it does by itself: the best of both.
        (&[], "2"),
    ] {
        let (spoken, answer) = curl(&secure, &key, arguments).await;
        assert_eq!(spoken, version, "{arguments:?}");
        assert_eq!(answer["token_type"], "Bearer", "{arguments:?}: {answer}");
    }
    secure.wire.stop().await;
}

#[tokio::test]
async fn a_client_of_rustls_gets_an_answer_over_each_version_of_tls() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    for version in [&TLS12, &TLS13] {
        assert!(is_alive(&mut secure.connect(version, "http/1.1").await).await);
        let stream = secure.connect(version, "h2").await;
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = axum::http::Request::get(secure.url("/healthz")).body(()).unwrap();
        let (answer, _) = client.ready().await.unwrap().send_request(request, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 200);
        connection.abort();
    }
    secure.wire.stop().await;
}

#[tokio::test]
async fn tls_1_1_is_refused() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    // ClientHello of TLS 1.1 with one suite, signatures by ECDSA, and the curve P-256.
    let extensions = [0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23];
    let body = [&[3, 2][..], &[7; 32], &[0, 0, 2, 0xc0, 0x13, 1, 0, 0, 16], &extensions].concat();
    let length = u8::try_from(body.len()).unwrap();
    let hello = [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
    let mut client = secure.wire.connect().await;
    client.write_all(&hello).await.unwrap();
    let answer = rest(client).await;
    // A fatal alert, `protocol_version` (RFC 8446 section 6).
    assert_eq!((answer[0], &answer[5..]), (0x15, &[2, 70][..]), "{answer:?}");
    secure.wire.stop().await;
}

#[tokio::test]
async fn whoever_speaks_plain_http_or_nothing_is_let_go() {
    let app = App::start().await;
    let secure = app.listen_securely(Wire::hasty());
    let half_a_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for bytes in [HEALTH, b"", b"\x16", half_a_hello, b"SSH-2.0-OpenSSH_9.9\r\n\r\n"] {
        let mut client = secure.wire.connect().await;
        client.write_all(bytes).await.unwrap();
        let answer = rest(client).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    // Behind a good handshake as well.
    for (protocol, bytes) in [
        ("http/1.1", &b""[..]),
        ("http/1.1", b"POST /oauth/tok"),
        ("h2", b""),
        ("h2", b"PRI * HTTP"),
        ("h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        // A head that is never ended: HEADERS without END_HEADERS.
        ("h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x82"),
    ] {
        let mut client = secure.connect(&TLS13, protocol).await;
        client.write_all(bytes).await.unwrap();
        let answer = rest(client).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{protocol} {bytes:?}: {answer:?}");
    }
    secure.wire.stop().await;
}

/// It answers every ping and would stay for ever.
#[tokio::test]
async fn an_http2_connection_that_idles_after_its_answer_is_let_go() {
    let app = App::start().await;
    let secure = app.listen_securely(Wire::hasty());
    let (client, connection) = h2::client::handshake(secure.connect(&TLS13, "h2").await).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = axum::http::Request::get(secure.url("/healthz")).body(()).unwrap();
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    timeout(DEADLINE, connection).await.expect("the server keeps an idle connection").unwrap().ok();
    secure.wire.stop().await;
}

/// CVE-2023-44487: requests that are taken back at once cost more than they should.
#[tokio::test]
async fn whoever_takes_many_requests_back_is_let_go() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    let mut client = secure.connect(&TLS13, "h2").await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1_u32..2000).step_by(2) {
        // GET https /, authority "x"; then RST_STREAM, `CANCEL`.
        bytes.extend([0, 0, 6, 1, 5]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend([0x82, 0x87, 0x84, 0x41, 1, b'x']);
        bytes.extend([0, 0, 4, 3, 0]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(8_u32.to_be_bytes());
    }
    // The server may close while we write.
    client.write_all(&bytes).await.ok();
    let answer = rest(client).await;
    let calm = [&[7, 0, 0, 0, 0, 0][..]].concat();
    let goaway = answer.windows(calm.len()).position(|window| window == calm).expect("GOAWAY");
    // `ENHANCE_YOUR_CALM`, after the last stream's number.
    assert_eq!(answer[goaway + 10..][..4], [0, 0, 0, 0xb], "{answer:?}");
    assert!(is_alive(&mut secure.connect(&TLS13, "http/1.1").await).await);
    secure.wire.stop().await;
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_the_old_ones_go_on() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    let served = async || {
        let stream = secure.connect(&TLS13, "http/1.1").await;
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        (stream, shown)
    };
    let (mut old, first) = served().await;

    let renewed = secure.authority.renew();
    look_at_certificate(secure.certificate.clone()).await;

    assert_eq!(served().await.1, renewed);
    assert_ne!(first, renewed);
    assert!(is_alive(&mut old).await);
    secure.wire.stop().await;
}

#[tokio::test]
async fn a_new_certificate_that_cannot_be_used_changes_nothing() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    fs::write(secure.authority.path("cert.pem"), "nonsense").unwrap();
    look_at_certificate(secure.certificate.clone()).await;
    assert!(is_alive(&mut secure.connect(&TLS13, "http/1.1").await).await);
    secure.wire.stop().await;
}

/// Nobody serves it here, so nobody else looks at it.
#[test]
fn what_cannot_be_used_is_told_once_and_what_can_is_taken_up() {
    let authority = Authority::new();
    authority.renew();
    let certificate = authority.certificate();
    assert!(!certificate.step().unwrap(), "nothing has changed");
    authority.renew();
    assert!(certificate.step().unwrap());
    let (cert, key) = (authority.path("cert.pem"), authority.path("key.pem"));
    let (others, _) = authority.certify(2999);
    let first = fs::read(&cert).unwrap();
    for (what, bytes, said) in [
        ("half a file", &first[..first.len() / 2], "a section has no end"),
        ("nothing", b"", "it holds no certificate"),
        ("another's", others.as_bytes(), "it does not belong to"),
    ] {
        fs::write(&cert, bytes).unwrap();
        let error = certificate.step().unwrap_err().to_string();
        assert!(error.contains(said), "{what}: {error}");
        assert!(!certificate.step().unwrap(), "{what}: told again");
    }
    fs::remove_file(&key).unwrap();
    assert!(certificate.step().unwrap_err().to_string().contains("No such file"));
    assert!(!certificate.step().unwrap());
    authority.renew();
    assert!(certificate.step().unwrap(), "a good one is taken up again");
}

/// The head has arrived and the body has not when the server is told to stop.
#[tokio::test]
async fn a_request_under_way_is_finished_before_the_server_stops() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    let mut client = secure.connect(&TLS13, "http/1.1").await;
    let head = "POST /oauth/token HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\
        Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut client, "100 Continue\r\n\r\n").await;
    let address = secure.wire.address();
    let stopping = tokio::spawn(secure.wire.stop());
    // It is stopping once it takes nobody any more.
    let refused = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, refused).await.expect("nobody is taken any more");

    client.write_all(b"grant_type=no").await.unwrap();

    let answer = String::from_utf8(rest(client).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    stopping.await.unwrap();
}

//! `token request` and `token inspect` over TLS: whom they believe, and what they send to nobody.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use serde_json::Value;

use super::Home;
use crate::support::{Authority, Serving};

const REQUEST: [&str; 4] = ["token", "request", "--credentials", "key.json"];
const ISSUER: &str = "https://127.0.0.1:8080";

/// A server with a certificate, a key of it in `key.json`, and the authority in `ca.pem`.
fn scene() -> (Home, Serving) {
    let (mut home, authority) = (Home::empty(), Authority::new());
    let (cert, key) = authority.certify(2999);
    for (name, text) in [("cert.pem", cert), ("key.pem", key), ("nothing.pem", "nothing".to_owned())] {
        fs::write(home.path(name), text).unwrap();
    }
    home.set_mode("key.pem", 0o600);
    fs::copy(authority.path("ca.pem"), home.path("ca.pem")).unwrap();
    fs::copy(Authority::new().path("ca.pem"), home.path("other.pem")).unwrap();
    home.done(&["init", "--issuer", ISSUER]);
    let project = home.project("Shop");
    home.done(&["scope", "set", "orders:read", "--project", &project]);
    let create = ["key", "create", "--project", &project, "--name", "k", "--permission", "orders:read"];
    fs::write(home.path("key.json"), home.json(&create).to_string()).unwrap();
    home.set_mode("key.json", 0o600);
    let tls = ["--issuer", ISSUER, "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let serving = Serving::start_with(&home.path(""), &tls, &[]);
    assert!(serving.url.starts_with("https://"));
    // Where the machine's own authorities would be found.
    home.set("SSL_CERT_FILE", home.path("other.pem").to_str().unwrap());
    (home, serving)
}

fn secret(home: &Home) -> String {
    let key: Value = serde_json::from_str(&home.read("key.json")).unwrap();
    key["secret"].as_str().unwrap().to_owned()
}

#[test]
fn a_server_is_believed_by_a_private_authority_or_by_those_of_the_system() {
    let (mut home, serving) = scene();
    let by_file = ["--server", &serving.url, "--ca-file", "ca.pem"];
    let token = home.done(&[&REQUEST[..], &by_file].concat());
    assert!(token.starts_with("eyJ"), "{token}");
    fs::write(home.path("token"), &token).unwrap();
    let shown = home.json(&[&["token", "inspect", "token"][..], &by_file].concat());
    assert_eq!((&shown["verified"], &shown["claims"]["iss"]), (&Value::Bool(true), &ISSUER.into()));

    home.set("SSL_CERT_FILE", home.path("ca.pem").to_str().unwrap());
    assert!(home.done(&[&REQUEST[..], &["--server", &serving.url]].concat()).starts_with("eyJ"));
    // The file is instead of them, not beside them.
    let (status, code, message) =
        home.failed(&[&REQUEST[..], &["--server", &serving.url, "--ca-file", "other.pem"]].concat());
    assert_eq!((status, code.as_str()), (4, "unavailable"), "{message}");
}

#[test]
fn whoever_cannot_be_believed_is_told_apart_and_gets_no_secret() {
    let (home, serving) = scene();
    let url = serving.url.as_str();
    let plain = url.replacen("https:", "http:", 1);
    let elsewhere = plain.replacen("127.0.0.1", "0.0.0.0", 1);
    let secret = secret(&home);
    for (more, status, code, said) in [
        (&["--server", url][..], 4, "unavailable", "invalid peer certificate"),
        (&["--server", url, "--ca-file", "other.pem"], 4, "unavailable", "invalid peer certificate"),
        (&["--server", url, "--ca-file", "none.pem"], 1, "input", "none.pem: No such file"),
        (&["--server", url, "--ca-file", "nothing.pem"], 1, "input", "nothing.pem: it holds no certificate"),
        (&["--server", url, "--ca-file", "key.pem"], 1, "input", "key.pem: it holds no certificate"),
        (&["--server", &plain, "--ca-file", "ca.pem"], 2, "usage", "name an https URL"),
        // It speaks TLS alone.
        (&["--server", &plain], 4, "unavailable", "no answer"),
        (&["--server", &elsewhere], 2, "usage", "where nobody listens on the way, add --plain-http"),
        (&["--server", "https://me:hunter2@tokens.example.com"], 2, "usage", "no user name or password"),
        (&["--server", "ftp://tokens.example.com"], 2, "usage", "neither https nor http"),
    ] {
        let ran = home.failed(&[&REQUEST[..], more].concat());
        assert_eq!((ran.0, ran.1.as_str()), (status, code), "{more:?}: {}", ran.2);
        assert!(ran.2.contains(said), "{more:?}: {}", ran.2);
        assert!(!ran.2.contains(&secret[30..50]) && !ran.2.contains("hunter2"), "{}", ran.2);
    }
}

#[test]
fn plain_http_to_another_machine_wants_a_flag() {
    let home = Home::founded();
    let project = home.project("Shop");
    home.done(&["scope", "set", "orders:read", "--project", &project]);
    let create = ["key", "create", "--project", &project, "--name", "k", "--permission", "orders:read"];
    fs::write(home.path("key.json"), home.json(&create).to_string()).unwrap();
    home.set_mode("key.json", 0o600);
    let serving = Serving::start(&home.path(""));
    // No loopback address by its looks, and this machine all the same.
    let elsewhere = serving.url.replacen("127.0.0.1", "0.0.0.0", 1);
    let ask = [&REQUEST[..], &["--server", &elsewhere]].concat();

    assert_eq!(home.failed(&ask).0, 2);
    assert!(home.done(&[&ask[..], &["--plain-http"]].concat()).starts_with("eyJ"));
}

/// A server that answers everything so, over plain http.
fn answering(answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            assert_ne!(stream.read(&mut head).unwrap(), 0);
            // The client may have heard enough.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_redirection_is_followed_by_nobody_and_no_answer_is_too_long_to_refuse() {
    let (home, _serving) = scene();
    let secret = secret(&home);
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = elsewhere.local_addr().unwrap();
    let long = "x".repeat(2 << 20);
    for (answer, said) in [
        (
            format!("307 Temporary Redirect\r\nLocation: http://{location}/\r\nContent-Length: 0\r\n\r\n"),
            "it answers 307, which leads elsewhere",
        ),
        (format!("200 OK\r\nContent-Length: {}\r\n\r\n{long}", long.len()), "its answer is too long"),
        ("200 OK\r\nContent-Length: 2\r\n\r\n{}".to_owned(), "its answer holds no token"),
    ] {
        let server = format!("http://{}", answering(format!("HTTP/1.1 {answer}")));
        let (status, code, message) = home.failed(&[&REQUEST[..], &["--server", &server]].concat());
        assert_eq!((status, code.as_str()), (4, "unavailable"), "{message}");
        assert!(message.contains(said), "{message}");
        assert!(!message.contains(&secret[30..50]), "{message}");
    }
    let came = elsewhere.accept();
    assert_eq!(came.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

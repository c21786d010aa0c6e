//! `tls.cert` and `tls.key`: what is refused, what the ready line says, what the doctor sees.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::Home;
use crate::support::Authority;

const TLS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

/// A home with a certificate that ends with this year.
fn home(year: i32) -> (Home, Authority) {
    let (home, authority) = (Home::empty(), Authority::new());
    let (cert, key) = authority.certify(year);
    fs::write(home.path("cert.pem"), cert).unwrap();
    fs::write(home.path("key.pem"), key).unwrap();
    home.set_mode("key.pem", 0o600);
    (home, authority)
}

#[test]
fn a_certificate_that_cannot_be_used_names_its_setting_its_source_and_the_fix() {
    let (mut home, authority) = home(2999);
    fs::write(home.path("other.pem"), authority.certify(2999).1).unwrap();
    fs::write(home.path("half.pem"), &home.read("cert.pem")[..200]).unwrap();
    fs::write(home.path("empty.pem"), "").unwrap();
    for (line, said) in [
        ("--tls-cert cert.pem", "tls.cert (flag --tls-cert): it is set and tls.key is not; set tls.key too"),
        ("--tls-key key.pem", "tls.key (flag --tls-key): it is set and tls.cert is not; set tls.cert too"),
        (
            "--tls-cert no.pem --tls-key key.pem",
            "tls.cert (flag --tls-cert): no.pem: No such file or directory (os error 2); name a file that",
        ),
        ("--tls-cert empty.pem --tls-key key.pem", "(flag --tls-cert): empty.pem: it holds no certificate;"),
        ("--tls-cert half.pem --tls-key key.pem", "half.pem: it is not PEM: a section has no end; write the"),
        ("--tls-cert cert.pem --tls-key cert.pem", "tls.key (flag --tls-key): cert.pem: it holds no private"),
        ("--tls-cert cert.pem --tls-key other.pem", "other.pem: it does not belong to cert.pem: "),
    ] {
        let arguments = ["serve", "--listen-public", "127.0.0.1:0"].into_iter().chain(line.split(' '));
        let (status, code, message) = home.failed(&arguments.collect::<Vec<_>>());
        assert_eq!((status, code.as_str()), (3, "settings"), "{line}: {message}");
        assert!(message.contains(said), "{line}: {message}");
    }
    home.set("PORTCULLIS_TLS_CERT", "cert.pem");
    let (_, _, message) = home.failed(&["serve"]);
    assert!(message.starts_with("tls.cert (environment PORTCULLIS_TLS_CERT): "), "{message}");
    assert!(!home.path("portcullis-data").exists(), "nothing was founded");
}

#[test]
fn with_a_certificate_the_server_says_https_and_issues_as_https() {
    let (home, _authority) = home(2999);
    let founded = home.json(&[&["init"][..], &TLS].concat());
    assert_eq!(founded["issuer"], "https://127.0.0.1:8080");
    let issuer = ["--issuer", "https://127.0.0.1:8080"];
    let serve = ["serve", "--listen-public", "127.0.0.1:0"];
    let mut command = home.command(&[&serve[..], &TLS, &issuer].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert!(ready["public"].as_str().unwrap().starts_with("https://127.0.0.1:"), "{line}");
    assert_eq!(ready["issuer"], "https://127.0.0.1:8080");
}

#[test]
fn the_doctor_sees_names_end_and_who_may_read_the_key() {
    for (year, mode, state, said) in [
        (2999, 0o600, "ok", "for localhost, 127.0.0.1, until 2999-12-31"),
        (2999, 0o640, "ok", "for localhost, 127.0.0.1"),
        (2999, 0o644, "warning", "key.pem can be read or written by others (0644)"),
        (2020, 0o600, "wrong", "the certificate ended at 2020-12-31"),
    ] {
        let (home, _authority) = home(year);
        home.set_mode("key.pem", mode);
        home.done(&[&["init"][..], &TLS].concat());
        let ran = home.run(&[&["doctor", "--json"][..], &TLS].concat());
        let examined: Value = serde_json::from_str(&ran.stdout).unwrap();
        let checks = examined["checks"].as_array().unwrap();
        let check = checks.iter().find(|finding| finding["check"] == "certificate").unwrap();
        assert_eq!(check["state"], state, "{check}");
        assert!(check["found"].as_str().unwrap().contains(said), "{check}");
        assert_eq!(ran.status, i32::from(state == "wrong"), "{examined}");
    }
}

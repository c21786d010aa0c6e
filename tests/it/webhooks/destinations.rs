//! Threat S38: where webhooks lead, and what receivers answer.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Method;
use portcullis::domain::webhook::{Destinations, Outcome};
use portcullis::webhooks::{Lookup, Request, SystemNames, Transport};
use serde_json::json;
use tokio::time::timeout;

use crate::support::{App, Authority, DEADLINE, LOOPBACK, Receiver, Reply, deliveries};

/// Names that lead where the test says, each time somewhere else.
#[derive(Default)]
struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn leading(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = answers.iter().map(|all| all.iter().map(|address| address.parse().unwrap()).collect());
        Arc::new(Self { answers: Mutex::new(parsed.collect()), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Lookup for Names {
    async fn addresses(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answers.lock().unwrap().pop_front().ok_or_else(|| io::Error::other("nobody knows that name"))
    }
}

async fn post(transport: &Transport, url: &str) -> Outcome {
    let url = url.parse().unwrap();
    let request = Request { url: &url, id: "msg_x", timestamp: 1, signature: "v1,x", body: "{}" };
    timeout(DEADLINE, transport.post(&request)).await.expect("it has a time").outcome
}

fn transport(allowed: &str, names: Arc<dyn Lookup>) -> Transport {
    let allowed = allowed.split_whitespace().map(|network| network.parse().unwrap()).collect();
    Transport::new(Arc::new(Destinations::new(allowed)), names).within(Duration::from_secs(2))
}

#[tokio::test]
async fn an_address_that_is_not_public_is_not_connected_to_however_it_is_written() {
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    let transport = transport("", Arc::new(SystemNames));
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.0.1",
        "[fe80::1]",
        "[fc00::1]",
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
    ] {
        for scheme in ["https", "http"] {
            let url = format!("{scheme}://{host}:{port}/");
            assert_eq!(post(&transport, &url).await, Outcome::Forbidden, "{url}");
        }
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_is_asked_for_once_and_only_what_was_looked_at_is_connected_to() {
    let receiver = Receiver::start().await;
    let url = format!("http://rebound.example:{}/", receiver.address.port());
    // Whatever the name says the second time: nobody asks.
    let names = Names::leading(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let allowing = transport(LOOPBACK, names.clone());
    assert_eq!(post(&allowing, &url).await, Outcome::Delivered(204));
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    // It says something else at the next attempt, which looks again, on a connection of its own.
    assert_eq!(post(&allowing, &url).await, Outcome::Forbidden);
    assert_eq!((receiver.connections(), names.asked.load(Ordering::SeqCst)), (1, 2));

    for (allowed, answers, outcome) in [
        ("", &["127.0.0.1"][..], Outcome::Forbidden),
        ("", &["::ffff:127.0.0.1"], Outcome::Forbidden),
        ("", &["169.254.169.254", "::1", "10.0.0.1"], Outcome::Forbidden),
        // In plain HTTP not even a public one.
        ("", &["8.8.8.8"], Outcome::Forbidden),
        ("10.0.0.0/8", &["127.0.0.1"], Outcome::Forbidden),
        // What may be reached of it is reached, and nothing else.
        (LOOPBACK, &["169.254.169.254", "127.0.0.1"], Outcome::Delivered(204)),
        (LOOPBACK, &["::ffff:127.0.0.1"], Outcome::Delivered(204)),
        (LOOPBACK, &["0.0.0.0"], Outcome::Forbidden),
    ] {
        let before = receiver.connections();
        let found = post(&transport(allowed, Names::leading(&[answers])), &url).await;
        assert_eq!(found, outcome, "{allowed} {answers:?}");
        let connected = usize::from(matches!(outcome, Outcome::Delivered(_)));
        assert_eq!(receiver.connections() - before, connected, "{allowed} {answers:?}");
    }
    let nobody = transport(LOOPBACK, Names::leading(&[]));
    assert_eq!(post(&nobody, &url).await, Outcome::Unreachable);
}

#[tokio::test]
async fn a_receiver_that_cannot_prove_its_name_is_sent_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let ours = authority.certify_as(&["hooks.example"], 2999);
    let receiver = Receiver::start_securely(&ours).await;
    let root = |of: &Authority| {
        vec![reqwest::Certificate::from_pem(&std::fs::read(of.path("ca.pem")).unwrap()).unwrap()]
    };
    let loopback: &[&str] = &["127.0.0.1"];
    for (host, roots, outcome) in [
        ("hooks.example", root(&authority), Outcome::Delivered(204)),
        ("other.example", root(&authority), Outcome::Unreachable),
        ("hooks.example", root(&stranger), Outcome::Unreachable),
    ] {
        let transport = transport(LOOPBACK, Names::leading(&[loopback])).trusting(roots);
        let url = format!("https://{host}:{}/", receiver.address.port());
        assert_eq!(post(&transport, &url).await, outcome, "{host}");
    }
    // Whom this machine trusts, if nobody else is named: an authority of a test is not among them.
    let usual = transport(LOOPBACK, Names::leading(&[loopback]));
    let url = format!("https://hooks.example:{}/", receiver.address.port());
    assert_eq!(post(&usual, &url).await, Outcome::Unreachable);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn no_redirection_is_followed_anywhere() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let transport = transport(LOOPBACK, Arc::new(SystemNames));
    for status in [301, 302, 303, 307, 308] {
        for to in [elsewhere.url(), "file:///etc/passwd".to_owned(), "http://169.254.169.254/".to_owned()] {
            receiver.reply([Reply::Headed(status, format!("Location: {to}\r\n"))]);
            assert_eq!(post(&transport, &receiver.url()).await, Outcome::Refused(status), "{status} {to}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn what_a_receiver_answers_costs_neither_time_nor_room() {
    let receiver = Receiver::start().await;
    let transport = transport(LOOPBACK, Arc::new(SystemNames));
    for (reply, outcome) in [
        (Reply::Endless, Outcome::Delivered(200)),
        (Reply::EndlessHead, Outcome::Unreachable),
        (Reply::Silence, Outcome::Late),
        (Reply::Close, Outcome::Unreachable),
        (Reply::Status(500), Outcome::Refused(500)),
        (Reply::Status(410), Outcome::Gone),
        (Reply::Headed(200, "Content-Encoding: gzip\r\nSet-Cookie: a=b\r\n".into()), Outcome::Delivered(200)),
    ] {
        receiver.reply([reply.clone()]);
        assert_eq!(post(&transport, &receiver.url()).await, outcome, "{reply:?}");
    }
    assert!(receiver.received().iter().all(|received| received.header("cookie").is_empty()));
    drop(receiver);
}

#[tokio::test]
async fn a_url_that_cannot_be_a_receivers_is_refused_when_the_webhook_is_made_or_edited() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.admin().token("").await;
    let send = |method, path: &str, body: serde_json::Value| {
        app.administer(method, path).bearer(&admin).header("if-match", "*").json(&body).send()
    };
    let good = json!({ "project": shop.project.id, "url": "https://hooks.example/x" });
    let made = send(Method::POST, "/admin/v1/webhooks", good).await;
    assert_eq!(made.status, 201, "{}", made.text());
    crate::support::is_secret("a webhook's secret", made.json()["secret"].as_str().unwrap());
    let path = made.header("location").to_owned();
    for wrong in [
        "file:///etc/passwd",
        "ftp://hooks.example/",
        "http://hooks.example/",
        "https://127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/",
        "https://localhost/",
        "https://0x7f.1/",
        "https://u:canary@hooks.example/",
        "https://hooks.example/#canary",
        "canary",
        "",
    ] {
        let new = json!({ "project": shop.project.id, "url": wrong });
        for refused in [
            send(Method::POST, "/admin/v1/webhooks", new).await,
            send(Method::PATCH, &path, json!({ "url": wrong })).await,
        ] {
            let body = refused.json();
            assert_eq!((refused.status, &body["field"]), (422, &json!("url")), "{wrong}: {body}");
            assert!(!refused.text().contains("canary"));
        }
    }
}

#[tokio::test]
async fn what_may_not_be_reached_is_told_to_whoever_looks_at_the_deliveries() {
    let receiver = Receiver::start().await;
    // A webhook from a time when the network was allowed, at a server that does not allow it.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (hook, _) = receiver.hook(&app, Some(&shop.project.id)).await;
    shop.key("orders").create().await;
    app.send_webhooks().await;
    let row = deliveries(&app, &hook).await.remove(0);
    assert_eq!(
        (row.outcome.as_deref(), row.status, row.state.as_str()),
        (Some("forbidden"), None, "waiting")
    );
    assert_eq!(receiver.connections(), 0);
}

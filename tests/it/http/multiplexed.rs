//! What strangers do over HTTP/2 (threats S32, S34, S35): refused as over HTTP/1, quickly, and nobody
//! else on the connection or beside it is the worse for it.

use std::future::{pending, poll_fn};

use axum::body::Bytes;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use h2::client::SendRequest;
use portcullis::http::Patience;
use rustls::version::TLS13;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{App, DEADLINE, Key, Secure, Wire};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// One connection.
struct Client {
    server: String,
    requests: SendRequest<Bytes>,
    connection: JoinHandle<()>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Client {
    async fn connect(secure: &Secure) -> Self {
        let stream = secure.connect(&TLS13, "h2").await;
        let (requests, connection) = h2::client::handshake(stream).await.unwrap();
        // How it ends is told to whoever waits for an answer.
        let connection = tokio::spawn(async move { drop(connection.await) });
        Self { server: secure.url(""), requests, connection }
    }

    fn get(&self, path: &str) -> Builder {
        Request::get(format!("{}{path}", self.server))
    }

    fn post(&self, path: &str) -> Builder {
        Request::post(format!("{}{path}", self.server))
    }

    /// An answer, or how the server ended stream or connection; not even a client that would send for
    /// ever waits for long.
    async fn ask(&self, request: Builder, body: impl Into<Bytes>) -> Result<Answer, h2::Error> {
        let (request, mut rest) = (request.body(()).unwrap(), body.into());
        let asking = async {
            let mut requests = self.requests.clone().ready().await?;
            let (answer, mut stream) = requests.send_request(request, rest.is_empty())?;
            let sending = async {
                while !rest.is_empty() {
                    stream.reserve_capacity(rest.len());
                    let Some(Ok(room)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { break };
                    let piece = rest.split_to(room.min(rest.len()));
                    if stream.send_data(piece, rest.is_empty()).is_err() {
                        break;
                    }
                }
                pending::<()>().await;
            };
            tokio::select! {
                answer = whole(answer) => answer,
                () = sending => unreachable!(),
            }
        };
        timeout(DEADLINE, asking).await.expect("the server neither answers nor refuses")
    }

    async fn is_alive(&self) -> bool {
        self.ask(self.get("/healthz"), "").await.is_ok_and(|answer| answer.status == 200)
    }
}

async fn whole(answer: h2::client::ResponseFuture) -> Result<Answer, h2::Error> {
    let (head, mut stream) = answer.await?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        // The rest of a refusal may be lost where the server does not want the rest of the request.
        let Ok(piece) = piece else { break };
        body.extend_from_slice(&piece);
    }
    let body = String::from_utf8(body).unwrap();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

fn json(client: &Client) -> Builder {
    client.post("/oauth/token").header("content-type", "application/json")
}

fn basic(key: &Key<'_>) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", key.id, key.secret)))
}

#[tokio::test]
async fn what_is_too_large_is_refused_over_http2() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let neighbour = Client::connect(&secure).await;
    let large = |bytes: usize| "a".repeat(bytes);
    let form = |client: &Client| {
        client.post("/oauth/token").header(FORM.0, FORM.1).header("authorization", basic(&key))
    };
    let many =
        |client: &Client| (0..10_000).fold(client.get("/healthz"), |r, n| r.header(format!("x-{n}"), "y"));
    // None: however it is refused, be it by an end.
    let rows: Vec<(&str, Builder, String, Option<u16>)> = vec![
        (
            "a header of 1 MB",
            neighbour.get("/healthz").header("x-large", large(1 << 20)),
            String::new(),
            None,
        ),
        ("10,000 headers", many(&neighbour), String::new(), None),
        ("a path of 60 kB", neighbour.get(&format!("/{}", large(60_000))), String::new(), None),
        ("a body of 10 MB", form(&neighbour), large(10 << 20), Some(400)),
        (
            "a body of 10 MB, as it says",
            form(&neighbour).header("content-length", 10 << 20),
            large(10 << 20),
            Some(400),
        ),
        ("100,000 parameters", form(&neighbour), "p=&".repeat(100_000), Some(400)),
        ("deep JSON", json(&neighbour), "[".repeat(60_000), Some(400)),
        ("deep JSON of 10 MB", json(&neighbour), "[".repeat(10 << 20), Some(400)),
        (
            "a compressed body",
            form(&neighbour).header("content-encoding", "gzip"),
            "\u{1f}\u{8b}".to_owned() + &large(100),
            Some(400),
        ),
        (
            "a token of dots",
            neighbour
                .get("/v1/auth/verify")
                .header("authorization", format!("Bearer {}", ".".repeat(50_000))),
            String::new(),
            Some(401),
        ),
    ];
    for (what, request, body, status) in rows {
        let client = Client::connect(&secure).await;
        match (client.ask(request, body).await, status) {
            (Ok(answer), Some(status)) => {
                assert_eq!(answer.status, status, "{what}: {}", answer.body);
                assert!(client.is_alive().await, "{what}: the connection went with its request");
            }
            (Ok(answer), None) => assert!((400..500).contains(&answer.status), "{what}: {}", answer.status),
            (Err(_), None) => {}
            (Err(error), Some(_)) => panic!("{what}: {error}"),
        }
        assert!(neighbour.is_alive().await, "{what}");
    }
    assert_eq!(neighbour.requests.current_max_send_streams(), 100);
    secure.wire.stop().await;
}

/// Among them a neighbour on the same connection, who does.
#[tokio::test]
async fn whoever_does_not_finish_a_request_over_http2_is_let_go() {
    let app = App::start().await;
    let secure = app.listen_securely(Wire::hasty());
    let client = Client::connect(&secure).await;
    let mut unfinished = Vec::new();
    for (length, begun) in
        [(None, ""), (Some("100"), ""), (Some("100"), "grant_type="), (None, "grant_type=client")]
    {
        let mut request = client.post("/oauth/token").header(FORM.0, FORM.1);
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let mut requests = client.requests.clone().ready().await.unwrap();
        let (answer, mut stream) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from_static(begun.as_bytes()), false).unwrap();
        unfinished.push((answer, stream));
    }
    assert!(client.is_alive().await);
    for (answer, _stream) in unfinished {
        let answer = timeout(DEADLINE, whole(answer)).await.expect("it waits for ever").unwrap();
        assert_eq!(answer.status, 408, "{}", answer.body);
    }
    secure.wire.stop().await;
}

#[tokio::test]
async fn requests_over_http2_are_held_to_the_same_rules() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let client = Client::connect(&secure).await;
    let good = basic(&key);
    let wrong = format!("Basic {}", STANDARD.encode(format!("{}:psk_live_wrong", key.id)));
    let grant = "grant_type=client_credentials";
    let twice = format!("{grant}&scope=api&scope=api");
    let rows = [
        ("POST", "/oauth/token", &*good, FORM.1, grant, 200),
        ("POST", "/oauth/token", &good, FORM.1, &twice, 400),
        ("POST", "/oauth/token?scope=api", &good, FORM.1, grant, 400),
        ("POST", "/oauth/token", &good, "application/json", "{\"grant_type\":\"client_credentials\"}", 400),
        ("POST", "/oauth/token", &good, "multipart/form-data; boundary=x", "--x--", 400),
        ("POST", "/oauth/token", &wrong, FORM.1, grant, 401),
        ("GET", "/oauth/token", &good, FORM.1, "", 405),
        ("GET", "/oauth/token?grant_type=client_credentials", &good, FORM.1, "", 405),
        ("GET", "/oauth/introspect", &good, FORM.1, "", 405),
        ("POST", "/oauth/introspect", &good, FORM.1, "token=x", 200),
        ("POST", "/oauth/introspect", &good, FORM.1, "token=x&token=x", 400),
        ("POST", "/oauth/introspect", &wrong, FORM.1, "token=x", 401),
        ("POST", "/oauth/revoke", &wrong, FORM.1, "token=x", 401),
    ];
    for (method, path, authorization, content, body, status) in rows {
        let request = Request::builder().method(method).uri(secure.url(path));
        let request = request.header("authorization", authorization).header("content-type", content);
        let answer = client.ask(request, body.to_owned()).await.unwrap();
        let what = format!("{method} {path} {body}: {} {}", answer.status, answer.body);
        assert_eq!(answer.status, status, "{what}");
        let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
        if status != 405 {
            assert_eq!((header("cache-control"), header("pragma")), ("no-store", "no-cache"), "{what}");
        }
        assert_eq!(header("www-authenticate").starts_with("Basic "), status == 401, "{what}");
        assert_eq!(header("allow"), if status == 405 { "POST" } else { "" }, "{what}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert!(!answer.body.contains("psk_live_wrong") && !answer.body.contains(&key.secret), "{what}");
    }
    secure.wire.stop().await;
}

#[tokio::test]
async fn a_host_that_contradicts_the_authority_is_refused() {
    let app = App::start().await;
    let secure = app.listen_securely(Patience::default());
    let client = Client::connect(&secure).await;
    let own = secure.url("").replacen("https://", "", 1);
    let upper = own.to_uppercase();
    for (hosts, status) in [
        (&[][..], 200),
        (&[&*own], 200),
        (&[&*upper], 200),
        (&["evil.example"], 400),
        (&["localhost"], 400),
        (&[""], 400),
        (&[&*own, &*own], 400),
        (&[&*own, "evil.example"], 400),
    ] {
        let request =
            hosts.iter().fold(client.get("/healthz"), |request, host| request.header("host", *host));
        let answer = client.ask(request, "").await.unwrap();
        assert_eq!(answer.status, status, "{hosts:?}: {}", answer.body);
        assert!(!answer.body.contains("evil"), "{}", answer.body);
    }
    secure.wire.stop().await;
}

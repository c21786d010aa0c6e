//! A receiver of webhooks on loopback, which keeps what it is sent and answers as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::domain::ProjectId;
use portcullis::domain::authority::Reach;
use portcullis::domain::webhook::{Destinations, WebhookDetails, WebhookId, WebhookState};
use portcullis::store::{Delivery, WantedDeliveries, WantedWebhooks};
use portcullis::webhooks::WebhookMade;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{App, Build, DEADLINE, is_secret};

/// The setting that lets webhooks reach loopback.
pub(crate) const ALLOW: &str = "PORTCULLIS_WEBHOOKS_ALLOW_NETWORKS";
pub(crate) const LOOPBACK: &str = "127.0.0.0/8";

/// How it answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// With this status, and nothing else.
    Status(u16),
    /// With a status and these header lines.
    Headed(u16, String),
    /// With a body that goes on for as long as somebody reads.
    Endless,
    /// With a head that goes on for ever.
    EndlessHead,
    /// Never.
    Silence,
    /// By closing the connection.
    Close,
    /// With 200, once the test lets it.
    Held(Arc<Semaphore>),
    /// With this status, once the test lets it.
    HeldStatus(Arc<Semaphore>, u16),
}

/// What it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

struct Kept {
    received: watch::Sender<Vec<Received>>,
    connections: watch::Sender<usize>,
    replies: Mutex<VecDeque<Reply>>,
    /// What it answers when no reply is left.
    usual: Mutex<Reply>,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    kept: Arc<Kept>,
    listening: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Receiver {
    /// One that answers 204.
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that speaks TLS, with this certificate and key (PEM).
    pub(crate) async fn start_securely((certificate, key): &(String, String)) -> Self {
        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate], key).unwrap();
        Self::start_with(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept {
            received: watch::Sender::default(),
            connections: watch::Sender::default(),
            replies: Mutex::default(),
            usual: Mutex::new(Reply::Status(204)),
        });
        let listening = tokio::spawn({
            let kept = kept.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    kept.connections.send_modify(|so_far| *so_far += 1);
                    let (kept, tls) = (kept.clone(), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => talk(stream, kept).await,
                            Some(tls) => {
                                let Ok(stream) = tls.accept(stream).await else { return };
                                talk(stream, kept).await;
                            }
                        }
                    });
                }
            }
        });
        Self { address, kept, listening }
    }

    /// Answers so next, once each.
    pub(crate) fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.kept.replies.lock().unwrap().extend(replies);
    }

    /// Answers so from now on.
    pub(crate) fn usually(&self, reply: Reply) {
        *self.kept.usual.lock().unwrap() = reply;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?x=y", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.kept.received.borrow().clone()
    }

    /// How often somebody connected.
    pub(crate) fn connections(&self) -> usize {
        *self.kept.connections.borrow()
    }

    /// Waits until it was sent so much.
    pub(crate) async fn until(&self, count: usize) -> Vec<Received> {
        let mut received = self.kept.received.subscribe();
        let enough = timeout(DEADLINE, received.wait_for(|so_far| so_far.len() >= count)).await;
        enough.expect("the receiver was sent too little").unwrap().clone()
    }

    /// A webhook to it, of a project or of all; and its secret.
    pub(crate) async fn hook(&self, app: &App, project: Option<&ProjectId>) -> (WebhookId, String) {
        let made = make(app, project, &self.url(), &[]).await;
        (made.webhook.id, made.secret.expose().to_string())
    }

    /// A webhook to somewhere.
    pub(crate) async fn webhook_of(app: &App, project: Option<&ProjectId>, url: &str) -> WebhookId {
        make(app, project, url, &[]).await.webhook.id
    }

    /// The one to which something is to be sent about these events alone.
    pub(crate) async fn hook_for(&self, app: &App, project: &ProjectId, events: &[&str]) -> WebhookId {
        make(app, Some(project), &self.url(), events).await.webhook.id
    }
}

async fn make(app: &App, project: Option<&ProjectId>, url: &str, events: &[&str]) -> WebhookMade {
    let details = WebhookDetails {
        url: url.parse().unwrap(),
        events: portcullis::domain::webhook::EventFilter::new(events.iter().copied()).unwrap(),
        description: String::new(),
        state: WebhookState::Active,
    };
    let destinations = Destinations::new(vec![LOOPBACK.parse().unwrap()]);
    let made = app.shell.create_webhook(project.cloned(), details, &destinations).await.unwrap();
    is_secret("a webhook's signing secret", made.secret.expose().as_str());
    made
}

/// All that was sent to a webhook and is on its way, the newest first.
pub(crate) async fn deliveries(app: &App, webhook: &WebhookId) -> Vec<Delivery> {
    let wanted = WantedDeliveries { webhook: webhook.clone(), state: None, before: None, limit: 1000 };
    app.shell.store.find_deliveries(&wanted).await.unwrap()
}

impl App {
    /// A server whose webhooks may reach loopback.
    pub(crate) async fn with_webhooks() -> Self {
        Build::default().set(ALLOW, LOOPBACK).start().await
    }

    /// Sends what is due, until nothing is; tells how many attempts that were.
    pub(crate) async fn send_webhooks(&self) -> usize {
        let mut sent = 0;
        loop {
            let begun = self.server.webhooks.step().await.unwrap();
            self.server.webhooks.finish().await;
            if begun == 0 {
                return sent;
            }
            sent += begun;
        }
    }

    /// A webhook as it stands.
    pub(crate) async fn webhook(&self, id: &WebhookId) -> portcullis::domain::webhook::Webhook {
        let wanted = WantedWebhooks { within: Reach::Everywhere, after: None, limit: 1000 };
        let all = self.shell.store.find_webhooks(&wanted).await.unwrap();
        all.into_iter().find(|webhook| webhook.id == *id).expect("there is no such webhook")
    }
}

impl Received {
    /// The body.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Which of these secrets have signed it, by the words of the specification and nothing of ours: each
    /// `v1,` signature is the base64 of the HMAC-SHA-256 of `id.timestamp.body`.
    pub(crate) fn signed_by<'a>(&self, secrets: &[&'a str]) -> Vec<&'a str> {
        let signed =
            format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let given: Vec<_> = self.header("webhook-signature").split(' ').collect();
        let has = |secret: &str| {
            let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
            given.contains(&format!("v1,{}", STANDARD.encode(tag)).as_str())
        };
        let by: Vec<_> = secrets.iter().copied().filter(|secret| has(secret)).collect();
        assert_eq!(by.len(), given.len(), "somebody else has signed: {given:?}");
        by
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, kept: Arc<Kept>) {
    let Some(received) = read(&mut stream).await else { return };
    let reply = kept.replies.lock().unwrap().pop_front();
    let reply = reply.unwrap_or_else(|| kept.usual.lock().unwrap().clone());
    kept.received.send_modify(|so_far| so_far.push(received));
    let _ = answer(&mut stream, reply).await;
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), reply: Reply) -> std::io::Result<()> {
    let head = |status: u16, more: &str| format!("HTTP/1.1 {status} X\r\n{more}Content-Length: 0\r\n\r\n");
    match reply {
        Reply::Status(status) => stream.write_all(head(status, "").as_bytes()).await?,
        Reply::Headed(status, lines) => stream.write_all(head(status, &lines).as_bytes()).await?,
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760000\r\n\r\n").await?;
            let some = vec![b'x'; 65536];
            loop {
                stream.write_all(&some).await?;
            }
        }
        Reply::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                stream.write_all(format!("X-Y: {}\r\n", "z".repeat(8192)).as_bytes()).await?;
            }
        }
        Reply::Silence => {
            // Until the other side has had enough.
            stream.read_to_end(&mut Vec::new()).await?;
        }
        Reply::Close => {}
        Reply::Held(gate) => {
            let _ = gate.acquire().await;
            stream.write_all(head(200, "").as_bytes()).await?;
        }
        Reply::HeldStatus(gate, status) => {
            let _ = gate.acquire().await;
            stream.write_all(head(status, "").as_bytes()).await?;
        }
    }
    stream.flush().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&piece[..count]);
    }
    Some(Received { line, headers, body: String::from_utf8(body).unwrap() })
}

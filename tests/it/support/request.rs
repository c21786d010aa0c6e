//! Requests to the router, as a client on the wire would send them.

use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{App, is_secret};

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Send {
    router: Router,
    method: Method,
    path: String,
    headers: HeaderMap,
    peer: Option<SocketAddr>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl App {
    pub(crate) fn request(&self, method: Method, path: &str) -> Send {
        Send {
            router: self.router.clone(),
            method,
            path: path.to_owned(),
            // As every client of HTTP/1.1 must.
            headers: HeaderMap::from_iter([(header::HOST, header::HeaderValue::from_static("tokens.test"))]),
            peer: Some(([192, 0, 2, 1], 4711).into()),
            body: Vec::new(),
        }
    }

    /// A request to the administrators' listener.
    pub(crate) fn administer(&self, method: Method, path: &str) -> Send {
        Send { router: self.admin_router.clone(), ..self.request(method, path) }
    }

    pub(crate) fn get(&self, path: &str) -> Send {
        self.request(Method::GET, path)
    }

    /// A form, as it stands on the wire.
    pub(crate) fn post(&self, path: &str, form: &str) -> Send {
        self.request(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.as_bytes())
    }
}

impl Send {
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.header_bytes(name, value.as_bytes())
    }

    pub(crate) fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        let name: header::HeaderName = name.parse().unwrap();
        self.headers.append(name, header::HeaderValue::from_bytes(value).unwrap());
        self
    }

    /// Without any header of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Basic credentials, both halves form-encoded as RFC 6749 §2.3.1 says.
    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        self.basic_raw(format!("{}:{}", escape(id), escape(secret)).as_bytes())
    }

    pub(crate) fn basic_raw(self, pair: &[u8]) -> Self {
        self.header("authorization", &format!("Basic {}", STANDARD.encode(pair)))
    }

    /// `X-App-Id` and `X-App-Token`.
    pub(crate) fn app_headers(self, id: &str, secret: &str) -> Self {
        self.header("x-app-id", id).header("x-app-token", secret)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// A JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string().as_bytes())
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// The socket's other end.
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.peer = Some(SocketAddr::new(address.parse().unwrap(), 4711));
        self
    }

    /// As if it came over something that has no address.
    pub(crate) fn without_address(mut self) -> Self {
        self.peer = None;
        self
    }

    pub(crate) async fn send(self) -> Answer {
        Answer::read(self.ask().await).await
    }

    /// An answer of its own accord without end, to be held or dropped; or a refusal.
    pub(crate) async fn open(self) -> Result<Response, Answer> {
        let response = self.ask().await;
        if response.status() == StatusCode::OK { Ok(response) } else { Err(Answer::read(response).await) }
    }

    async fn ask(self) -> Response {
        let mut request =
            Request::builder().method(self.method).uri(self.path).body(Body::from(self.body)).unwrap();
        *request.headers_mut() = self.headers;
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        self.router.oneshot(request).await.unwrap()
    }
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        assert_ne!(parts.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", String::from_utf8_lossy(&bytes));
        Self { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    /// The first piece of an answer that goes on.
    pub(crate) async fn first_of(response: Response) -> Self {
        let (parts, mut body) = response.into_parts();
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        Self { status: parts.status.as_u16(), headers: parts.headers, bytes: piece.to_vec() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `error` of a refusal.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// All of it but the request's id: what nobody may tell from another answer.
    pub(crate) fn whole(&self) -> String {
        let mut headers = self.headers.clone();
        assert!(headers.remove("x-request-id").is_some());
        format!("{} {headers:?} {}", self.status, self.text())
    }

    /// Status and `error`, for tables.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, if self.status == 200 { String::new() } else { self.error() })
    }

    /// The token of a granted request.
    pub(crate) fn token(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        let token = self.json()["access_token"].as_str().unwrap().to_owned();
        is_secret("a token", &token);
        token
    }

    /// Whether an introspection says that the token is live.
    pub(crate) fn is_active(&self) -> bool {
        assert_eq!(self.status, 200, "{}", self.text());
        let active = self.json()["active"].as_bool().unwrap();
        assert!(active || self.text() == r#"{"active":false}"#, "{}", self.text());
        active
    }
}

/// Form-encoded: every byte that is no letter, digit or underscore as an escape.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").unwrap();
        }
    }
    escaped
}

/// The header (0) or the claims (1) of a token.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

//! A key in every way in which somebody may present it, and everything that is done with tokens.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::program::Program;
use crate::support::escape;

/// Somebody at the door, with a key.
pub(super) struct Caller<'a> {
    pub(super) program: &'a Program,
    pub(super) http: Client,
    pub(super) url: String,
    pub(super) id: String,
    pub(super) secret: String,
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Caller<'_> {
    fn form(&self, path: &str, body: String) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).header("content-type", FORM).body(body)
    }

    /// A form in the key's name, with this secret, in each way.
    fn each_way(&self, path: &str, form: &str, secret: &str) -> [RequestBuilder; 5] {
        let plain = || self.form(path, form.to_owned());
        let (id, escaped) = (&self.id, escape(secret));
        [
            plain().basic_auth(id, Some(secret)),
            plain().basic_auth(id, Some(&escaped)),
            self.form(path, format!("{form}&client_id={id}&client_secret={escaped}")),
            plain().header("x-app-id", id).header("x-app-token", secret),
            plain().bearer_auth(secret),
        ]
    }

    async fn status(&self, request: RequestBuilder) -> u16 {
        self.send(request).await.0
    }

    /// Answers are kept too: only what was asked for may be in them.
    async fn send(&self, request: RequestBuilder) -> (u16, Value) {
        // A server that has heard enough of a body hangs up, sometimes before its answer is read.
        let Ok(answer) = request.send().await else { return (0, Value::Null) };
        let status = answer.status().as_u16();
        let headers = format!("{:?}", answer.headers());
        let mut body: Value =
            serde_json::from_slice(&answer.bytes().await.unwrap_or_default()).unwrap_or_default();
        let whole = body.clone();
        if let Some(token) = body.get_mut("access_token").map(Value::take) {
            self.program.is_secret("a token", token.as_str().unwrap());
        }
        self.program.hear(&format!("{status} {headers} {body}"));
        (status, whole)
    }

    /// Mints in every way, and presents everything else that people mistake for a secret.
    pub(super) async fn knocks(&self) -> Vec<String> {
        let grant = "grant_type=client_credentials";
        let mut tokens = Vec::new();
        for path in ["/oauth/token", "/v1/oauth/token"] {
            for request in self.each_way(path, grant, &self.secret) {
                let (status, body) = self.send(request).await;
                assert_eq!(status, 200, "{body}");
                tokens.push(body["access_token"].as_str().unwrap().to_owned());
            }
        }
        for (n, wrong) in self.wrong().into_iter().enumerate() {
            self.program.is_secret(&format!("wrong secret {n}"), &wrong);
            for request in self.each_way("/oauth/token", grant, &wrong) {
                assert_eq!(self.status(request).await / 100, 4, "wrong secret {n}");
            }
        }
        tokens
    }

    /// Nearly right, or right for something else: as worthy of protection as the secret itself.
    fn wrong(&self) -> [String; 5] {
        let (head, random) = self.secret.rsplit_once('_').unwrap();
        let swapped: String = random.chars().rev().collect();
        [
            format!(
                "{}{}",
                &self.secret[..self.secret.len() - 1],
                if random.ends_with('x') { 'y' } else { 'x' }
            ),
            format!("{head}_{swapped}"),
            format!("{}tail", self.secret),
            self.secret.to_uppercase(),
            "somebody-elses-password-4711".to_owned(),
        ]
    }

    /// Reports secrets, the one that has ended among them, with itself wherever it fits.
    pub(super) async fn reports(&self, ended: &str) {
        let [one, two, .., other] = self.wrong();
        for secret in [&one, &two, &other, ended] {
            let url = format!("https://x.example/?{secret}#{}", escape(secret));
            let report =
                json!({ "secrets": [format!("KEY={secret}"), secret], "source": secret, "url": url });
            let request = |path: &str, body: &Value| {
                let request = self.http.post(format!("{}{path}", self.url)).json(body);
                let signed = request.header("github-public-key-identifier", secret);
                signed.header("github-public-key-signature", secret)
            };
            assert_eq!(self.status(request("/v1/leaks", &report)).await, 202);
            for wrong in [json!({ secret: secret }), json!([{ "token": secret, "type": secret, "url": url }])]
            {
                assert_eq!(self.status(request("/v1/leaks", &wrong)).await, 400);
                assert_eq!(self.status(request("/v1/leaks/signed", &wrong)).await, 403);
            }
        }
    }

    /// Blocks its own key, in each way.
    pub(super) async fn gives_up(&self) {
        for request in self.each_way("/v1/key/block", "reason=key_compromise", &self.secret) {
            assert_eq!(self.status(request).await, 200);
        }
        let report = json!({ "secrets": [self.secret], "url": format!("https://x/{}", self.secret) });
        assert_eq!(self.status(self.http.post(format!("{}/v1/leaks", self.url)).json(&report)).await, 202);
    }

    /// Secrets in places where none belongs.
    pub(super) async fn misplaces(&self, token: &str) {
        let (id, secret, url) = (&self.id, &self.secret, &self.url);
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        for path in ["/oauth/token", "/oauth/introspect", "/nowhere"] {
            self.status(self.http.get(format!("{url}{path}?{body}&token={token}"))).await;
            self.status(self.form(&format!("{path}?{body}"), body.clone())).await;
            self.status(self.form(path, format!("{body}&{body}"))).await;
            self.status(self.form(path, body.clone()).basic_auth(id, Some(secret))).await;
            self.status(self.http.post(format!("{url}{path}")).json(&json!({ "s": secret }))).await;
            self.status(self.form(path, format!("{body}&scope={secret}&audience={secret}&resource={token}")))
                .await;
            self.status(self.form(path, format!("{body}&x={}", secret.repeat(2000)))).await;
        }
        for authorization in [
            format!("Basic {secret}"),
            format!("Basic {}", STANDARD.encode(secret)),
            format!("Basic {}==", STANDARD.encode(format!("{id}:{secret}"))),
            format!("Bearer {secret} {token}"),
            format!("Digest {secret}"),
        ] {
            let request = self.form("/oauth/token", "grant_type=client_credentials".to_owned());
            assert_eq!(self.status(request.header("authorization", authorization)).await / 100, 4);
        }
        let tail = format!("Host: x\r\nX-App-Token: {secret}\r\nCookie: token={token}\r\n");
        for head in [
            format!("GET /v1/auth/verify?{secret} HTTP/1.1\r\nAuthorization : Bearer {token}\r\n{tail}\r\n"),
            format!("GET /{secret} HTTP/9.9\r\n{tail}\r\n"),
            format!("{secret} / HTTP/1.1\r\n{tail}\r\n"),
            format!("GET / HTTP/1.1\r\n{secret}\r\n{tail}\r\n"),
            format!("POST /oauth/token HTTP/1.1\r\nContent-Length: {secret}\r\n{tail}\r\n{body}"),
            format!("GET / HTTP/1.1\r\n{}\r\n", tail.repeat(600)),
        ] {
            self.raw(head.as_bytes());
        }
    }

    /// Bytes that are hardly HTTP.
    fn raw(&self, bytes: &[u8]) {
        let mut wire = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        let mut answer = Vec::new();
        let _ = wire.write_all(bytes);
        let _ = wire.shutdown(std::net::Shutdown::Write);
        let _ = wire.read_to_end(&mut answer);
        self.program.hear(&String::from_utf8_lossy(&answer));
    }

    /// Everything that can be asked and done about tokens.
    pub(super) async fn handles(&self, tokens: &[String]) {
        let half = &tokens[0][..tokens[0].len() - 20];
        let foreign = [half, "not.a.token", "", &self.secret];
        for token in tokens.iter().map(String::as_str).chain(foreign) {
            for (path, name) in [
                ("/oauth/introspect", "token"),
                ("/v1/oauth/introspect", "access_token"),
                ("/oauth/introspect", "nonsense"),
            ] {
                self.status(
                    self.form(path, format!("{name}={token}")).basic_auth(&self.id, Some(&self.secret)),
                )
                .await;
            }
            self.status(self.http.get(format!("{}/v1/auth/verify", self.url)).bearer_auth(token)).await;
        }
        for (path, name, token) in [
            ("/oauth/revoke", "token", tokens[0].as_str()),
            ("/v1/oauth/token/revoke", "access_token", &tokens[1]),
            ("/oauth/revoke", "token", half),
        ] {
            let form = self.form(path, format!("{name}={token}"));
            assert_eq!(self.status(form.basic_auth(&self.id, Some(&self.secret))).await / 100, 2);
        }
        for path in
            ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/readyz", "/metrics"]
        {
            self.status(self.http.get(format!("{}{path}", self.url))).await;
        }
    }
}

//! An HTTP client that says which address it speaks from.

use std::time::Duration;

use serde_json::Value;

use crate::cli::failure::Failure;
use crate::domain::{KeyId, Secret};

/// Speaks to the server of the demonstration.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
}

/// What it answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// The `error` of a refusal, or nothing.
    pub(super) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    /// What it says about the error.
    pub(super) fn why(&self) -> &str {
        self.body["error_description"].as_str().unwrap_or_default()
    }

    /// A member of the body, as text.
    pub(super) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }
}

/// Who speaks, and from where.
#[derive(Clone, Copy)]
pub(super) struct Speaker<'a> {
    pub(super) id: &'a KeyId,
    pub(super) secret: &'a Secret,
    pub(super) address: &'a str,
}

impl Client {
    pub(super) fn new(url: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
        // It speaks without TLS: the authorities of the system need not be there.
        let http = http.tls_certs_only([]).build();
        Self { http: http.expect("a client without TLS needs nothing of the system"), url }
    }

    /// Asks for a token.
    pub(super) async fn token(&self, who: Speaker<'_>, scope: &str) -> Result<Answer, Failure> {
        let scope = scope.replace(' ', "+");
        self.post("/oauth/token", who, format!("grant_type=client_credentials&scope={scope}")).await
    }

    /// Posts a form in a key's name.
    pub(super) async fn post(&self, path: &str, who: Speaker<'_>, form: String) -> Result<Answer, Failure> {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request
            .basic_auth(who.id, Some(who.secret.expose()))
            .header("x-forwarded-for", who.address)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        answer(request).await
    }

    /// Asks what the judge says of a token that comes from this address.
    pub(super) async fn verify(&self, token: &str, address: &str) -> Result<Answer, Failure> {
        let request = self.http.get(format!("{}/v1/auth/verify", self.url));
        answer(request.bearer_auth(token).header("x-forwarded-for", address)).await
    }

    /// Gets a public document.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        answer(self.http.get(format!("{}{path}", self.url))).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, Failure> {
    let failed = |error: reqwest::Error| Failure::Demo(format!("the server does not answer: {error}"));
    let response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let body = response.bytes().await.map_err(failed)?;
    Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
}

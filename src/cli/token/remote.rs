//! A server, as its clients reach it.

use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::cli::failure::Failure;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server to speak with.
pub(super) struct Remote {
    http: reqwest::Client,
    url: String,
}

impl Remote {
    /// The server of this URL. What it is sent is sent nowhere else.
    pub(super) fn new(url: &str) -> Result<Self, Failure> {
        if url.starts_with("https:") {
            let why = "the client of this program has no TLS yet; on the machine of the server, name its own listener, such as http://127.0.0.1:8080";
            return Err(Failure::Usage(format!("--server: {why}")));
        }
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(PATIENCE).build();
        let http = http.map_err(|error| Failure::Remote { url: url.to_owned(), why: error.to_string() })?;
        Ok(Self { http, url: url.to_owned() })
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    /// A public document.
    pub(super) async fn document(&self, path: &str) -> Result<String, Failure> {
        let (status, body) = self.send(self.http.get(format!("{}{path}", self.url))).await?;
        if status == 200 { Ok(body) } else { Err(self.failed(format!("it answers {status} for {path}"))) }
    }

    /// Status and body of an answer.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<(u16, String), Failure> {
        let failed = |error: reqwest::Error| {
            let error = error.without_url();
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            self.failed(format!("{error}{}", cause.unwrap_or_default()))
        };
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.map_err(failed)?))
    }

    pub(super) fn failed(&self, why: String) -> Failure {
        Failure::Remote { url: self.url.clone(), why }
    }

    /// What a refusal means: whether to try again later, or to ask for something else.
    pub(super) fn refused(&self, status: u16, body: &str) -> Failure {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().replace(char::is_control, " ");
        match (status, text("error")) {
            (429 | 500.., error) => self.failed(format!("it answers {status} {error}")),
            (_, error) if error.is_empty() => {
                self.failed(format!("it answers {status}, and not as OAuth says"))
            }
            (_, error) => Failure::Refused { error, why: text("error_description") },
        }
    }
}

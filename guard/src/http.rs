//! How a token server is spoken to: what guards and token sources share. No redirection is followed, for
//! credentials travel with the requests; answers have a size and a time.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use zeroize::Zeroizing;

use crate::form::encoded;
use crate::metadata::MAX_DOCUMENT_BYTES;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take, all of it.
pub(crate) const ANSWER: Duration = Duration::from_secs(15);

/// How much room an answer gets in advance, in bytes.
const ROOM: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server cannot be reached, or stopped in the middle.
    #[error("the token server cannot be reached")]
    Unreachable(#[from] reqwest::Error),
    /// It answered with something else than what was asked for.
    #[error("the token server answered with status {0}")]
    Status(StatusCode),
    /// Somebody else answered: a client of one's own that follows redirections.
    #[error("the answer comes from elsewhere than asked")]
    Elsewhere,
    /// Longer than any answer of ours.
    #[error("the token server's answer is too long")]
    TooLong,
}

/// The API key in whose name something is asked for.
pub(crate) struct Credentials {
    id: String,
    secret: Zeroizing<String>,
}

impl Credentials {
    /// Form-encoded, as HTTP Basic wants both halves (RFC 6749 §2.3.1).
    pub(crate) fn new(id: &str, secret: &str) -> Self {
        Self { id: encoded(id), secret: Zeroizing::new(encoded(secret)) }
    }

    /// The request in this key's name.
    pub(crate) fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(&self.id, Some(self.secret.as_str()))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The usual HTTP client for this URL: it goes nowhere but where it is sent.
pub(crate) fn usual_client(url: &str) -> Result<Client, reqwest::Error> {
    let none = reqwest::redirect::Policy::none();
    let client = Client::builder().redirect(none).connect_timeout(CONNECT);
    if url.starts_with("https:") {
        client.https_only(true).build()
    } else {
        // On this machine: nothing to prove, and nothing that a proxy elsewhere should see.
        client.no_proxy().tls_certs_only([]).build()
    }
}

/// The head of an answer, by whoever was asked.
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, Error> {
    let (client, request) = request.build_split();
    let request = request?;
    let asked = request.url().clone();
    let answer = client.execute(request).await?;
    if *answer.url() == asked { Ok(answer) } else { Err(Error::Elsewhere) }
}

/// A public document.
pub(crate) async fn document(client: &Client, uri: &str) -> Result<Vec<u8>, Error> {
    let answer = send(client.get(uri).timeout(ANSWER)).await?;
    if answer.status() != StatusCode::OK {
        return Err(Error::Status(answer.status()));
    }
    whole(answer, MAX_DOCUMENT_BYTES).await
}

/// All of an answer.
pub(crate) async fn whole(mut answer: Response, most: usize) -> Result<Vec<u8>, Error> {
    let said = answer.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    // One piece of memory, as a rule: what is moved while it grows stays behind.
    let mut bytes = Vec::with_capacity(said.min(most).min(ROOM));
    while let Some(piece) = answer.chunk().await? {
        if bytes.len() + piece.len() > most {
            return Err(Error::TooLong);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

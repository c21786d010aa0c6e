//! What is asked of the token server, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::sync::OnceCell;

use crate::event_stream::{EventStream, TooLong};
use crate::feed_rules::{BodyHash, HEADER, InvalidAnswer, MAX_BODY_BYTES, NO_ENTRIES, Nonce, Unfitting};
use crate::http::{self, ANSWER, Credentials, document, send, whole};
use crate::id::Position;
use crate::jwks::{InvalidKeySet, KeySet};
use crate::metadata::{InvalidMetadata, Metadata};

/// How long a stream may be silent: it gives a sign of life every five seconds.
const SILENCE: Duration = Duration::from_secs(12);

/// Why nothing was learnt.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is no answer, or none that was asked for.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// A stream that ended, or says nothing.
    #[error("the stream is silent")]
    Silent,
    /// No metadata of our issuer.
    #[error(transparent)]
    Metadata(#[from] InvalidMetadata),
    /// No key set.
    #[error(transparent)]
    Keys(#[from] InvalidKeySet),
    /// An answer that cannot be believed.
    #[error(transparent)]
    Answer(#[from] InvalidAnswer),
    /// An answer that does not fit.
    #[error(transparent)]
    Unfitting(#[from] Unfitting),
}

impl From<TooLong> for Error {
    fn from(TooLong: TooLong) -> Self {
        Self::Http(http::Error::TooLong)
    }
}

/// A client of one token server.
pub(super) struct Client {
    pub(super) http: reqwest::Client,
    pub(super) issuer: Arc<str>,
    pub(super) well_known: String,
    pub(super) credentials: Credentials,
    pub(super) found: OnceCell<Metadata>,
}

/// A question of the feed.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) since: Position,
    pub(super) nonce: Nonce,
}

impl Client {
    /// Where everything is; asked once.
    pub(super) async fn metadata(&self) -> Result<&Metadata, Error> {
        let found = self.found.get_or_try_init(|| async {
            let document = document(&self.http, &self.well_known).await?;
            Ok::<_, Error>(Metadata::read(&document, &self.issuer)?)
        });
        found.await
    }

    /// The keys that sign tokens.
    pub(super) async fn token_keys(&self) -> Result<KeySet, Error> {
        self.keys(&self.metadata().await?.jwks_uri).await
    }

    /// The keys that sign the feed.
    pub(super) async fn feed_keys(&self) -> Result<KeySet, Error> {
        self.keys(&self.metadata().await?.feed_jwks_uri).await
    }

    async fn keys(&self, uri: &str) -> Result<KeySet, Error> {
        let document = document(&self.http, uri).await?;
        // What is no text is no key set either.
        Ok(KeySet::from_json(str::from_utf8(&document).unwrap_or_default())?)
    }

    /// An answer at once: statement and body.
    pub(super) async fn poll(&self, question: &Question) -> Result<(String, Vec<u8>), Error> {
        // Whatever since: if nothing came, the body is this one.
        let nothing = format!("\"{}\"", BodyHash::of(NO_ENTRIES));
        let request = self.ask(question).await?.header(IF_NONE_MATCH, &nothing).timeout(ANSWER);
        let answer = send(request).await?;
        let statement = statement(answer.headers());
        match answer.status() {
            StatusCode::NOT_MODIFIED if answer.headers().get(ETAG).is_some_and(|tag| *tag == *nothing) => {
                Ok((statement, NO_ENTRIES.to_vec()))
            }
            StatusCode::OK => Ok((statement, whole(answer, MAX_BODY_BYTES).await?)),
            status => Err(http::Error::Status(status).into()),
        }
    }

    /// Answers as they come.
    pub(super) async fn stream(&self, question: &Question) -> Result<Events, Error> {
        let request = self.ask(question).await?.header(ACCEPT, "text/event-stream");
        let answer = tokio::time::timeout(SILENCE, send(request)).await.map_err(|_| Error::Silent)??;
        if answer.status() != StatusCode::OK {
            return Err(http::Error::Status(answer.status()).into());
        }
        let stream = EventStream::new(MAX_BODY_BYTES);
        Ok(Events { answer, stream, ready: Vec::new().into_iter() })
    }

    async fn ask(&self, question: &Question) -> Result<RequestBuilder, Error> {
        let Question { since, nonce } = question;
        let uri = format!("{}?since={since}&nonce={nonce}", self.metadata().await?.feed_endpoint);
        Ok(self.credentials.sign(self.http.get(uri)))
    }
}

fn statement(headers: &HeaderMap) -> String {
    let statement = headers.get(HEADER).and_then(|value| value.to_str().ok());
    // A refusal has none; its status is told by whoever looks at it.
    statement.unwrap_or_default().to_owned()
}

/// Events of a stream.
pub(super) struct Events {
    answer: Response,
    stream: EventStream,
    ready: std::vec::IntoIter<Vec<u8>>,
}

impl Events {
    /// The data of the next event; none when the server ends the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            if let Some(event) = self.ready.next() {
                return Ok(Some(event));
            }
            let piece = tokio::time::timeout(SILENCE, self.answer.chunk()).await;
            let piece = piece.map_err(|_| Error::Silent)?.map_err(http::Error::from)?;
            let Some(piece) = piece else { return Ok(None) };
            self.ready = self.stream.take(&piece)?.into_iter();
        }
    }
}

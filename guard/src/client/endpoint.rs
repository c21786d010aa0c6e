//! The token endpoint, over HTTP.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::answer::{self, Denial, Granted, MAX_ANSWER_BYTES, Refused};
use super::pace;
use super::wanted::Wanted;
use crate::clock::Clock;
use crate::http::{self, ANSWER, Credentials, document, send, whole};
use crate::metadata::{self, InvalidMetadata};

/// Where the tokens come from.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) http: Client,
    pub(super) credentials: Credentials,
    pub(super) place: Place,
}

/// How the endpoint is known.
#[derive(Debug)]
pub(super) enum Place {
    /// By its address.
    Known(String),
    /// By the metadata of its issuer (RFC 8414), asked for once.
    Of { issuer: String, well_known: String, found: OnceCell<String> },
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was refused.
    Refused(Refused),
    /// Not at the moment; perhaps after as long as the server said.
    NotNow(Option<Duration>, Cause),
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error(transparent)]
    Metadata(#[from] InvalidMetadata),
    #[error(transparent)]
    Answer(#[from] Denial),
}

impl<E: Into<Cause>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::NotNow(None, error.into())
    }
}

impl Endpoint {
    /// A key becomes a token (RFC 6749 §4.4).
    pub(super) async fn exchange(&self, wanted: &Wanted, clock: &dyn Clock) -> Result<Granted, Failed> {
        let request = self.http.post(self.address().await?).timeout(ANSWER);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(wanted.form());
        let answer = send(self.credentials.sign(request)).await?;
        let (status, told) = (answer.status().as_u16(), told(answer.headers(), clock));
        let body = Zeroizing::new(whole(answer, MAX_ANSWER_BYTES).await?);
        match answer::read(status, &body, wanted) {
            Ok(granted) => Ok(granted),
            Err(Denial::Refused(refused)) => Err(Failed::Refused(refused)),
            Err(denial) => Err(Failed::NotNow(told, denial.into())),
        }
    }

    async fn address(&self) -> Result<&str, Cause> {
        let (issuer, well_known, found) = match &self.place {
            Place::Known(address) => return Ok(address),
            Place::Of { issuer, well_known, found } => (issuer, well_known, found),
        };
        let found = found.get_or_try_init(|| async {
            let document = document(&self.http, well_known).await?;
            Ok::<_, Cause>(metadata::token_endpoint(&document, issuer)?)
        });
        found.await.map(String::as_str)
    }
}

/// How long the server wants to be left alone.
fn told(headers: &HeaderMap, clock: &dyn Clock) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    pace::retry_after(text(RETRY_AFTER)?, text(DATE), clock.now())
}

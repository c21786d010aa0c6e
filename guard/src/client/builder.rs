//! How a token source is built.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::TokenSource;
use super::endpoint::{Endpoint, Place};
use super::pace::MARGIN;
use crate::clock::Clock;
use crate::http::{Credentials, usual_client};
use crate::metadata::{self, InvalidIssuer};
use crate::system_clock::SystemClock;

/// How long a caller waits at most, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many tokens are remembered, unless told otherwise.
const REMEMBERED: u64 = 1000;

/// A token source in the making.
pub struct Builder {
    place: String,
    is_issuer: bool,
    credentials: Option<Credentials>,
    http: Option<reqwest::Client>,
    margin: Duration,
    patience: Duration,
    remembered: u64,
    clock: Option<Arc<dyn Clock>>,
}

/// Why a token source cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The secret would go where anybody could read it.
    #[error(transparent)]
    Issuer(#[from] InvalidIssuer),
    /// There is nothing to exchange.
    #[error("a token source exchanges an API key: name one with `key`")]
    NoKey,
    /// No HTTP client can be made.
    #[error("no HTTP client can be made")]
    Client(#[from] reqwest::Error),
}

impl Builder {
    pub(super) fn new(place: &str, is_issuer: bool) -> Self {
        Self {
            place: place.to_owned(),
            is_issuer,
            credentials: None,
            http: None,
            margin: MARGIN,
            patience: PATIENCE,
            remembered: REMEMBERED,
            clock: None,
        }
    }

    /// The API key that is exchanged.
    #[must_use]
    pub fn key(mut self, id: &str, secret: &str) -> Self {
        self.credentials = Some(Credentials::new(id, secret));
        self
    }

    /// How long before its end a token is renewed: a minute unless told otherwise, and a quarter of its
    /// life at most.
    #[must_use]
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// How long [`TokenSource::token`] takes at most: 10 s unless told otherwise. A rest that the server
    /// asked for is waited for if it is over by then; otherwise the answer is an error, at once.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many tokens are remembered, for as many different things that are wanted: 1,000 unless told
    /// otherwise. Those that are wanted least are forgotten.
    #[must_use]
    pub fn remembering(mut self, tokens: u64) -> Self {
        self.remembered = tokens;
        self
    }

    /// The HTTP client, for certificate authorities or proxies of one's own. It should follow no
    /// redirections: the secret travels with the requests, and an answer from elsewhere is not believed.
    #[must_use]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// The clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The token source. Nothing is asked for before the first token is.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn build(self) -> Result<TokenSource, SourceError> {
        // Whatever it is called, a secret is sent there.
        let well_known = metadata::address(&self.place)?;
        let credentials = self.credentials.ok_or(SourceError::NoKey)?;
        let http = self.http.map_or_else(|| usual_client(&self.place), Ok)?;
        let place = if self.is_issuer {
            Place::Of { issuer: self.place, well_known, found: OnceCell::new() }
        } else {
            Place::Known(self.place)
        };
        let clock = self.clock.unwrap_or_else(SystemClock::shared);
        let endpoint = Endpoint { http, credentials, place };
        Ok(TokenSource::new(endpoint, clock, (self.margin, self.patience), self.remembered))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("place", &self.place)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

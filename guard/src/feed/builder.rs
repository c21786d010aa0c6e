//! How a guard is built.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, watch};

use super::client::Client;
use super::follow::{Follower, Manner};
use super::{Core, Following, Guard, keys};
use crate::clock::Clock;
use crate::feed_copy::{FeedCopy, MAX_AGE};
use crate::http::{Credentials, usual_client};
use crate::jwks::{ALGORITHMS, InvalidKeySet, KeySet};
use crate::metadata::{self, InvalidIssuer};
use crate::random::random;
use crate::system_clock::SystemClock;
use crate::verified::VerifiedTokens;

/// How many tokens are remembered as verified, unless told otherwise.
const REMEMBERED: usize = 10_000;

/// A guard in the making.
#[derive(Debug)]
pub struct Builder {
    issuer: String,
    project: String,
    credentials: Option<Credentials>,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    feed_keys: Option<String>,
    http: Option<reqwest::Client>,
    manner: Manner,
    max_age: Duration,
    keys_rest: Duration,
    remembered: usize,
    clock: NoDebug,
}

struct NoDebug(Option<Arc<dyn Clock>>);

impl std::fmt::Debug for NoDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "given" } else { "the machine's" })
    }
}

/// Why a guard cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The issuer cannot be followed.
    #[error(transparent)]
    Issuer(#[from] InvalidIssuer),
    /// The project or an audience is no name.
    #[error(transparent)]
    Name(#[from] crate::id::InvalidId),
    /// There is nothing to authenticate with.
    #[error("a guard follows the feed in an API key's name: name one with `key`")]
    NoKey,
    /// What was to be pinned is no key set.
    #[error("the feed keys to be pinned cannot be used")]
    FeedKeys(#[from] InvalidKeySet),
    /// A copy may not be as old as that.
    #[error("a guard's copy of the feed may be at most 45 s old")]
    MaxAge,
    /// There is no runtime to follow on.
    #[error("a guard is built inside a Tokio runtime, on which it follows the feed")]
    NoRuntime,
    /// No HTTP client can be made.
    #[error("no HTTP client can be made")]
    Client(#[from] reqwest::Error),
}

impl Builder {
    pub(super) fn new(issuer: &str, project: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            project: project.to_owned(),
            credentials: None,
            audiences: Vec::new(),
            algorithms: ALGORITHMS.to_vec(),
            feed_keys: None,
            http: None,
            manner: Manner::default(),
            max_age: MAX_AGE,
            keys_rest: keys::REST,
            remembered: REMEMBERED,
            clock: NoDebug(None),
        }
    }

    /// In whose name the feed is followed: an API key of the project with the permission
    /// `portcullis:revocations`, and better with no other.
    #[must_use]
    pub fn key(mut self, id: &str, secret: &str) -> Self {
        self.credentials = Some(Credentials::new(id, secret));
        self
    }

    /// An audience that this guard speaks for; repeatable. None named: the project's default,
    /// `<issuer>/projects/<project>`.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// The algorithms that are accepted, instead of all three.
    #[must_use]
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// Pins the keys that sign the feed, as a JWK set: none is fetched then, and none believed but
    /// these. A rotation of the feed key needs a new pin first.
    #[must_use]
    pub fn feed_keys(mut self, jwks: &str) -> Self {
        self.feed_keys = Some(jwks.to_owned());
        self
    }

    /// Nobody is admitted by a copy of the feed that is older than this; 45 s at most, and unless
    /// told otherwise.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// How often the feed is polled where it cannot be streamed: every 5 s unless told otherwise.
    #[must_use]
    pub fn poll_every(mut self, span: Duration) -> Self {
        self.manner.poll = span;
        self
    }

    /// The feed is polled and never streamed.
    #[must_use]
    pub fn without_stream(mut self) -> Self {
        self.manner.streams = false;
        self
    }

    /// How long signing keys are not asked for again after an unknown one was: a minute unless told
    /// otherwise.
    #[must_use]
    pub fn keys_rest(mut self, span: Duration) -> Self {
        self.keys_rest = span;
        self
    }

    /// How many tokens are remembered as verified.
    #[must_use]
    pub fn remembering(mut self, tokens: usize) -> Self {
        self.remembered = tokens;
        self
    }

    /// The HTTP client, for certificate authorities or proxies of one's own. It should follow no
    /// redirections: credentials travel with the requests.
    #[must_use]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// The clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = NoDebug(Some(clock));
        self
    }

    /// The guard, which begins to follow. Until it has heard of the token server it admits nobody:
    /// [`Guard::until_fresh`].
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Guard, BuildError> {
        let well_known = metadata::address(&self.issuer)?;
        let project = self.project.parse()?;
        let default = format!("{}/projects/{}", self.issuer, self.project);
        let named = if self.audiences.is_empty() { vec![default] } else { self.audiences };
        let audiences = named.iter().map(|audience| audience.parse()).collect::<Result<_, _>>()?;
        let pinned = self.feed_keys.as_deref().map(KeySet::from_json).transpose()?;
        let credentials = self.credentials.ok_or(BuildError::NoKey)?;
        if self.max_age > MAX_AGE {
            return Err(BuildError::MaxAge);
        }
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let http = self.http.map_or_else(|| usual_client(&self.issuer), Ok)?;
        let core = Arc::new(Core {
            issuer: self.issuer.into(),
            project,
            audiences,
            algorithms: self.algorithms,
            clock: self.clock.0.unwrap_or_else(SystemClock::shared),
            copy: FeedCopy::new(self.max_age),
            verifier: RwLock::default(),
            remembered: VerifiedTokens::new(&random(), self.remembered),
            learnt: watch::Sender::new(0),
            keys_wanted: keys::Wish::new(),
        });
        let found = OnceCell::new();
        let client = Arc::new(Client { http, issuer: core.issuer.clone(), well_known, credentials, found });
        let keys = runtime.spawn(keys::keep(core.clone(), client.clone(), self.keys_rest));
        let follower = Follower::new(core.clone(), client, self.manner, pinned);
        let feed = runtime.spawn(follower.run());
        let following = Arc::new(Following([keys.abort_handle(), feed.abort_handle()]));
        Ok(Guard { core, _following: following })
    }
}

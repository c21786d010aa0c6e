//! Tokens for callers: an API key is exchanged for tokens that are as narrow as each call, and short-lived.
//!
//! [`TokenSource::token`] answers from memory as a rule. A token is remembered by all that it was
//! [`Wanted`] for; from a minute before its end another one is asked for in the background, and in the
//! last quarter of that minute it is not given out any more. However many callers want the same, it is
//! asked for once, also if the caller that began it goes away.
//!
//! What was refused is not asked for again for ten seconds; a server that says 429 or 503, or nothing, is
//! left alone as long as its `Retry-After` says (at least a second, at most five minutes and a quarter), or
//! for 1, 2, 4 … 30 seconds. Tokens that are remembered are given out meanwhile.

pub mod answer;
mod builder;
mod endpoint;
mod entry;
mod pace;
mod rest;
mod token;
mod wanted;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::{sleep, timeout};

pub use answer::Refused;
pub use builder::{Builder, SourceError};
pub use token::Token;
pub use wanted::Wanted;

use endpoint::{Endpoint, Failed};
use entry::{Course, Entry, remembered};
use rest::{Failure, Rest};

use crate::clock::{Clock, Moment};
use crate::random::random;

/// Exchanges an API key for tokens, and remembers them. Cheap to clone. It lives on a Tokio runtime.
///
/// ```no_run
/// # async fn example(http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis_guard::{TokenSource, Wanted};
///
/// let tokens = TokenSource::builder("https://auth.example.com")
///     .key("pk_live_0123456789abcdef", "psk_live_…")
///     .build()?;
/// let token = tokens.token(&Wanted::scope("orders:read")?).await?;
/// http.get("https://orders.example.com/orders").bearer_auth(token.expose()).send().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TokenSource(Arc<Core>);

struct Core {
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
    margin: Duration,
    patience: Duration,
    entries: Cache<Wanted, Arc<Entry>>,
    rest: Mutex<Rest>,
}

/// Why there is no token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoToken {
    /// The server refuses, and would again.
    #[error("the token server refuses: {0}")]
    Refused(Refused),
    /// The server gives none at the moment.
    #[error("the token server gives no token now; it is asked again in {} s at the earliest", wait.as_secs_f32().ceil())]
    Unavailable {
        /// How long it is not asked again.
        wait: Duration,
        /// What went wrong.
        #[source]
        why: Arc<dyn Error + Send + Sync>,
    },
    /// It takes longer than the source's patience. The exchange goes on, for whoever asks next.
    #[error("the token server does not answer in time")]
    Late,
}

impl NoToken {
    /// A stable code: that of RFC 6749 §5.2 if the server refused, otherwise `temporarily_unavailable`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Unavailable { .. } | Self::Late => "temporarily_unavailable",
        }
    }
}

impl TokenSource {
    /// A token source in the making, for this issuer, whose metadata (RFC 8414) tells where tokens are.
    #[must_use]
    pub fn builder(issuer: &str) -> Builder {
        Builder::new(issuer, true)
    }

    /// A token source in the making, for this token endpoint; no metadata is asked for.
    #[must_use]
    pub fn at_endpoint(url: &str) -> Builder {
        Builder::new(url, false)
    }

    fn new(
        endpoint: Endpoint,
        clock: Arc<dyn Clock>,
        (margin, patience): (Duration, Duration),
        remembered: u64,
    ) -> Self {
        // What nobody asked for in a token's life is a dead token.
        let idle = Duration::from_secs(answer::LONGEST_LIFE.into());
        let entries = Cache::builder().max_capacity(remembered.max(1)).time_to_idle(idle).build();
        Self(Arc::new(Core { endpoint, clock, margin, patience, entries, rest: Mutex::default() }))
    }

    /// A token that is good for this, and not more.
    ///
    /// # Errors
    /// See [`NoToken`].
    pub async fn token(&self, wanted: &Wanted) -> Result<Token, NoToken> {
        let core = &self.0;
        timeout(core.patience, core.token(wanted)).await.unwrap_or(Err(NoToken::Late))
    }

    /// Somebody refused this token although it should be good (401 `invalid_token`): it may have been
    /// revoked. The next one who wants the same gets a new one. However many say so of one token, it is
    /// replaced once, and not in its first second: whoever refuses that one means something else.
    pub fn forget(&self, token: &Token) {
        if let Some(entry) = self.0.entries.get(token.wanted()) {
            entry.forget(token, self.0.clock.as_ref());
        }
    }
}

impl Core {
    async fn token(self: &Arc<Self>, wanted: &Wanted) -> Result<Token, NoToken> {
        let began = Moment::now(self.clock.as_ref());
        let entry = self.entries.get_with_by_ref(wanted, Arc::default);
        let mut moved = entry.moved();
        loop {
            let holds = || self.rest().holds(self.clock.as_ref());
            let (course, flight) = entry.course(self.clock.as_ref(), self.margin, holds);
            if let Some(number) = flight {
                tokio::spawn(Flight::new(self.clone(), entry.clone(), number).fly(wanted.clone()));
            }
            match course {
                Course::Give(token) => return Ok(token),
                Course::Rest(NoToken::Unavailable { wait, .. })
                    if wait <= self.patience.saturating_sub(began.age(self.clock.as_ref())) =>
                {
                    sleep(wait).await;
                }
                Course::Rest(held_up) => return Err(held_up),
                Course::Wait => moved.changed().await.map_err(|_| NoToken::Late)?,
            }
        }
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One exchange. It has a task of its own, and does not end with the caller that began it.
struct Flight {
    core: Arc<Core>,
    entry: Arc<Entry>,
    number: u64,
    rest: u64,
}

impl Flight {
    fn new(core: Arc<Core>, entry: Arc<Entry>, number: u64) -> Self {
        let rest = core.rest().number();
        Self { core, entry, number, rest }
    }

    async fn fly(self, wanted: Wanted) {
        let clock = self.core.clock.as_ref();
        let asked = Moment::now(clock);
        let done = self.core.endpoint.exchange(&wanted, clock).await;
        if !matches!(done, Err(Failed::NotNow(..))) && self.core.rest().answered() {
            tracing::info!("the token server answers again");
        }
        match done {
            Ok(granted) => self.entry.land(self.number, Some(Ok(Token::new(granted, wanted, asked)))),
            Err(Failed::Refused(refused)) if refused.is_of_key() => self.core.rest().refused(refused, clock),
            Err(Failed::Refused(refused)) => {
                self.entry.land(self.number, Some(Err(remembered(refused, clock))));
            }
            Err(Failed::NotNow(told, why)) => {
                self.failed(Failure { told, chance: u8::from_be_bytes(random()), why: Arc::new(why) });
            }
        }
    }

    fn failed(&self, failure: Failure) {
        let why = failure.why.clone();
        if self.core.rest().failed(failure, self.rest, self.core.clock.as_ref()) {
            let error = &*why as &dyn Error;
            tracing::warn!(error, "the token server gives no tokens");
        }
    }
}

/// However it ends, those who wait are told.
impl Drop for Flight {
    fn drop(&mut self) {
        self.entry.land(self.number, None);
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("place", &self.0.endpoint.place)
            .field("credentials", &self.0.endpoint.credentials)
            .finish_non_exhaustive()
    }
}

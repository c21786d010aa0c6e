//! The issuance log: no token is handed out that it does not hold (promise P5).
//!
//! Group commit: one writer takes whatever has queued up while the last commit ran and commits it
//! as one transaction, without waiting for more. The insert itself is conditional: a token whose
//! key or project was edited after the decision is not recorded, and so not handed out; nor is one
//! beyond the limit of live tokens of either.

mod retention;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use tracing::instrument;

use crate::domain::QuotaFull;
use crate::metrics::{Count, Spread};
use crate::store::{Error as StoreError, IssuedToken, IssuedTokens, Recording};
use crate::time::Clock;

pub use retention::Retention;

/// How many tokens may wait; beyond it a request is turned away at once.
const QUEUE: usize = 4096;
/// How many tokens one transaction records at most.
const BATCH: usize = 512;
/// How long a request waits for its commit.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a token may not be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Key or project were edited after the decision.
    #[error("the key or its project was changed meanwhile")]
    Moved,
    /// As many tokens of the key or its project live as may live.
    #[error("the limit of live tokens is reached")]
    Quota(QuotaFull),
    /// More tokens are waiting than the log takes.
    #[error("the issuance log is full")]
    Full,
    /// The log did not commit, or not in time. The token may be in it all the same.
    #[error("the issuance log did not commit")]
    NotCommitted,
}

/// The way into the log.
#[derive(Debug)]
pub struct IssuanceLog {
    queue: mpsc::Sender<Waiting>,
    commits: Arc<Commits>,
}

/// What is counted of the log.
#[derive(Debug)]
pub struct Commits {
    /// Tokens that it took up.
    pub recorded: Count,
    /// Time of a commit.
    pub took: Spread,
    /// Tokens in a commit.
    pub tokens: Spread,
    /// Commits that failed.
    pub failed: Count,
}

impl Default for Commits {
    fn default() -> Self {
        let (took, tokens) = (Spread::of_time(), Spread::of_numbers());
        Self { recorded: Count::default(), took, tokens, failed: Count::default() }
    }
}

#[derive(Debug)]
struct Waiting {
    token: IssuedToken,
    answer: oneshot::Sender<Result<(), Error>>,
}

impl IssuanceLog {
    /// Starts the writer. It ends once the log is dropped and all that waited is written; a database
    /// that panics over a batch fails that batch alone.
    #[must_use]
    pub fn start(store: Arc<dyn IssuedTokens>, clock: Arc<dyn Clock>) -> (Self, JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let commits = Arc::new(Commits::default());
        let log = Self { queue, commits: commits.clone() };
        (log, tokio::spawn(write(store, waiting, commits, clock)))
    }

    /// What was counted so far.
    #[must_use]
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// How many tokens wait for the next commit.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Records a token, durably.
    ///
    /// # Errors
    /// See [`Error`]; on any of them the token must not leave the house.
    #[instrument(name = "issuance.record", level = "debug", skip_all)]
    pub async fn record(&self, token: IssuedToken) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { token, answer }).map_err(|_| Error::Full)?;
        match timeout(PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(Error::NotCommitted),
        }
    }
}

async fn write(
    store: Arc<dyn IssuedTokens>,
    mut waiting: mpsc::Receiver<Waiting>,
    commits: Arc<Commits>,
    clock: Arc<dyn Clock>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (tokens, answers): (Vec<_>, Vec<_>) = batch.drain(..).map(|w| (w.token, w.answer)).unzip();
        let began = clock.monotonic();
        // Nothing of a batch outlives it here, so nothing half done is left behind by a panic.
        let recorded = AssertUnwindSafe(async { store.record(&tokens).await }).catch_unwind().await;
        commits.count(&recorded, tokens.len(), clock.monotonic().saturating_sub(began));
        for (answer, outcome) in answers.into_iter().zip(outcomes(recorded, tokens.len())) {
            // Nobody may be waiting any more; the row stays.
            let _ = answer.send(outcome);
        }
    }
}

impl Commits {
    fn count(&self, recorded: &Caught<Result<Vec<Recording>, StoreError>>, tokens: usize, took: Duration) {
        self.took.add_time(took);
        self.tokens.add(tokens as u64);
        match recorded {
            Ok(Ok(recorded)) => {
                let taken_up = recorded.iter().filter(|one| matches!(one, Recording::Recorded));
                self.recorded.add(taken_up.count() as u64);
            }
            _ => self.failed.add(1),
        }
    }
}

type Caught<T> = Result<T, Box<dyn Any + Send>>;

fn outcomes(recorded: Caught<Result<Vec<Recording>, StoreError>>, tokens: usize) -> Vec<Result<(), Error>> {
    match recorded {
        Ok(Ok(recorded)) => return recorded.into_iter().map(outcome).collect(),
        Ok(Err(error)) => tracing::error!(
            error = &error as &dyn std::error::Error,
            tokens,
            "the issuance log did not commit"
        ),
        // What it says may hold anything; where it happened, the panic hook has told.
        Err(_) => tracing::error!(tokens, "the issuance log did not commit: its database panicked"),
    }
    vec![Err(Error::NotCommitted); tokens]
}

fn outcome(recorded: Recording) -> Result<(), Error> {
    match recorded {
        Recording::Recorded => Ok(()),
        Recording::Moved => Err(Error::Moved),
        Recording::Full(full) => Err(Error::Quota(full)),
    }
}

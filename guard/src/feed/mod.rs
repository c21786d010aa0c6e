//! A guard that follows its token server by itself: metadata, keys and feed, in the background.
//!
//! Judging waits for nothing: [`Guard::judge`] reads memory and a clock. What cannot be known is
//! refused; a guard that has not heard of the feed for 45 seconds admits nobody.

mod builder;
mod client;
mod follow;
mod keys;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::claims::VerifiedClaims;
use crate::clock::Clock;
use crate::error::Refusal;
use crate::feed_copy::FeedCopy;
use crate::id::{Audience, Position, ProjectId};
use crate::jwks::KeySet;
use crate::revocation::Freshness;
use crate::verified::VerifiedTokens;
use crate::verify::{Gate, Required, Verifier, Whose};

pub use builder::{BuildError, Builder};
use keys::Wish;

/// How long a request waits for a signing key that nobody knew, at most.
const KEYS_PATIENCE: Duration = Duration::from_secs(2);

/// Judges the tokens of one project, and keeps itself informed. Cheap to clone; the last one that
/// is dropped ends what follows.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let (token, scope) = ("", "orders:read".parse()?);
/// use portcullis_guard::{Guard, Place, Required, Whose};
///
/// let guard = Guard::builder("https://auth.example.com", "prj_0123456789abcdef")
///     .key("pk_live_0123456789abcdef", "psk_live_…")
///     .build()?;
/// guard.until_fresh().await;
/// let required = Required { scope: &scope, audience: guard.audience(), address: Place::NotJudged, origin: None };
/// let claims = guard.judge(token, &required)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Guard {
    core: Arc<Core>,
    _following: Arc<Following>,
}

/// What a guard knows.
struct Core {
    issuer: Arc<str>,
    project: ProjectId,
    audiences: Vec<Audience>,
    algorithms: Vec<Algorithm>,
    clock: Arc<dyn Clock>,
    copy: FeedCopy,
    /// None until the keys are known.
    verifier: RwLock<Option<Arc<Verifier>>>,
    remembered: VerifiedTokens,
    /// Moves whenever something was learnt.
    learnt: watch::Sender<u64>,
    /// Whether somebody presented a token of an unknown signing key.
    keys_wanted: Wish,
}

/// What runs in the background, for as long as this lives.
struct Following([AbortHandle; 2]);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl Guard {
    /// A guard in the making, for a project's tokens of this issuer.
    #[must_use]
    pub fn builder(issuer: &str, project: &str) -> Builder {
        Builder::new(issuer, project)
    }

    /// Judges a token by what is known at this moment. Without I/O.
    ///
    /// # Errors
    /// The first [`Refusal`] in the order of its variants; [`Refusal::Stale`] also while nothing is
    /// known of the signing keys.
    pub fn judge(&self, token: &str, required: &Required<'_>) -> Result<Arc<VerifiedClaims>, Refusal> {
        let core = &self.core;
        let verifier = core.verifier.read().unwrap_or_else(PoisonError::into_inner).clone();
        let verifier = verifier.ok_or(Refusal::Stale)?;
        let list = core.copy.list();
        let gate =
            Gate { list: &list, freshness: core.copy.freshness(core.clock.as_ref()), now: core.clock.now() };
        let judged = verifier.judge_remembering(token, required, &gate, &core.remembered);
        if is_unknown(&judged) {
            core.keys_wanted.make();
        }
        judged
    }

    /// [`Guard::judge`], and once more after the keys were asked for, if the signing key is not known.
    /// However many ask, the keys are fetched once, and then not again for a while.
    ///
    /// # Errors
    /// As [`Guard::judge`].
    pub async fn judge_after_keys(
        &self,
        token: &str,
        required: &Required<'_>,
    ) -> Result<Arc<VerifiedClaims>, Refusal> {
        let wish = &self.core.keys_wanted;
        let mut fetched = wish.fetched();
        let judged = self.judge(token, required);
        if !is_unknown(&judged) {
            return judged;
        }
        let known = async {
            loop {
                // Asked first: what was fetched before it is judged is judged by.
                let is_coming = wish.is_open();
                let judged = self.judge(token, required);
                if !is_unknown(&judged) || !is_coming || fetched.changed().await.is_err() {
                    return judged;
                }
            }
        };
        let judged = tokio::time::timeout(KEYS_PATIENCE, known).await;
        judged.unwrap_or(Err(Refusal::UnknownSigningKey))
    }

    /// The audiences that this guard speaks for.
    #[must_use]
    pub fn audience(&self) -> Whose<'_> {
        Whose::OneOf(&self.core.audiences)
    }

    /// The issuer whose tokens it judges.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.core.issuer
    }

    /// The project whose tokens it judges.
    #[must_use]
    pub fn project(&self) -> &ProjectId {
        &self.core.project
    }

    /// What its copy of the feed is worth: [`Freshness::Stale`] admits nobody.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.core.copy.freshness(self.core.clock.as_ref())
    }

    /// How old that copy is; none if there never was one that holds.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.core.copy.age(self.core.clock.as_ref())
    }

    /// How far in the feed it has come.
    #[must_use]
    pub fn position(&self) -> Position {
        self.core.copy.position()
    }

    /// Waits until it can admit anybody: keys and feed are known.
    pub async fn until_fresh(&self) {
        self.until(|guard| guard.core.knows_keys() && guard.freshness() != Freshness::Stale).await;
    }

    /// Waits until it has come so far in the feed.
    pub async fn until_position(&self, position: Position) {
        self.until(|guard| guard.position() >= position).await;
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let mut learnt = self.core.learnt.subscribe();
        while !is_so(self) && learnt.changed().await.is_ok() {}
    }
}

fn is_unknown(judged: &Result<Arc<VerifiedClaims>, Refusal>) -> bool {
    judged.as_ref().is_err_and(|refusal| *refusal == Refusal::UnknownSigningKey)
}

impl Core {
    fn knows_keys(&self) -> bool {
        self.verifier.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn set_keys(&self, keys: KeySet) {
        let verifier = Verifier::new(self.issuer.clone(), self.project.clone(), Arc::new(keys));
        let verifier = Arc::new(verifier.only(&self.algorithms));
        *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = Some(verifier);
    }

    fn tell_learnt(&self) {
        self.learnt.send_modify(|times| *times += 1);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("issuer", &self.core.issuer)
            .field("project", &self.core.project)
            .field("copy", &self.core.copy)
            .finish_non_exhaustive()
    }
}

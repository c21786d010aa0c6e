//! The tokens of a command: an administrator's key is exchanged for what each request needs, and what is left of
//! one is used again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_guard::Wanted;
use tokio::sync::Mutex;
use tokio::time::sleep;
use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::cli::remote::Remote;
use crate::cli::token::exchange;
use crate::domain::grant::default_audience;
use crate::domain::{Audience, ProjectId, Scope, ScopeSet};
use crate::time::Clock;

use super::{REST, TRIES};

/// How long a token is to live: a command, with what it waits for.
const LIFE: Duration = Duration::from_mins(2);
/// One that ends within this is not used any more.
const MARGIN: Duration = Duration::from_secs(75);

/// Who asks, and what they have been given so far.
pub(super) struct Purse {
    server: Remote,
    audience: Audience,
    key: (String, Zeroizing<String>),
    clock: Arc<dyn Clock>,
    /// By scope: the token, and until when by the clock that nobody sets it is used.
    tokens: Mutex<HashMap<ScopeSet, (Zeroizing<String>, Duration)>>,
}

impl Purse {
    pub(super) fn of(
        server: Remote,
        issuer: &str,
        key: (String, Zeroizing<String>),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let audience = default_audience(&ProjectId::administration(), issuer);
        Self { server, audience, key, clock, tokens: Mutex::default() }
    }

    /// A token for this scope.
    pub(super) async fn token(&self, scope: &[Scope]) -> Result<Zeroizing<String>, Failure> {
        let scope: ScopeSet = scope.iter().cloned().collect();
        let mut tokens = self.tokens.lock().await;
        let now = self.clock.monotonic();
        if let Some((token, until)) = tokens.get(&scope)
            && *until > now
        {
            return Ok(token.clone());
        }
        let granted = self.exchange(&scope).await?;
        let until = now + granted.1.saturating_sub(MARGIN);
        tokens.insert(scope, (granted.0.clone(), until));
        Ok(granted.0)
    }

    /// Forgets what was given: it is refused.
    pub(super) async fn drop_tokens(&self) {
        self.tokens.lock().await.clear();
    }

    async fn exchange(&self, scope: &ScopeSet) -> Result<(Zeroizing<String>, Duration), Failure> {
        let wanted = Wanted::scope(&scope.to_string())
            .map_err(|error| Failure::Usage(error.to_string()))?
            .at(self.audience.clone())
            .living(LIFE);
        let mut rest = REST;
        let mut tried = 1;
        loop {
            let (id, secret) = &self.key;
            match exchange(&self.server, (id, secret), &wanted).await {
                Ok(answered) => return Ok((answered.granted.token, answered.granted.lifetime)),
                Err(failure @ Failure::Remote { .. }) if tried == TRIES => return Err(failure),
                Err(Failure::Remote { .. }) => {
                    sleep(rest).await;
                    (rest, tried) = (rest * 2, tried + 1);
                }
                Err(Failure::Refused { error, why }) if error == "invalid_scope" => {
                    let why =
                        format!("{why}; a key that is limited to a project needs `project` in the profile");
                    return Err(Failure::Refused { error, why });
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

//! What is asked about requests that made something under a name.

use async_trait::async_trait;

use super::Error;
use crate::domain::{KeyId, Position, Timestamp};

/// Requests that made something under a name; they are recorded by what makes it
/// ([`Once`](crate::domain::once::Once)).
#[async_trait]
pub trait Replays: Send + Sync {
    /// What this key has made under this name, unless it is forgotten.
    async fn replay(&self, actor: &KeyId, name: &str, now: Timestamp) -> Result<Option<Replay>, Error>;
}

/// What was made once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// What was asked for.
    pub request: [u8; 16],
    /// What was answered.
    pub answer: String,
    /// Where in the feed it stands.
    pub position: Position,
}

//! Requests that made something under a name, passed on.

use async_trait::async_trait;
use portcullis::domain::{KeyId, Timestamp};
use portcullis::store::{Error, Replay, Replays};

use super::Through;

#[async_trait]
impl Replays for Through {
    async fn replay(&self, actor: &KeyId, name: &str, now: Timestamp) -> Result<Option<Replay>, Error> {
        self.store.replay(actor, name, now).await
    }
}

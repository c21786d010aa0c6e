//! The acts on a key's secrets. Tokens that are out live on through all of them (promise P3).

use std::time::Duration;

use serde_json::json;

use super::acts::{Acts, Done, Error, Why, explained};
use crate::domain::edit::KeyEdit;
use crate::domain::grant::MintRecord;
use crate::domain::{KeyId, Secret, SecretDigest, SecretId, Timestamp};
use crate::store::Error as StoreError;

/// A secret that was made: shown to whoever asked, and kept nowhere.
#[derive(Debug)]
pub struct Made {
    /// The secret.
    pub secret: Secret,
    /// Its public name.
    pub id: SecretId,
}

impl Acts {
    /// Gives a key a new secret; the old ones end after `overlap`. Tokens that are out live on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn regenerate(
        &self,
        id: &KeyId,
        overlap: Duration,
        why: &Why,
    ) -> Result<(Done, Secret), Error> {
        let record = self.record(id).await?;
        let (digest, made) = self.make_secret(&record);
        let old_end = self.clock.now().after(overlap);
        let detail = json!({ "overlap_secs": overlap.as_secs(), "secret_id": made.id });
        let edit = KeyEdit::Regenerate { digest, old_end };
        let done = self.commit(&record, edit, explained(detail, why)).await?;
        Ok((done, made.secret))
    }

    /// Gives a key a further secret, beside those that it has.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_secret(
        &self,
        id: &KeyId,
        expires_at: Option<Timestamp>,
        why: &Why,
    ) -> Result<(Done, Made), Error> {
        let record = self.record(id).await?;
        let (digest, made) = self.make_secret(&record);
        let detail = json!({ "secret_id": made.id, "expires_at": expires_at.map(Timestamp::secs) });
        let edit = KeyEdit::AddSecret { digest, expires_at };
        let done = self.commit(&record, edit, explained(detail, why)).await?;
        Ok((done, made))
    }

    /// Ends one of a key's secrets after `delay`, unless it ends before. Decided anew if somebody
    /// else edits the key meanwhile: whoever ends a secret may have to.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn expire_secret(
        &self,
        id: &KeyId,
        secret: &SecretId,
        delay: Duration,
        why: &Why,
    ) -> Result<Done, Error> {
        self.decided_anew(|| self.try_expire_secret(id, secret, delay, why)).await
    }

    async fn try_expire_secret(
        &self,
        id: &KeyId,
        secret: &SecretId,
        delay: Duration,
        why: &Why,
    ) -> Result<Done, Error> {
        let record = self.record(id).await?;
        let stored = record.secrets.iter().find(|stored| stored.digest.id() == *secret);
        let stored = stored.ok_or(StoreError::Missing("secret"))?;
        let at = self.clock.now().after(delay);
        let detail = json!({ "secret_id": secret, "expires_at": at.secs() });
        let edit = KeyEdit::ExpireSecret { secret: SecretDigest::from_bytes(*stored.digest.as_bytes()), at };
        self.commit(&record, edit, explained(detail, why)).await
    }

    fn make_secret(&self, record: &MintRecord) -> (SecretDigest, Made) {
        let secret = Secret::regenerate(&record.key.id, record.project.kind, &self.entropy.bytes());
        let digest = self.pepper.digest(&secret);
        let id = digest.id();
        (digest, Made { secret, id })
    }
}

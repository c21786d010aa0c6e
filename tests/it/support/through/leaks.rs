//! Reports of leaked secrets, passed on.

use async_trait::async_trait;
use portcullis::domain::audit::AuditDraft;
use portcullis::domain::leak::{Earlier, Flag};
use portcullis::domain::{KeyId, Position, SecretDigest, SecretId};
use portcullis::store::{Error, LeakRecord, Leaks};

use super::Through;

#[async_trait]
impl Leaks for Through {
    async fn owners(&self, digests: &[SecretDigest]) -> Result<Vec<Option<KeyId>>, Error> {
        self.store.owners(digests).await
    }

    async fn earlier_report(&self, key: &KeyId, secret: &SecretId) -> Result<Earlier, Error> {
        let earlier = self.store.earlier_report(key, secret).await;
        self.hand.reports.pass().await;
        earlier
    }

    async fn record_leak(&self, leak: &LeakRecord) -> Result<Option<Position>, Error> {
        self.store.record_leak(leak).await
    }

    async fn flags(&self, keys: &[KeyId]) -> Result<Vec<Flag>, Error> {
        self.store.flags(keys).await
    }

    async fn clear_flags(&self, key: &KeyId, secrets: &[SecretId], audit: &AuditDraft) -> Result<u64, Error> {
        self.store.clear_flags(key, secrets, audit).await
    }
}

//! The keys of a project, tokens of a key and rows of the audit log, as an administrator would look for them.

use async_trait::async_trait;
use portcullis::domain::authority::Reach;
use portcullis::domain::hygiene::Neglect;
use portcullis::domain::{ApiKey, KeyId, ProjectId};
use portcullis::store::{Error, IssuedToken, SealedRow, Store, WantedAudit, WantedKeys, WantedTokens};

/// What the store holds, looked up by whoever may see all of it.
#[async_trait]
pub(crate) trait Listed {
    /// Rows of the audit log after number `after`, in order, at most `limit`.
    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Error>;

    /// The newest of a key's tokens.
    async fn issued(&self, key: &KeyId, limit: u32) -> Result<Vec<IssuedToken>, Error>;
}

#[async_trait]
impl<T: Store + ?Sized> Listed for T {
    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Error> {
        self.find_audit(&all_audit_after(after, limit)).await
    }

    async fn issued(&self, key: &KeyId, limit: u32) -> Result<Vec<IssuedToken>, Error> {
        self.find_tokens(&all_tokens_of(key, limit)).await
    }
}

pub(crate) fn all_audit_after(after: i64, limit: u32) -> WantedAudit {
    WantedAudit {
        within: Reach::Everywhere,
        actor: None,
        act: None,
        target: None,
        since: None,
        until: None,
        newest_first: false,
        after: Some(after),
        limit,
    }
}

pub(crate) fn all_tokens_of(key: &KeyId, limit: u32) -> WantedTokens {
    WantedTokens {
        within: Reach::Everywhere,
        key: Some(key.clone()),
        subject: None,
        address: None,
        since: None,
        until: None,
        before: None,
        limit,
    }
}

/// All of them, deleted ones too.
pub(crate) fn all_keys_of(project: &ProjectId) -> WantedKeys {
    WantedKeys {
        within: Reach::Within([project.clone()].into()),
        key: None,
        state: None,
        role: None,
        flagged: None,
        text: None,
        neglect: Neglect::default(),
        after: None,
        limit: u32::MAX,
    }
}

/// They, by id.
pub(crate) async fn keys_of(store: &dyn Store, project: &ProjectId) -> Result<Vec<ApiKey>, Error> {
    let found = store.find_keys(&all_keys_of(project)).await?;
    Ok(found.into_iter().map(|found| found.key).collect())
}

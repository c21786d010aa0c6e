//! The audit log.

use async_trait::async_trait;

use crate::domain::audit::AuditDraft;
use crate::store::AuditLog;
use crate::store::error::Error;

use super::PostgresStore;
use super::again::again;
use super::publish::append_audit;

#[async_trait]
impl AuditLog for PostgresStore {
    async fn note(&self, act: &AuditDraft) -> Result<(), Error> {
        again(move || async move {
            let mut work = self.write().await?;
            append_audit(&mut work, act).await?;
            work.commit().await
        })
        .await
    }
}

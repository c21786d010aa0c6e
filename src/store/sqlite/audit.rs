//! The audit log.

use async_trait::async_trait;

use crate::domain::audit::AuditDraft;
use crate::store::AuditLog;
use crate::store::error::Error;

use super::SqliteStore;
use super::publish::append_audit;

#[async_trait]
impl AuditLog for SqliteStore {
    async fn note(&self, act: &AuditDraft) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        append_audit(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }
}

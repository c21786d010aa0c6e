//! The audit log.

use async_trait::async_trait;

use crate::domain::audit::AuditDraft;
use crate::store::error::Error;
use crate::store::rows::AuditLogRow;
use crate::store::{AuditLog, SealedRow};

use super::SqliteStore;
use super::publish::append_audit;

#[async_trait]
impl AuditLog for SqliteStore {
    async fn note(&self, act: &AuditDraft) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        append_audit(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Error> {
        let rows: Vec<AuditLogRow> = sqlx::query_as(
            "SELECT seq, at, actor, address, act, project, target, detail, previous, hash \
             FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(SealedRow::try_from).collect()
    }
}

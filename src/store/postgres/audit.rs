//! The audit log.

use async_trait::async_trait;

use crate::domain::audit::AuditDraft;
use crate::store::error::Error;
use crate::store::rows::AuditLogRow;
use crate::store::{AuditLog, SealedRow};

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

    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<AuditLogRow> = sqlx::query_as(
            "SELECT seq, at, actor, address, act, project, target, detail, previous, hash \
             FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(SealedRow::try_from).collect()
    }
}

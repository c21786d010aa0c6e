//! The audit log, read.

use async_trait::async_trait;

use crate::store::error::Error;
use crate::store::rows::AuditLogRow;
use crate::store::{AuditLog, SealedRow};

use super::PostgresStore;

#[async_trait]
impl AuditLog for PostgresStore {
    async fn audit(&self, after: i64, limit: u32) -> Result<Vec<SealedRow>, Error> {
        let mut work = self.look().await?;
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

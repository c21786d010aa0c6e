//! What administrators look for. Letters are compared as SQLite compares them, so that both engines find
//! the same: A to Z in either case, all others as they are.

use async_trait::async_trait;

use crate::domain::feed::Published;
use crate::domain::{ApiKey, KeyId, KeyState, Project, ProjectId, Timestamp, TokenId};
use crate::store::error::Error;
use crate::store::rows::{self, AuditLogRow, FeedRow, IssuedRow, KeyRow, ProjectRow};
use crate::store::search::listed;
use crate::store::{
    IssuedToken, SealedRow, Search, WantedAudit, WantedKeys, WantedProjects, WantedRevocations, WantedTokens,
};

use super::PostgresStore;
use super::issued::{FIRST, LAST, first_of};

/// Rows of the audit log, in one order or the other: each is one walk along the primary key.
macro_rules! audit_rows {
    ($order:literal) => {
        concat!(
            "SELECT seq, at, actor, address, act, project, target, detail, previous, hash \
             FROM audit WHERE ($1::bigint IS NULL OR seq > $1) AND ($2::bigint IS NULL OR seq < $2) \
             AND ($3::text IS NULL OR project IN (SELECT jsonb_array_elements_text($3::jsonb))) \
             AND ($4::text IS NULL OR actor = $4) \
             AND ($5::text IS NULL OR act = $5) \
             AND ($6::text IS NULL OR target = $6) \
             AND ($7::bigint IS NULL OR at >= $7) \
             AND ($8::bigint IS NULL OR at < $8) \
             ORDER BY seq ",
            $order,
            " LIMIT $9"
        )
    };
}

#[async_trait]
impl Search for PostgresStore {
    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<ApiKey>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<KeyRow> = sqlx::query_as(
            "SELECT id, project, name, state, permissions, role, allowlist, audiences, token_lifetime, \
             require_scope, auth_methods, live_tokens, created_at, expires_at, changed \
             FROM api_keys WHERE id > $1 \
             AND ($2::text IS NULL OR project IN (SELECT jsonb_array_elements_text($2::jsonb))) \
             AND ($3::text IS NULL OR state = $3) \
             AND ($4::text IS NULL OR strpos(lower(id COLLATE \"C\"), lower($4 COLLATE \"C\")) > 0 \
               OR strpos(lower(name COLLATE \"C\"), lower($4 COLLATE \"C\")) > 0) \
             AND ($6::boolean IS NULL OR $6 = EXISTS (\
               SELECT 1 FROM leak_reports AS r WHERE r.key = api_keys.id AND r.cleared_at IS NULL)) \
             ORDER BY id LIMIT $5",
        )
        .bind(wanted.after.as_ref().map_or("", KeyId::as_str))
        .bind(listed(&wanted.within))
        .bind(wanted.state.map(KeyState::as_str))
        .bind(&wanted.text)
        .bind(i64::from(wanted.limit))
        .bind(wanted.flagged)
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }

    async fn find_projects(&self, wanted: &WantedProjects) -> Result<Vec<Project>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<ProjectRow> = sqlx::query_as(
            "SELECT id, kind, name, algorithm, live_tokens, raw_keys, on_leak, created_at, changed \
             FROM projects WHERE id > $1 \
             AND ($2::text IS NULL OR id IN (SELECT jsonb_array_elements_text($2::jsonb))) \
             AND ($3::text IS NULL OR strpos(lower(id COLLATE \"C\"), lower($3 COLLATE \"C\")) > 0 \
               OR strpos(lower(name COLLATE \"C\"), lower($3 COLLATE \"C\")) > 0) \
             ORDER BY id LIMIT $4",
        )
        .bind(wanted.after.as_ref().map_or("", ProjectId::as_str))
        .bind(listed(&wanted.within))
        .bind(&wanted.text)
        .bind(i64::from(wanted.limit))
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(Project::try_from).collect()
    }

    async fn find_tokens(&self, wanted: &WantedTokens) -> Result<Vec<IssuedToken>, Error> {
        let end = wanted.until.map_or(LAST, first_of);
        let (first, end) =
            (wanted.since.map_or(FIRST, first_of), wanted.before.map_or(end, |at| at.min(end)));
        let mut work = self.one_read().await?;
        let rows: Vec<IssuedRow> = sqlx::query_as(
            "SELECT jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent \
             FROM issued_tokens WHERE jti >= $1 AND jti < $2 \
             AND ($3::text IS NULL OR project IN (SELECT jsonb_array_elements_text($3::jsonb))) \
             AND ($4::text IS NULL OR key = $4) \
             AND ($5::text IS NULL OR subject = $5) \
             AND ($6::text IS NULL OR address = $6) \
             ORDER BY jti DESC LIMIT $7",
        )
        .bind(first.as_bytes().as_slice())
        .bind(end.as_bytes().as_slice())
        .bind(listed(&wanted.within))
        .bind(wanted.key.as_ref().map(KeyId::as_str))
        .bind(&wanted.subject)
        .bind(wanted.address.map(|address| address.to_string()))
        .bind(i64::from(wanted.limit))
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(IssuedToken::try_from).collect()
    }

    async fn issued_token(&self, jti: TokenId) -> Result<Option<IssuedToken>, Error> {
        let mut work = self.one_read().await?;
        let row: Option<IssuedRow> = sqlx::query_as(
            "SELECT jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent \
             FROM issued_tokens WHERE jti = $1",
        )
        .bind(jti.as_bytes().as_slice())
        .fetch_optional(&mut *work)
        .await?;
        work.commit().await?;
        row.map(IssuedToken::try_from).transpose()
    }

    async fn find_revocations(&self, wanted: &WantedRevocations) -> Result<Vec<Published>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<FeedRow> = sqlx::query_as(
            "SELECT position, tag, entry, ends_at FROM feed \
             WHERE kind IN ('all', 'project', 'key', 'subject', 'token', 'signing_key') \
             AND (ends_at IS NULL OR ends_at > $1) \
             AND ($2::bigint IS NULL OR position < $2) \
             AND ($3::text IS NULL OR kind = $3) \
             AND ($4::text IS NULL OR project IS NULL OR project IN (SELECT jsonb_array_elements_text($4::jsonb))) \
             ORDER BY position DESC LIMIT $5",
        )
        .bind(wanted.now.millis())
        .bind(wanted.before.map(rows::stored))
        .bind(&wanted.kind)
        .bind(listed(&wanted.within))
        .bind(i64::from(wanted.limit))
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(Published::try_from).collect()
    }

    async fn find_audit(&self, wanted: &WantedAudit) -> Result<Vec<SealedRow>, Error> {
        let (after, before) = if wanted.newest_first { (None, wanted.after) } else { (wanted.after, None) };
        let mut work = self.one_read().await?;
        let rows: Vec<AuditLogRow> =
            sqlx::query_as(if wanted.newest_first { audit_rows!("DESC") } else { audit_rows!("ASC") })
                .bind(after)
                .bind(before)
                .bind(listed(&wanted.within))
                .bind(&wanted.actor)
                .bind(&wanted.act)
                .bind(&wanted.target)
                .bind(wanted.since.map(Timestamp::millis))
                .bind(wanted.until.map(Timestamp::millis))
                .bind(i64::from(wanted.limit))
                .fetch_all(&mut *work)
                .await?;
        work.commit().await?;
        rows.into_iter().map(SealedRow::try_from).collect()
    }
}

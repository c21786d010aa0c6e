//! What administrators look for. Letters are compared as SQLite compares them, so that both engines find
//! the same: A to Z in either case, all others as they are.

use async_trait::async_trait;

use crate::domain::feed::Published;
use crate::domain::{KeyId, KeyState, Project, ProjectId, RoleName, Timestamp, TokenId};
use crate::store::error::Error;
use crate::store::rows::{self, AuditLogRow, FeedRow, FoundKeyRow, GrantRow, IssuedRow, ProjectRow};
use crate::store::search::listed;
use crate::store::{
    FoundGrants, FoundKey, IssuedToken, SealedRow, Search, WantedAudit, WantedGrants, WantedKeys,
    WantedProjects, WantedRevocations, WantedTokens, first_of,
};

use super::PostgresStore;
use super::issued::{FIRST, LAST};

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
    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<FoundKey>, Error> {
        let WantedKeys { within, key, state, role, text, neglect, after, limit } = wanted;
        let mut work = self.one_read().await?;
        let rows: Vec<FoundKeyRow> = sqlx::query_as(
            "SELECT id, project, name, state, permissions, role, allowlist, audiences, token_lifetime, \
               require_scope, auth_methods, live_tokens, created_at, expires_at, changed, \
               l.last_used_at, l.ends_at \
             FROM api_keys AS k CROSS JOIN LATERAL (\
               SELECT greatest(k.past_use_at, max(s.last_used_at)) AS last_used_at, \
                 least(k.expires_at, CASE WHEN count(*) = count(s.expires_at) THEN max(s.expires_at) END) AS ends_at \
               FROM api_key_secrets AS s WHERE s.key = k.id) AS l \
             WHERE id > $1 AND ($2::text IS NULL OR id = $2) \
             AND ($3::text IS NULL OR project IN (SELECT jsonb_array_elements_text($3::jsonb))) \
             AND ($4::text IS NULL OR state = $4) \
             AND ($5::text IS NULL OR role = $5) \
             AND ($6::text IS NULL OR strpos(lower(id COLLATE \"C\"), lower($6 COLLATE \"C\")) > 0 \
               OR strpos(lower(name COLLATE \"C\"), lower($6 COLLATE \"C\")) > 0) \
             AND (NOT $7 OR state <> 'deleted') \
             AND ($8::bigint IS NULL OR created_at < $8 AND (last_used_at IS NULL OR last_used_at < $8)) \
             AND (NOT $9 OR last_used_at IS NULL) \
             AND ($10::bigint IS NULL OR ends_at > $10 AND ends_at <= $11) \
             ORDER BY id LIMIT $12",
        )
        .bind(after.as_ref().map_or("", KeyId::as_str))
        .bind(key.as_ref().map(KeyId::as_str))
        .bind(listed(within))
        .bind(state.map(KeyState::as_str))
        .bind(role.as_ref().map(RoleName::as_str))
        .bind(text)
        .bind(neglect.asks())
        .bind(neglect.unused_since.map(Timestamp::millis))
        .bind(neglect.never_used)
        .bind(neglect.ends_within.map(|(after, _)| after.millis()))
        .bind(neglect.ends_within.map(|(_, until)| until.millis()))
        .bind(i64::from(*limit))
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(FoundKey::try_from).collect()
    }

    async fn find_projects(&self, wanted: &WantedProjects) -> Result<Vec<Project>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<ProjectRow> = sqlx::query_as(
            "SELECT id, kind, name, algorithm, live_tokens, raw_keys, created_at, changed \
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

    async fn find_grants(&self, wanted: &WantedGrants) -> Result<FoundGrants, Error> {
        let (first, before) = (first_of(wanted.since), wanted.before);
        let mut work = self.read().await?;
        let reached: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT jti FROM issued_tokens WHERE jti >= $1 AND jti < $2 ORDER BY jti DESC LIMIT 1 OFFSET $3",
        )
        .bind(first.as_bytes().as_slice())
        .bind(before.as_bytes().as_slice())
        .bind(i64::from(wanted.rows.saturating_sub(1)))
        .fetch_optional(&mut *work)
        .await?;
        let reached = reached.map(|jti| rows::reached(&jti)).transpose()?;
        let found: Vec<GrantRow> = sqlx::query_as(
            "SELECT DISTINCT key, scope FROM issued_tokens WHERE jti >= $1 AND jti < $2 \
             AND key IN (SELECT unnest($3::text[]))",
        )
        .bind(reached.unwrap_or(first).as_bytes().as_slice())
        .bind(before.as_bytes().as_slice())
        .bind(wanted.keys.iter().map(KeyId::as_str).collect::<Vec<_>>())
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        let grants = found.into_iter().map(TryFrom::try_from).collect::<Result<_, _>>()?;
        Ok(FoundGrants { grants, reached })
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

//! What administrators look for.

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

use super::SqliteStore;
use super::issued::{FIRST, LAST};

/// Rows of the audit log, in one order or the other: each is one walk along the primary key.
macro_rules! audit_rows {
    ($order:literal) => {
        concat!(
            "SELECT seq, at, actor, address, act, project, target, detail, previous, hash \
             FROM audit WHERE ($1 IS NULL OR seq > $1) AND ($2 IS NULL OR seq < $2) \
             AND ($3 IS NULL OR project IN (SELECT value FROM json_each($3))) \
             AND ($4 IS NULL OR actor = $4) \
             AND ($5 IS NULL OR act = $5) \
             AND ($6 IS NULL OR target = $6) \
             AND ($7 IS NULL OR at >= $7) \
             AND ($8 IS NULL OR at < $8) \
             ORDER BY seq ",
            $order,
            " LIMIT $9"
        )
    };
}

#[async_trait]
impl Search for SqliteStore {
    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<FoundKey>, Error> {
        let WantedKeys { within, key, state, role, text, neglect, after, limit } = wanted;
        let rows: Vec<FoundKeyRow> = sqlx::query_as(
            "SELECT id, project, name, state, permissions, role, allowlist, audiences, token_lifetime, \
               require_scope, auth_methods, live_tokens, created_at, expires_at, changed, \
               max(coalesce(past_use_at, used_at), coalesce(used_at, past_use_at)) AS last_used_at, \
               min(coalesce(expires_at, end_at), coalesce(end_at, expires_at)) AS ends_at \
             FROM (SELECT *, \
               (SELECT max(last_used_at) FROM api_key_secrets WHERE key = k.id) AS used_at, \
               (SELECT CASE WHEN count(*) = count(expires_at) THEN max(expires_at) END \
                FROM api_key_secrets WHERE key = k.id) AS end_at FROM api_keys AS k) \
             WHERE id > $1 AND ($2 IS NULL OR id = $2) \
             AND ($3 IS NULL OR project IN (SELECT value FROM json_each($3))) \
             AND ($4 IS NULL OR state = $4) \
             AND ($5 IS NULL OR role = $5) \
             AND ($6 IS NULL OR instr(lower(id), lower($6)) > 0 OR instr(lower(name), lower($6)) > 0) \
             AND (NOT $7 OR state <> 'deleted') \
             AND ($8 IS NULL OR created_at < $8 AND (last_used_at IS NULL OR last_used_at < $8)) \
             AND (NOT $9 OR last_used_at IS NULL) \
             AND ($10 IS NULL OR ends_at > $10 AND ends_at <= $11) \
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
        .bind(limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(FoundKey::try_from).collect()
    }

    async fn find_projects(&self, wanted: &WantedProjects) -> Result<Vec<Project>, Error> {
        let rows: Vec<ProjectRow> = sqlx::query_as(
            "SELECT id, kind, name, algorithm, live_tokens, raw_keys, created_at, changed \
             FROM projects WHERE id > $1 \
             AND ($2 IS NULL OR id IN (SELECT value FROM json_each($2))) \
             AND ($3 IS NULL OR instr(lower(id), lower($3)) > 0 OR instr(lower(name), lower($3)) > 0) \
             ORDER BY id LIMIT $4",
        )
        .bind(wanted.after.as_ref().map_or("", ProjectId::as_str))
        .bind(listed(&wanted.within))
        .bind(&wanted.text)
        .bind(wanted.limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(Project::try_from).collect()
    }

    async fn find_tokens(&self, wanted: &WantedTokens) -> Result<Vec<IssuedToken>, Error> {
        let end = wanted.until.map_or(LAST, first_of);
        let (first, end) =
            (wanted.since.map_or(FIRST, first_of), wanted.before.map_or(end, |at| at.min(end)));
        let rows: Vec<IssuedRow> = sqlx::query_as(
            "SELECT jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent \
             FROM issued_tokens WHERE jti >= $1 AND jti < $2 \
             AND ($3 IS NULL OR project IN (SELECT value FROM json_each($3))) \
             AND ($4 IS NULL OR key = $4) \
             AND ($5 IS NULL OR subject = $5) \
             AND ($6 IS NULL OR address = $6) \
             ORDER BY jti DESC LIMIT $7",
        )
        .bind(first.as_bytes().as_slice())
        .bind(end.as_bytes().as_slice())
        .bind(listed(&wanted.within))
        .bind(wanted.key.as_ref().map(KeyId::as_str))
        .bind(&wanted.subject)
        .bind(wanted.address.map(|address| address.to_string()))
        .bind(wanted.limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(IssuedToken::try_from).collect()
    }

    async fn find_grants(&self, wanted: &WantedGrants) -> Result<FoundGrants, Error> {
        let (first, before) = (first_of(wanted.since), wanted.before);
        let mut transaction = self.read().await?;
        let reached: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT jti FROM issued_tokens WHERE jti >= $1 AND jti < $2 ORDER BY jti DESC LIMIT 1 OFFSET $3",
        )
        .bind(first.as_bytes().as_slice())
        .bind(before.as_bytes().as_slice())
        .bind(wanted.rows.saturating_sub(1))
        .fetch_optional(&mut *transaction)
        .await?;
        let reached = reached.map(|jti| rows::reached(&jti)).transpose()?;
        let found: Vec<GrantRow> = sqlx::query_as(
            "SELECT DISTINCT key, scope FROM issued_tokens WHERE jti >= $1 AND jti < $2 \
             AND key IN (SELECT value FROM json_each($3))",
        )
        .bind(reached.unwrap_or(first).as_bytes().as_slice())
        .bind(before.as_bytes().as_slice())
        .bind(serde_json::to_string(&wanted.keys).expect("texts are JSON"))
        .fetch_all(&mut *transaction)
        .await?;
        let grants = found.into_iter().map(TryFrom::try_from).collect::<Result<_, _>>()?;
        Ok(FoundGrants { grants, reached })
    }

    async fn issued_token(&self, jti: TokenId) -> Result<Option<IssuedToken>, Error> {
        let row: Option<IssuedRow> = sqlx::query_as(
            "SELECT jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent \
             FROM issued_tokens WHERE jti = $1",
        )
        .bind(jti.as_bytes().as_slice())
        .fetch_optional(&mut *self.read().await?)
        .await?;
        row.map(IssuedToken::try_from).transpose()
    }

    async fn find_revocations(&self, wanted: &WantedRevocations) -> Result<Vec<Published>, Error> {
        let rows: Vec<FeedRow> = sqlx::query_as(
            "SELECT position, tag, entry, ends_at FROM feed \
             WHERE kind IN ('all', 'project', 'key', 'subject', 'token', 'signing_key') \
             AND (ends_at IS NULL OR ends_at > $1) \
             AND ($2 IS NULL OR position < $2) \
             AND ($3 IS NULL OR kind = $3) \
             AND ($4 IS NULL OR project IS NULL OR project IN (SELECT value FROM json_each($4))) \
             ORDER BY position DESC LIMIT $5",
        )
        .bind(wanted.now.millis())
        .bind(wanted.before.map(rows::stored))
        .bind(&wanted.kind)
        .bind(listed(&wanted.within))
        .bind(wanted.limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(Published::try_from).collect()
    }

    async fn find_audit(&self, wanted: &WantedAudit) -> Result<Vec<SealedRow>, Error> {
        let (after, before) = if wanted.newest_first { (None, wanted.after) } else { (wanted.after, None) };
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
                .bind(wanted.limit)
                .fetch_all(&mut *self.read().await?)
                .await?;
        rows.into_iter().map(SealedRow::try_from).collect()
    }
}

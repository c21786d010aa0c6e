//! What administrators look for. Letters are compared as SQLite compares them, so that both engines find
//! the same: A to Z in either case, all others as they are.

use async_trait::async_trait;

use crate::domain::{ApiKey, KeyId, KeyState, Project, ProjectId};
use crate::store::error::Error;
use crate::store::rows::{KeyRow, ProjectRow};
use crate::store::search::listed;
use crate::store::{Search, WantedKeys, WantedProjects};

use super::PostgresStore;

#[async_trait]
impl Search for PostgresStore {
    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<ApiKey>, Error> {
        let mut work = self.one_read().await?;
        let rows: Vec<KeyRow> = sqlx::query_as(
            "SELECT id, project, name, state, permissions, allowlist, audiences, token_lifetime, \
             require_scope, auth_methods, live_tokens, created_at, expires_at, changed \
             FROM api_keys WHERE id > $1 \
             AND ($2::text IS NULL OR project IN (SELECT jsonb_array_elements_text($2::jsonb))) \
             AND ($3::text IS NULL OR state = $3) \
             AND ($4::text IS NULL OR strpos(lower(id COLLATE \"C\"), lower($4 COLLATE \"C\")) > 0 \
               OR strpos(lower(name COLLATE \"C\"), lower($4 COLLATE \"C\")) > 0) \
             ORDER BY id LIMIT $5",
        )
        .bind(wanted.after.as_ref().map_or("", KeyId::as_str))
        .bind(listed(&wanted.within))
        .bind(wanted.state.map(KeyState::as_str))
        .bind(&wanted.text)
        .bind(i64::from(wanted.limit))
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(ApiKey::try_from).collect()
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
}

//! What administrators look for.

use async_trait::async_trait;

use crate::domain::{ApiKey, KeyId, KeyState, Project, ProjectId};
use crate::store::error::Error;
use crate::store::rows::{KeyRow, ProjectRow};
use crate::store::search::listed;
use crate::store::{Search, WantedKeys, WantedProjects};

use super::SqliteStore;

#[async_trait]
impl Search for SqliteStore {
    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<ApiKey>, Error> {
        let rows: Vec<KeyRow> = sqlx::query_as(
            "SELECT id, project, name, state, permissions, allowlist, audiences, token_lifetime, \
             require_scope, auth_methods, live_tokens, created_at, expires_at, changed \
             FROM api_keys WHERE id > $1 \
             AND ($2 IS NULL OR project IN (SELECT value FROM json_each($2))) \
             AND ($3 IS NULL OR state = $3) \
             AND ($4 IS NULL OR instr(lower(id), lower($4)) > 0 OR instr(lower(name), lower($4)) > 0) \
             ORDER BY id LIMIT $5",
        )
        .bind(wanted.after.as_ref().map_or("", KeyId::as_str))
        .bind(listed(&wanted.within))
        .bind(wanted.state.map(KeyState::as_str))
        .bind(&wanted.text)
        .bind(wanted.limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(ApiKey::try_from).collect()
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
}

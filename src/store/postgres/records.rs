//! What a key's decision reads.

use async_trait::async_trait;
use sqlx::{FromRow as _, PgConnection, Row as _};

use crate::domain::grant::{KeyPart, MintRecord, ProjectPart};
use crate::domain::{Position, Project, ProjectId};
use crate::store::error::Error;
use crate::store::rows::{self, CatalogueRow, ProjectRow};
use crate::store::{Lookup, Records, Snapshot};

use super::PostgresStore;

#[async_trait]
impl Records for PostgresStore {
    /// Two statements, which are of one snapshot if the project's part is of the position that the
    /// key's snapshot names; if somebody edited the project in between, a transaction.
    async fn mint_record(&self, by: &Lookup) -> Result<Snapshot<Option<MintRecord>>, Error> {
        let Snapshot { position, value } = self.key_part(by).await?;
        let Some(key) = value else { return Ok(Snapshot { position, value: None }) };
        match self.project_part(&key.key.project).await? {
            Some(part) if part.changed() == key.project_changed => {
                Ok(Snapshot { position, value: Some(MintRecord::of(key, part, position)) })
            }
            _ => self.whole_record(by).await,
        }
    }

    async fn key_part(&self, by: &Lookup) -> Result<Snapshot<Option<KeyPart>>, Error> {
        let mut work = self.one_read().await?;
        let read = key_part(&mut work, by).await?;
        work.commit().await?;
        Ok(read)
    }

    async fn project_part(&self, project: &ProjectId) -> Result<Option<ProjectPart>, Error> {
        let mut work = self.one_read().await?;
        let part = project_part(&mut work, project).await?;
        work.commit().await?;
        Ok(part)
    }

    async fn position(&self) -> Result<Position, Error> {
        let mut work = self.one_read().await?;
        let position = counter(&mut work).await?;
        work.commit().await?;
        Ok(position)
    }
}

impl PostgresStore {
    async fn whole_record(&self, by: &Lookup) -> Result<Snapshot<Option<MintRecord>>, Error> {
        let mut work = self.read().await?;
        let Snapshot { position, value } = key_part(&mut work, by).await?;
        let value = match value {
            Some(key) => {
                let part = project_part(&mut work, &key.key.project).await?;
                Some(MintRecord::of(key, part.ok_or(Error::Missing("project"))?, position))
            }
            None => None,
        };
        work.commit().await?;
        Ok(Snapshot { position, value })
    }
}

/// The feed counter; never the newest entry's position, which may lag behind it.
pub(super) async fn counter(connection: &mut PgConnection) -> Result<Position, Error> {
    let position: Option<i64> = sqlx::query_scalar("SELECT position FROM feed_counter WHERE id = 1")
        .fetch_optional(connection)
        .await?;
    rows::counter(position.ok_or(Error::Missing("installation"))?)
}

/// The feed counter, the key, what its role permits, the position of its project's last entry, and the key's
/// secrets: one statement, so one snapshot. A row for each secret, one if there is none, and one of the counter
/// alone if there is no such key.
async fn key_part(connection: &mut PgConnection, by: &Lookup) -> Result<Snapshot<Option<KeyPart>>, Error> {
    let (id, digest) = match by {
        Lookup::Id(id) => (Some(id.as_str()), None),
        Lookup::Digest(digest) => (None, Some(digest.as_bytes().as_slice())),
    };
    let rows = sqlx::query(
        "SELECT c.position, k.id, k.project, k.name, k.state, k.permissions, k.role, k.allowlist, \
           k.audiences, k.token_lifetime, k.require_scope, k.auth_methods, k.live_tokens, k.created_at, k.expires_at, \
           k.changed, p.changed AS project_changed, r.permissions AS role_permissions, \
           s.id AS secret, s.digest, s.created_at AS secret_created_at, s.expires_at AS secret_expires_at, \
           s.last_used_at, s.last_used_from \
         FROM feed_counter AS c \
           LEFT JOIN api_keys AS k \
             ON k.id = coalesce($1, (SELECT key FROM api_key_secrets WHERE digest = $2)) \
           LEFT JOIN projects AS p ON p.id = k.project \
           LEFT JOIN roles AS r ON r.project = k.project AND r.name = k.role \
           LEFT JOIN api_key_secrets AS s ON s.key = k.id \
         WHERE c.id = 1 ORDER BY s.id",
    )
    .bind(id)
    .bind(digest)
    .fetch_all(connection)
    .await?;
    rows::key_part(&rows)
}

/// A project, its catalogue and its audiences: one statement, so one snapshot.
async fn project_part(connection: &mut PgConnection, id: &ProjectId) -> Result<Option<ProjectPart>, Error> {
    let row = sqlx::query(
        "SELECT p.id, p.kind, p.name, p.algorithm, p.live_tokens, p.raw_keys, p.on_leak, p.created_at, p.changed, \
           c.scopes, c.descriptions, c.included, \
           ARRAY(SELECT audience FROM audiences WHERE project = p.id ORDER BY audience) AS audiences \
         FROM projects AS p, LATERAL (\
           SELECT coalesce(array_agg(s.scope), '{}') AS scopes, \
             coalesce(array_agg(s.description), '{}') AS descriptions, \
             coalesce(array_agg(i.included), '{}') AS included \
           FROM scopes AS s LEFT JOIN scope_includes AS i ON i.project = s.project AND i.scope = s.scope \
           WHERE s.project = p.id) AS c \
         WHERE p.id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let scopes: Vec<String> = row.try_get("scopes")?;
    let descriptions: Vec<String> = row.try_get("descriptions")?;
    let included: Vec<Option<String>> = row.try_get("included")?;
    let catalogue = scopes.into_iter().zip(descriptions).zip(included);
    let catalogue =
        catalogue.map(|((scope, description), included)| CatalogueRow { scope, description, included });
    let catalogue = rows::catalogue(id, catalogue.collect())?;
    let audiences: Vec<String> = row.try_get("audiences")?;
    let audiences = audiences.iter().map(|raw| rows::audience(raw)).collect::<Result<_, _>>()?;
    Ok(Some(ProjectPart::new(Project::try_from(ProjectRow::from_row(&row)?)?, catalogue, audiences)))
}

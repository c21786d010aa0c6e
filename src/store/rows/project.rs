//! Rows of projects, their catalogues and audiences.

use std::collections::BTreeMap;

use sqlx::FromRow;

use crate::domain::{Audience, Catalogue, CatalogueScope, Position, Project, ProjectId, Scope, Timestamp};
use crate::store::error::Error;

use super::{Place, limit, stored};

#[derive(FromRow)]
pub(in crate::store) struct ProjectRow {
    id: String,
    kind: String,
    name: String,
    algorithm: String,
    live_tokens: Option<i64>,
    raw_keys: bool,
    on_leak: String,
    created_at: i64,
    changed: i64,
}

impl TryFrom<ProjectRow> for Project {
    type Error = Error;

    fn try_from(row: ProjectRow) -> Result<Self, Error> {
        let place = Place::of("projects", &row.id);
        Ok(Self {
            id: place.parse("id", &row.id)?,
            kind: place.parse("kind", &row.kind)?,
            algorithm: place.parse("algorithm", &row.algorithm)?,
            live_tokens: limit(place, row.live_tokens)?,
            raw_keys: row.raw_keys,
            on_leak: place.parse("on_leak", &row.on_leak)?,
            created_at: Timestamp::from_millis(row.created_at),
            changed: place.position("changed", row.changed)?,
            name: row.name,
        })
    }
}

/// A scope and one that it includes, if any: as many rows as there are of these.
#[derive(FromRow)]
pub(in crate::store) struct CatalogueRow {
    pub(in crate::store) scope: String,
    pub(in crate::store) description: String,
    pub(in crate::store) included: Option<String>,
}

/// The catalogue that the rows of a project make up.
pub(in crate::store) fn catalogue(project: &ProjectId, rows: Vec<CatalogueRow>) -> Result<Catalogue, Error> {
    let mut scopes: BTreeMap<Scope, CatalogueScope> = BTreeMap::new();
    for row in rows {
        let key = format!("{project} {}", row.scope);
        let scope = Place::of("scopes", &key).parse("scope", &row.scope)?;
        let entry = scopes.entry(scope).or_default();
        entry.description = row.description;
        if let Some(included) = row.included {
            entry.includes.insert(Place::of("scope_includes", &key).parse("included", &included)?);
        }
    }
    Ok(scopes.into_iter().collect())
}

/// One of a project's audiences.
pub(in crate::store) fn audience(raw: &str) -> Result<Audience, Error> {
    Place::of("audiences", &raw).parse("audience", raw)
}

/// Whether a project is there, and as it was when something was decided on it.
pub(in crate::store) fn expect_project(
    changed: Option<i64>,
    decided_on: Option<Position>,
) -> Result<(), Error> {
    match (changed, decided_on) {
        (None, _) => Err(Error::Missing("project")),
        (Some(changed), Some(expected)) if changed != stored(expected) => Err(Error::Conflict),
        _ => Ok(()),
    }
}

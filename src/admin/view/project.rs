//! Projects, and what was done to them, as they are shown.

use std::num::NonZeroU32;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::parsed;
use crate::domain::grant::default_audience;
use crate::domain::{
    Audience, CatalogueScope, OnLeak, Position, Project, ProjectId, ProjectKind, ProjectPatch, Scope,
    SigningAlgorithm,
};
use crate::keys::acts::Done;

/// A project in a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProjectRow {
    /// Its id.
    pub project: ProjectId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    #[serde(deserialize_with = "parsed")]
    pub kind: ProjectKind,
    /// How its tokens are signed.
    #[serde(deserialize_with = "parsed")]
    pub algorithm: SigningAlgorithm,
    /// How many of its tokens may live at once.
    pub live_tokens: Option<NonZeroU32>,
    /// Whether its API keys themselves pass where its tokens do.
    pub raw_keys: bool,
    /// What becomes of its keys when their secrets are reported as leaked.
    pub on_leak: OnLeak,
    /// When it was made.
    pub created_at: i64,
    /// The position of its last entry in the feed.
    pub position: Position,
}

impl From<Project> for ProjectRow {
    fn from(project: Project) -> Self {
        Self {
            project: project.id,
            name: project.name,
            kind: project.kind,
            algorithm: project.algorithm,
            live_tokens: project.live_tokens,
            raw_keys: project.raw_keys,
            on_leak: project.on_leak,
            created_at: project.created_at.secs(),
            position: project.changed,
        }
    }
}

/// A project by itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProjectWhole {
    /// The project.
    #[serde(flatten)]
    pub row: ProjectRow,
    /// What its tokens are meant for, if nobody says.
    pub default_audience: Audience,
    /// What they may be meant for besides.
    pub audiences: Vec<Audience>,
}

impl ProjectWhole {
    /// A project of this issuer, and its own audiences.
    #[must_use]
    pub fn of(project: Project, audiences: Vec<Audience>, issuer: &str) -> Self {
        let default_audience = default_audience(&project.id, issuer);
        Self { row: project.into(), default_audience, audiences }
    }
}

/// A scope of a catalogue.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScopeRow {
    /// The scope.
    pub scope: Scope,
    /// What it is, for people.
    pub description: String,
    /// What whoever holds it also holds.
    pub includes: Vec<Scope>,
}

impl ScopeRow {
    /// As the catalogue has it.
    #[must_use]
    pub fn of((scope, entry): (&Scope, &CatalogueScope)) -> Self {
        let includes = entry.includes.iter().cloned().collect();
        Self { scope: scope.clone(), description: entry.description.clone(), includes }
    }
}

impl ScopeRow {
    /// As the catalogue has it.
    #[must_use]
    pub fn definition(self) -> (Scope, CatalogueScope) {
        let includes = self.includes.into_iter().collect();
        (self.scope, CatalogueScope { description: self.description, includes })
    }
}

/// An audience of a project.
#[derive(Debug, Serialize, Deserialize)]
pub struct AudienceRow {
    /// The audience.
    pub audience: Audience,
}

/// An edit of a project that was carried out.
#[derive(Debug)]
pub struct ProjectEdited {
    /// What was done.
    pub done: Done,
    /// What it was done to: what it is called, and what it is now, or which one it was.
    pub what: Map<String, Value>,
}

impl ProjectEdited {
    /// What was done to this part of a project.
    #[must_use]
    pub fn of(done: Done, name: &'static str, value: &impl Serialize) -> Self {
        Self { done, what: Map::from_iter([(name.to_owned(), json!(value))]) }
    }

    /// What was changed of a project itself.
    #[must_use]
    pub fn patched(done: Done, patch: &ProjectPatch) -> Self {
        let Value::Object(what) = json!(patch) else { unreachable!("a patch is an object") };
        Self { done, what }
    }
}

impl Serialize for ProjectEdited {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.what.len() + 3))?;
        map.serialize_entry("project", &self.done.project)?;
        for (name, value) in &self.what {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("position", &self.done.position)?;
        map.serialize_entry("tokens_revoked", &self.done.narrowed)?;
        map.end()
    }
}

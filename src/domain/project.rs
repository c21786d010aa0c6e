//! A project: a tenant.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use portcullis_guard::{Position, ProjectId, Timestamp};
use serde::Serialize;

use super::algorithm::SigningAlgorithm;
use super::leak::OnLeak;

/// A tenant: owns API keys, a scope catalogue, audiences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// What it is for.
    pub kind: ProjectKind,
    /// What people call it.
    pub name: String,
    /// How its tokens are signed.
    pub algorithm: SigningAlgorithm,
    /// How many of its tokens may live at once; absent is no limit.
    pub live_tokens: Option<NonZeroU32>,
    /// Whether its API keys themselves pass where tokens do.
    pub raw_keys: bool,
    /// What becomes of its keys when their secrets are reported as leaked.
    pub on_leak: OnLeak,
    /// When it was made.
    pub created_at: Timestamp,
    /// The position of its last feed entry.
    pub changed: Position,
}

/// What of a project is to change; what is absent stays as it is. Serialized, it is a merge patch
/// (RFC 7396).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProjectPatch {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How its tokens are signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<SigningAlgorithm>,
    /// How many of its tokens may live at once, or that any number may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_tokens: Option<Option<NonZeroU32>>,
    /// Whether its API keys themselves pass where tokens do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_keys: Option<bool>,
    /// What becomes of its keys when their secrets are reported as leaked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_leak: Option<OnLeak>,
}

impl ProjectPatch {
    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the project has now of all that it names.
    #[must_use]
    pub fn before(&self, project: &Project) -> Self {
        Self {
            name: self.name.as_ref().map(|_| project.name.clone()),
            algorithm: self.algorithm.map(|_| project.algorithm),
            live_tokens: self.live_tokens.map(|_| project.live_tokens),
            raw_keys: self.raw_keys.map(|_| project.raw_keys),
            on_leak: self.on_leak.map(|_| project.on_leak),
        }
    }
}

/// What a project is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectKind {
    /// The real thing.
    Live,
    /// For trying things out; its ids and secrets say `test`.
    Sandbox,
}

/// A text that is no [`ProjectKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a project is `live` or `sandbox`")]
pub struct InvalidKind;

impl ProjectKind {
    /// As the database and the API write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }

    /// As key ids and secrets write it.
    #[must_use]
    pub const fn infix(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "test",
        }
    }
}

impl FromStr for ProjectKind {
    type Err = InvalidKind;

    fn from_str(raw: &str) -> Result<Self, InvalidKind> {
        match raw {
            "live" => Ok(Self::Live),
            "sandbox" => Ok(Self::Sandbox),
            _ => Err(InvalidKind),
        }
    }
}

impl fmt::Display for ProjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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

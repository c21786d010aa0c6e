//! Entries of the feed, as they are written: what nodes and guards follow.

use std::time::Duration;

pub use portcullis_guard::feed_rules::Tag;
use portcullis_guard::revocation::{KEPT, KEPT_AFTER_EXPIRY};
use portcullis_guard::{KeyId, Position, ProjectId, Revocation, Target, Timestamp};
use serde::{Deserialize, Serialize};

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FeedEntry {
    /// Tokens die.
    Revocation(Target),
    /// Nothing dies; cached copies are out of date.
    Changed(Changed),
}

/// What became out of date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "changed", rename_all = "snake_case")]
pub enum Changed {
    /// A key's record.
    Key {
        /// The key's project.
        project: ProjectId,
        /// The key.
        key: KeyId,
    },
    /// The set of a project's keys: some came. What is known of the others holds.
    Keys {
        /// The project.
        project: ProjectId,
    },
    /// A project's record, or that of each of its keys.
    Project {
        /// The project.
        project: ProjectId,
    },
    /// The set of signing keys.
    SigningKeys,
}

/// An entry that waits for its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedDraft {
    /// Its mark.
    pub tag: Tag,
    /// What it says.
    pub entry: FeedEntry,
    /// When it may be forgotten.
    pub ends: Ends,
}

/// When an entry may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// So long after it was published, by the database's clock.
    AfterPublication(Duration),
    /// At this time.
    At(Timestamp),
    /// Never: every snapshot has it.
    Never,
}

impl Ends {
    /// The time, given that of publication.
    #[must_use]
    pub fn at(self, published: Timestamp) -> Option<Timestamp> {
        match self {
            Self::AfterPublication(span) => Some(published.after(span)),
            Self::At(time) => Some(time),
            Self::Never => None,
        }
    }
}

impl FeedDraft {
    /// A revocation. That of a token is kept until [`KEPT_AFTER_EXPIRY`] beyond `expires`, that of
    /// a signing key for ever, all others for [`KEPT`].
    #[must_use]
    pub fn revoke(target: Target, expires: Option<Timestamp>, tag: Tag) -> Self {
        let ends = match (&target, expires) {
            (Target::SigningKey { .. }, _) => Ends::Never,
            (Target::Token { .. }, Some(expires)) => Ends::At(expires.after(KEPT_AFTER_EXPIRY)),
            _ => Ends::AfterPublication(KEPT),
        };
        Self { tag, entry: FeedEntry::Revocation(target), ends }
    }

    /// A notice that cached copies are out of date.
    #[must_use]
    pub fn changed(changed: Changed, tag: Tag) -> Self {
        Self { tag, entry: FeedEntry::Changed(changed), ends: Ends::AfterPublication(KEPT) }
    }
}

impl FeedEntry {
    /// From JSON, as it was written: what an entry is stands first in it.
    ///
    /// # Errors
    /// What cannot be read of it.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        if json.starts_with("{\"changed\"") {
            serde_json::from_str(json).map(Self::Changed)
        } else {
            serde_json::from_str(json).map(Self::Revocation)
        }
    }

    /// The kind, as the database's column has it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Revocation(Target::All) => "all",
            Self::Revocation(Target::Project { .. }) => "project",
            Self::Revocation(Target::Key { .. }) => "key",
            Self::Revocation(Target::Subject { .. }) => "subject",
            Self::Revocation(Target::Token { .. }) => "token",
            Self::Revocation(Target::SigningKey { .. }) => "signing_key",
            Self::Changed(Changed::Key { .. }) => "key_changed",
            Self::Changed(Changed::Keys { .. }) => "keys_changed",
            Self::Changed(Changed::Project { .. }) => "project_changed",
            Self::Changed(Changed::SigningKeys) => "signing_keys_changed",
        }
    }

    /// The project that it belongs to; none for what concerns all.
    #[must_use]
    pub const fn project(&self) -> Option<&ProjectId> {
        match self {
            Self::Revocation(
                Target::Project { project }
                | Target::Key { project, .. }
                | Target::Subject { project, .. }
                | Target::Token { project, .. },
            )
            | Self::Changed(
                Changed::Key { project, .. } | Changed::Keys { project } | Changed::Project { project },
            ) => Some(project),
            Self::Revocation(Target::All | Target::SigningKey { .. })
            | Self::Changed(Changed::SigningKeys) => None,
        }
    }
}

/// An entry as it stands in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where.
    pub position: Position,
    /// Its mark.
    pub tag: Tag,
    /// What it says.
    pub entry: FeedEntry,
    /// When it may be forgotten; never, if absent.
    pub ends: Option<Timestamp>,
}

impl Published {
    /// The revocation, if it is one.
    #[must_use]
    pub fn revocation(&self) -> Option<Revocation> {
        match &self.entry {
            FeedEntry::Revocation(target) => {
                Some(Revocation { target: target.clone(), position: self.position, ends: self.ends })
            }
            FeedEntry::Changed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_as_what_was_written() {
        let project: ProjectId = "prj_x".parse().unwrap();
        let key: KeyId = "pk_live_x".parse().unwrap();
        let entries = [
            (FeedEntry::Revocation(Target::All), r#"{"revoke":"all"}"#),
            (
                FeedEntry::Revocation(Target::Key { project: project.clone(), key: key.clone() }),
                r#"{"revoke":"key","project":"prj_x","key":"pk_live_x"}"#,
            ),
            (
                FeedEntry::Changed(Changed::Key { project: project.clone(), key }),
                r#"{"changed":"key","project":"prj_x","key":"pk_live_x"}"#,
            ),
            (FeedEntry::Changed(Changed::Keys { project }), r#"{"changed":"keys","project":"prj_x"}"#),
            (FeedEntry::Changed(Changed::SigningKeys), r#"{"changed":"signing_keys"}"#),
        ];
        for (entry, json) in entries {
            assert_eq!(serde_json::to_string(&entry).unwrap(), json);
            assert_eq!(FeedEntry::read(json).unwrap(), entry);
        }
    }
}

//! A role: a named set of permissions that keys of a project share.
//!
//! What a key may do is what it holds itself and what its role permits ([`Worth`](super::Worth)). An edit of
//! a role is an edit of the project: it concerns every key that has the role at once.

use std::fmt;
use std::str::FromStr;

use portcullis_guard::{Position, ProjectId, ScopeSet, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::api_key::{InvalidDetails, check_permissions};
use super::catalogue::{Catalogue, is_description};

/// What a role is called, within its project: 1 to 64 letters, digits, dots, hyphens and underscores of ASCII,
/// the first of which is a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleName(Box<str>);

/// A text that is no [`RoleName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role's name has 1 to 64 letters, digits, `.`, `-` and `_`, and begins with a letter or a digit")]
pub struct InvalidRoleName;

impl RoleName {
    /// The longest name, in characters.
    pub const LONGEST: usize = 64;

    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = InvalidRoleName;

    fn from_str(raw: &str) -> Result<Self, InvalidRoleName> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let begins = raw.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && raw.len() <= Self::LONGEST && raw.bytes().all(fits) {
            Ok(Self(raw.into()))
        } else {
            Err(InvalidRoleName)
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RoleName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A role of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// What it is called.
    pub name: RoleName,
    /// What an edit replaces as a whole.
    pub details: RoleDetails,
    /// When it was made.
    pub created_at: Timestamp,
    /// The position of its last feed entry.
    pub changed: Position,
}

/// The part of a role that an edit replaces as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleDetails {
    /// For people.
    pub description: String,
    /// What whoever has the role may do.
    pub permissions: ScopeSet,
}

impl RoleDetails {
    /// Whether a role of this project may be like this; the rules are those of a key's own permissions
    /// (threat S50).
    ///
    /// # Errors
    /// See [`InvalidDetails`].
    pub fn check(&self, project: &ProjectId) -> Result<(), InvalidDetails> {
        if !is_description(&self.description) {
            return Err(InvalidDetails::Description);
        }
        check_permissions(&self.permissions, project)
    }

    /// Whether whoever has the role may do all that it permitted `before`.
    #[must_use]
    pub fn takes_nothing_from(&self, before: &Self, catalogue: &Catalogue) -> bool {
        catalogue.expand(&self.permissions).covers_all(&catalogue.expand(&before.permissions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_a_path() {
        for fine in ["support", "Support-2", "a.b_c", "7", &"x".repeat(64)] {
            assert_eq!(fine.parse::<RoleName>().unwrap().as_str(), fine);
        }
        for wrong in ["", ".", "-a", "_a", "a b", "a/b", "a%", "é", "a\n", "a:b", "*", &"x".repeat(65)] {
            assert!(wrong.parse::<RoleName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tenants_role_holds_nothing_administrative_and_an_administrators_nothing_else() {
        let with = |permissions: &str| RoleDetails {
            permissions: permissions.parse().unwrap(),
            ..RoleDetails::default()
        };
        let (tenant, administration) = ("prj_x".parse().unwrap(), ProjectId::administration());
        for (permissions, of_tenant, of_administrators) in [
            ("orders:read portcullis:introspect portcullis:revocations", true, false),
            ("portcullis:keys:write", false, true),
            ("portcullis:*", false, true),
            ("portcullis", false, true),
            ("", true, true),
        ] {
            assert_eq!(with(permissions).check(&tenant).is_ok(), of_tenant, "{permissions}");
            assert_eq!(with(permissions).check(&administration).is_ok(), of_administrators, "{permissions}");
        }
        let long = RoleDetails { description: "x".repeat(1001), ..RoleDetails::default() };
        assert_eq!(long.check(&tenant), Err(InvalidDetails::Description));
    }
}

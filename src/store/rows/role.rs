//! Rows of roles.

use sqlx::FromRow;

use crate::domain::{ProjectId, Role, RoleDetails, ScopeSet, Timestamp};
use crate::store::error::Error;

use super::Place;

#[derive(FromRow)]
pub(in crate::store) struct RoleRow {
    project: String,
    name: String,
    description: String,
    permissions: String,
    created_at: i64,
    changed: i64,
}

impl TryFrom<RoleRow> for Role {
    type Error = Error;

    fn try_from(row: RoleRow) -> Result<Self, Error> {
        let key = format!("{} {}", row.project, row.name);
        let place = Place::of("roles", &key);
        Ok(Self {
            name: place.parse("name", &row.name)?,
            details: RoleDetails {
                description: row.description,
                permissions: place.words("permissions", &row.permissions)?,
            },
            created_at: Timestamp::from_millis(row.created_at),
            changed: place.position("changed", row.changed)?,
        })
    }
}

/// What a key's role permits.
pub(in crate::store) fn role_permissions(
    project: &ProjectId,
    role: Option<&str>,
    permissions: &str,
) -> Result<ScopeSet, Error> {
    let key = format!("{project} {}", role.unwrap_or_default());
    Place::of("roles", &key).words("permissions", permissions)
}

/// How many keys have a role.
pub(in crate::store) fn keys_with_role(count: i64) -> Result<u64, Error> {
    Place::of("api_keys", &"of a role").number("role", count)
}

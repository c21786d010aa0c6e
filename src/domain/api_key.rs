//! An API key: who may mint which tokens, from where, for whom, for how long.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use portcullis_guard::{Allowlist, Audience, KeyId, Position, ProjectId, Scope, ScopeSet, Timestamp};
use serde::{Deserialize, Serialize};

use super::auth_method::AuthMethods;
use super::role::RoleName;

/// The longest life of a token, in seconds.
pub const LONGEST_LIFETIME_SECS: u32 = 900;

/// An API key without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, the OAuth `client_id`.
    pub id: KeyId,
    /// The project that owns it.
    pub project: ProjectId,
    /// Whether it works.
    pub state: KeyState,
    /// What its owner may edit.
    pub details: KeyDetails,
    /// When it was made.
    pub created_at: Timestamp,
    /// The position of its last feed entry.
    pub changed: Position,
}

/// The part of a key that an edit replaces as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDetails {
    /// What people call it.
    pub name: String,
    /// What its tokens may do at most, beside what its role permits.
    pub permissions: ScopeSet,
    /// The role of its project that it has, if any.
    pub role: Option<RoleName>,
    /// Where it and its tokens may be used from.
    pub allowlist: Allowlist,
    /// How it may authenticate.
    pub auth_methods: AuthMethods,
    /// What its tokens may be meant for, the default first; empty means the project's default.
    pub audiences: Vec<Audience>,
    /// How long its tokens live, if less than the longest.
    pub token_lifetime: Option<Lifetime>,
    /// Whether a request must name the scope that it wants.
    pub require_scope: bool,
    /// How many of its tokens may live at once, within its project's limit; absent is no limit.
    pub live_tokens: Option<NonZeroU32>,
    /// From when on the key is worth nothing; never, if absent.
    pub expires_at: Option<Timestamp>,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It works.
    Active,
    /// It does not, until somebody unblocks it.
    Blocked,
    /// It never will again.
    Deleted,
}

impl KeyState {
    /// As the database and the API write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Deleted => "deleted",
        }
    }
}

/// A text that is no [`KeyState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is active, blocked or deleted")]
pub struct InvalidKeyState;

impl FromStr for KeyState {
    type Err = InvalidKeyState;

    fn from_str(raw: &str) -> Result<Self, InvalidKeyState> {
        let known = [Self::Active, Self::Blocked, Self::Deleted];
        known.into_iter().find(|state| state.as_str() == raw).ok_or(InvalidKeyState)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long a token lives: 1 to 900 whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(u32);

impl Lifetime {
    /// The longest.
    pub const LONGEST: Self = Self(LONGEST_LIFETIME_SECS);

    /// From seconds; `None` outside 1 to 900.
    #[must_use]
    pub fn from_secs(secs: u32) -> Option<Self> {
        (1..=LONGEST_LIFETIME_SECS).contains(&secs).then_some(Self(secs))
    }

    /// Seconds.
    #[must_use]
    pub const fn secs(self) -> u32 {
        self.0
    }
}

/// Why a key may not be like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDetails {
    /// A tenant's key would hold a scope of Portcullis itself.
    #[error(
        "`{0}` belongs to Portcullis itself; a project's key or role may hold `portcullis:introspect` and \
         `portcullis:revocations`, nothing else that begins with `portcullis`"
    )]
    Reserved(Scope),
    /// An administrator's key would hold a tenant's scope.
    #[error(
        "`{0}` does not begin with `portcullis:`; keys and roles of the project `portcullis` administer, nothing else"
    )]
    NotAdministrative(Scope),
    /// The name is empty or too long for a table.
    #[error("a name has 1 to 200 characters and no control characters")]
    Name,
    /// The description is too long for a table, or nothing that can be read.
    #[error("a description has at most 1000 characters, none of which is a control character")]
    Description,
}

impl InvalidDetails {
    /// What of the key cannot be.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Reserved(_) | Self::NotAdministrative(_) => "permissions",
            Self::Name => "name",
            Self::Description => "description",
        }
    }
}

/// What a tenant's key may hold of the reserved scopes.
const TENANT_RESERVED: [&str; 2] = ["portcullis:introspect", "portcullis:revocations"];

/// All that an administrator's key can hold, without a limit to one project.
pub const ADMINISTRATIVE: [&str; 10] = [
    "portcullis:audit:read",
    "portcullis:keys:read",
    "portcullis:keys:write",
    "portcullis:projects:read",
    "portcullis:projects:write",
    "portcullis:signing:read",
    "portcullis:signing:write",
    "portcullis:tokens:revoke",
    "portcullis:webhooks:read",
    "portcullis:webhooks:write",
];

impl KeyDetails {
    /// Whether a key of this project may be like this (threat S50).
    ///
    /// # Errors
    /// See [`InvalidDetails`].
    pub fn check(&self, project: &ProjectId) -> Result<(), InvalidDetails> {
        check_name(&self.name)?;
        check_permissions(&self.permissions, project)
    }

    /// The life of a token, by this key alone.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        self.token_lifetime.unwrap_or(Lifetime::LONGEST)
    }
}

/// Whether keys and roles of this project may hold these (threat S50).
///
/// # Errors
/// [`InvalidDetails::Reserved`], [`InvalidDetails::NotAdministrative`].
pub(super) fn check_permissions(permissions: &ScopeSet, project: &ProjectId) -> Result<(), InvalidDetails> {
    let administrative = project.as_str() == ProjectId::ADMINISTRATION;
    for scope in permissions.iter() {
        if administrative && !scope.is_reserved() {
            return Err(InvalidDetails::NotAdministrative(scope.clone()));
        }
        if !administrative && scope.is_reserved() && !TENANT_RESERVED.contains(&scope.as_str()) {
            return Err(InvalidDetails::Reserved(scope.clone()));
        }
    }
    Ok(())
}

/// Whether people can read this name in a table.
///
/// # Errors
/// [`InvalidDetails::Name`].
pub fn check_name(name: &str) -> Result<(), InvalidDetails> {
    let fits = !name.trim().is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(InvalidDetails::Name) }
}

/// Far enough for any key, and near enough to notice milliseconds in place of seconds.
const LATEST: Duration = Duration::from_hours(36_525 * 24);

/// Why something cannot end at a time: what that time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub enum InvalidEnd {
    /// It is over.
    Past,
    /// Nobody means it.
    Far,
}

impl InvalidEnd {
    /// What the time is.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Past => "not ahead; to end a key now, block or delete it; to end a secret, expire it",
            Self::Far => "more than a hundred years ahead; leave it out for what does not expire",
        }
    }
}

/// Whether something may be given an end at this time.
///
/// # Errors
/// See [`InvalidEnd`].
pub fn check_end(at: Timestamp, now: Timestamp) -> Result<(), InvalidEnd> {
    if at <= now {
        Err(InvalidEnd::Past)
    } else if at > now.after(LATEST) {
        Err(InvalidEnd::Far)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_key_holds_nothing_administrative() {
        let tenant: ProjectId = "prj_x".parse().unwrap();
        let with = |scopes: &str| KeyDetails {
            name: "k".into(),
            permissions: scopes.parse().unwrap(),
            ..Default::default()
        };
        assert!(with("orders:read portcullis:introspect portcullis:revocations").check(&tenant).is_ok());
        for wrong in ["portcullis:keys:write", "portcullis:*", "portcullis", "portcullis:introspect:x"] {
            assert!(with(wrong).check(&tenant).is_err(), "{wrong}");
            assert!(with(wrong).check(&ProjectId::administration()).is_ok(), "{wrong}");
        }
        assert!(with("orders:read").check(&ProjectId::administration()).is_err());
        // Not ours, only alike.
        assert!(with("portcullisX:keys").check(&tenant).is_ok());
    }
}

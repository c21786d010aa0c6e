//! Who may administer what: what the scope of an administrator's token allows, and where.
//!
//! A right is held everywhere (`portcullis:keys:write`) or in one project
//! (`portcullis:project:prj_x:keys:write`). Writing covers reading, and whoever may write keys may revoke
//! their tokens. Nobody makes an administrator's key worth more than what they hold themselves (threat S16).

use std::collections::BTreeSet;

use portcullis_guard::{Allowlist, ProjectId, Scope, ScopeSet, Timestamp};

use super::api_key::KeyDetails;
use super::edit::{KeyEdit, ProjectEdit};
use super::grant::MintRecord;
use super::worth::Worth;

/// What an administrator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See API keys, the tokens that they minted, and what is revoked of them.
    ReadKeys,
    /// Make, change and stop API keys.
    WriteKeys,
    /// See projects, their catalogues and audiences.
    ReadProjects,
    /// Make and change them.
    WriteProjects,
    /// See who did what.
    ReadAudit,
    /// See signing keys.
    ReadSigning,
    /// Rotate and retire them.
    WriteSigning,
    /// Revoke tokens.
    RevokeTokens,
    /// See webhooks, and what was sent to them.
    ReadWebhooks,
    /// Make and change them.
    WriteWebhooks,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ReadKeys,
        Self::WriteKeys,
        Self::ReadProjects,
        Self::WriteProjects,
        Self::ReadAudit,
        Self::ReadSigning,
        Self::WriteSigning,
        Self::RevokeTokens,
        Self::ReadWebhooks,
        Self::WriteWebhooks,
    ];

    /// The end of the scope value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadKeys => "keys:read",
            Self::WriteKeys => "keys:write",
            Self::ReadProjects => "projects:read",
            Self::WriteProjects => "projects:write",
            Self::ReadAudit => "audit:read",
            Self::ReadSigning => "signing:read",
            Self::WriteSigning => "signing:write",
            Self::RevokeTokens => "tokens:revoke",
            Self::ReadWebhooks => "webhooks:read",
            Self::WriteWebhooks => "webhooks:write",
        }
    }

    /// The scope value by which it is held everywhere.
    #[must_use]
    pub fn everywhere(self) -> Scope {
        parsed(&format!("portcullis:{}", self.as_str()))
    }

    /// The scope value by which it is held in one project.
    #[must_use]
    pub fn within(self, project: &ProjectId) -> Scope {
        parsed(&format!("portcullis:project:{project}:{}", self.as_str()))
    }

    /// Whether whoever holds this right also holds the other.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self == other
            || matches!(
                (self, other),
                (Self::WriteKeys, Self::ReadKeys | Self::RevokeTokens)
                    | (Self::WriteProjects, Self::ReadProjects)
                    | (Self::WriteSigning, Self::ReadSigning)
                    | (Self::WriteWebhooks, Self::ReadWebhooks)
            )
    }

    /// Signing keys are all projects'.
    const fn is_of_a_project(self) -> bool {
        !matches!(self, Self::ReadSigning | Self::WriteSigning)
    }
}

fn parsed(raw: &str) -> Scope {
    raw.parse().expect("rights and project ids are made of what scope values are made of")
}

/// One scope value of an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    right: Right,
    /// Everywhere, if absent.
    within: Option<ProjectId>,
}

impl Held {
    /// What this value gives; none if it is no administrator's.
    fn of(scope: &Scope) -> Option<Self> {
        let rest = scope.as_str().strip_prefix("portcullis:")?;
        let (within, right) = match rest.strip_prefix("project:").and_then(|rest| rest.split_once(':')) {
            Some((project, right)) => (Some(project.parse().ok()?), right),
            None => (None, rest),
        };
        let right = Right::ALL.into_iter().find(|known| known.as_str() == right)?;
        (within.is_none() || right.is_of_a_project()).then_some(Self { right, within })
    }

    fn gives(&self, right: Right, project: Option<&ProjectId>) -> bool {
        self.right.includes(right) && (self.within.is_none() || self.within.as_ref() == project)
    }
}

/// Whether whoever holds these values also holds `wanted`: by name, or because it is the smaller part of a
/// right that they give.
#[must_use]
pub fn covers(held: &ScopeSet, wanted: &Scope) -> bool {
    let given = |wanted: &Held| {
        held.iter().filter_map(Held::of).any(|held| held.gives(wanted.right, wanted.within.as_ref()))
    };
    held.contains(wanted) || Held::of(wanted).is_some_and(|wanted| given(&wanted))
}

/// Where a right is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In every project, in those to come, and in what belongs to none.
    Everywhere,
    /// In these projects.
    Within(BTreeSet<ProjectId>),
}

impl Reach {
    /// Whether it is there.
    #[must_use]
    pub fn has(&self, project: &ProjectId) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Within(projects) => projects.contains(project),
        }
    }

    /// Whether it is nowhere.
    #[must_use]
    pub fn is_nowhere(&self) -> bool {
        matches!(self, Self::Within(projects) if projects.is_empty())
    }
}

/// In whose authority something is done.
#[derive(Clone, Debug, Default)]
pub enum Authority {
    /// Of whoever has database and master key, and of the server itself.
    #[default]
    Whole,
    /// Of whoever holds a token.
    OfToken {
        /// The token's scope.
        scope: ScopeSet,
        /// Where it may be used.
        networks: Allowlist,
    },
}

/// Why an act is beyond an authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// The right is not held there.
    #[error("this needs the scope {}", .0.everywhere())]
    Right(Right),
    /// An administrator's key would hold what the one who acts does not.
    #[error("an administrator's key cannot hold `{0}` by the hand of somebody who does not hold it")]
    Permission(Scope),
    /// An administrator's key would work where the one who acts may not.
    #[error("an administrator's key cannot be used from more networks than those of whoever makes it so")]
    Networks,
    /// An administrator's key would outlive that of the one who acts.
    #[error("an administrator's key cannot outlive that of whoever makes it so")]
    End,
}

impl Authority {
    /// Where a right is held.
    #[must_use]
    pub fn reach(&self, right: Right) -> Reach {
        let Self::OfToken { scope, .. } = self else { return Reach::Everywhere };
        let giving = || scope.iter().filter_map(Held::of).filter(|held| held.right.includes(right));
        if giving().any(|held| held.within.is_none()) {
            Reach::Everywhere
        } else {
            Reach::Within(giving().filter_map(|held| held.within).collect())
        }
    }

    /// Whether a right is held in a project; without one, whether it is held everywhere.
    ///
    /// # Errors
    /// [`Beyond::Right`].
    pub fn check(&self, right: Right, project: Option<&ProjectId>) -> Result<(), Beyond> {
        let reach = self.reach(right);
        let held = project.map_or(reach == Reach::Everywhere, |project| reach.has(project));
        if held { Ok(()) } else { Err(Beyond::Right(right)) }
    }

    /// Whether there is anything that may be done to a project's keys.
    #[must_use]
    pub fn concerns_keys_of(&self, project: &ProjectId) -> bool {
        [Right::ReadKeys, Right::RevokeTokens].iter().any(|right| self.reach(*right).has(project))
    }

    /// Whether there is any right in it at all.
    #[must_use]
    pub fn is_administrative(&self) -> bool {
        Right::ALL.into_iter().any(|right| !self.reach(right).is_nowhere())
    }

    /// Whether an administrator's key may become, or come to be used, like this, by somebody whose own key
    /// ends then.
    ///
    /// # Errors
    /// What is beyond.
    pub fn check_reach(&self, worth: &Worth<'_>, own_end: Option<Timestamp>) -> Result<(), Beyond> {
        let Self::OfToken { scope, networks } = self else { return Ok(()) };
        let Worth { details, role } = worth;
        check_held(scope, details.permissions.iter().chain(role.iter()))?;
        if !details.allowlist.is_within(networks) {
            return Err(Beyond::Networks);
        }
        let outlives = own_end.is_some_and(|own| details.expires_at.is_none_or(|end| end > own));
        if outlives { Err(Beyond::End) } else { Ok(()) }
    }

    /// Whether an administrators' role may become like this, by the hand of somebody whose own key ends then.
    /// Whichever keys have it, and come to have it meanwhile, may be bound neither to networks nor to an end;
    /// so whoever gives them something is not either.
    ///
    /// # Errors
    /// What is beyond.
    pub fn check_role(&self, permissions: &ScopeSet, own_end: Option<Timestamp>) -> Result<(), Beyond> {
        let unbound = KeyDetails { permissions: permissions.clone(), ..KeyDetails::default() };
        self.check_reach(&Worth { details: &unbound, role: &ScopeSet::default() }, own_end)
    }
}

fn check_held<'a>(held: &ScopeSet, mut wanted: impl Iterator<Item = &'a Scope>) -> Result<(), Beyond> {
    let beyond = wanted.find(|wanted| !covers(held, wanted));
    beyond.map_or(Ok(()), |beyond| Err(Beyond::Permission(beyond.clone())))
}

impl KeyEdit {
    /// The right that it needs.
    #[must_use]
    pub const fn right(&self) -> Right {
        match self {
            Self::RevokeTokens => Right::RevokeTokens,
            _ => Right::WriteKeys,
        }
    }

    /// What the key will be worth to somebody who could not use it before; none if the edit only takes
    /// away. Whoever holds a new secret holds all that the key holds.
    #[must_use]
    pub fn gives<'a>(&'a self, record: &'a MintRecord) -> Option<Worth<'a>> {
        match self {
            Self::Details { details, role } => Some(Worth { details, role }),
            Self::Unblock | Self::Regenerate { .. } | Self::AddSecret { .. } => Some(record.worth()),
            Self::Block | Self::Delete | Self::RevokeTokens | Self::ExpireSecret { .. } => None,
        }
    }
}

impl ProjectEdit {
    /// The right that it needs. A role is permissions of keys: whoever may give keys theirs may edit it, and
    /// nobody else.
    #[must_use]
    pub const fn right(&self) -> Right {
        match self {
            Self::CreateRole(_) | Self::EditRole { .. } | Self::DeleteRole(_) => Right::WriteKeys,
            _ => Right::WriteProjects,
        }
    }

    /// What an administrators' role will permit that it did not; nothing if the edit only takes away.
    #[must_use]
    pub fn gives_to_role(&self) -> Option<&ScopeSet> {
        match self {
            Self::CreateRole(role) => Some(&role.details.permissions),
            Self::EditRole { role, details } => {
                let had = |scope: &Scope| covers(&role.details.permissions, scope);
                (!details.permissions.iter().all(had)).then_some(&details.permissions)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(scope: &str) -> Authority {
        Authority::OfToken { scope: scope.parse().unwrap(), networks: Allowlist::default() }
    }

    fn project(id: &str) -> ProjectId {
        id.parse().unwrap()
    }

    #[test]
    fn a_right_is_held_everywhere_or_in_the_named_project_and_nowhere_else() {
        let (x, y) = (project("prj_x"), project("prj_y"));
        for (scope, right, everywhere, in_x, in_y) in [
            ("portcullis:keys:write", Right::WriteKeys, true, true, true),
            ("portcullis:keys:write", Right::ReadKeys, true, true, true),
            ("portcullis:keys:write", Right::RevokeTokens, true, true, true),
            ("portcullis:keys:write", Right::ReadProjects, false, false, false),
            ("portcullis:keys:read", Right::WriteKeys, false, false, false),
            ("portcullis:tokens:revoke", Right::ReadKeys, false, false, false),
            ("portcullis:project:prj_x:keys:write", Right::ReadKeys, false, true, false),
            ("portcullis:project:prj_x:keys:read", Right::WriteKeys, false, false, false),
            ("portcullis:project:prj_x:signing:write", Right::WriteSigning, false, false, false),
            ("portcullis:project:prj_x", Right::ReadKeys, false, false, false),
            ("portcullis:project:prj_x:*", Right::ReadKeys, false, false, false),
            ("portcullis:*", Right::ReadKeys, false, false, false),
            ("portcullis:keys:*", Right::ReadKeys, false, false, false),
            ("portcullis:keys:write:x", Right::ReadKeys, false, false, false),
            ("keys:write", Right::ReadKeys, false, false, false),
        ] {
            let authority = authority(scope);
            assert_eq!(authority.check(right, None).is_ok(), everywhere, "{scope} {right:?}");
            assert_eq!(authority.check(right, Some(&x)).is_ok(), in_x, "{scope} {right:?}");
            assert_eq!(authority.check(right, Some(&y)).is_ok(), in_y, "{scope} {right:?}");
        }
    }

    #[test]
    fn an_administrators_key_is_never_made_worth_more_than_its_maker() {
        let maker = Authority::OfToken {
            scope: "portcullis:keys:write portcullis:project:prj_x:audit:read".parse().unwrap(),
            networks: "10.0.0.0/8".parse().unwrap(),
        };
        let end = Timestamp::from_secs(100);
        let key = |permissions: &str, networks: &str, end: Option<i64>| KeyDetails {
            permissions: permissions.parse().unwrap(),
            allowlist: networks.parse().unwrap(),
            expires_at: end.map(Timestamp::from_secs),
            ..KeyDetails::default()
        };
        let none = ScopeSet::default();
        let check = |details: &KeyDetails| maker.check_reach(&Worth { details, role: &none }, Some(end));
        let permitted = "portcullis:keys:read portcullis:project:prj_x:tokens:revoke";
        assert_eq!(check(&key(permitted, "10.1.0.0/16", Some(100))), Ok(()));
        assert_eq!(check(&key("", "10.0.0.0/8", Some(99))), Ok(()));
        for beyond in ["portcullis:audit:read", "portcullis:signing:read", "portcullis:introspect"] {
            let refused = check(&key(beyond, "10.0.0.0/8", Some(100)));
            assert_eq!(refused, Err(Beyond::Permission(beyond.parse().unwrap())));
        }
        assert_eq!(check(&key(permitted, "", Some(100))), Err(Beyond::Networks));
        assert_eq!(check(&key(permitted, "10.0.0.0/8 192.0.2.1", Some(100))), Err(Beyond::Networks));
        assert_eq!(check(&key(permitted, "10.1.0.0/16", Some(101))), Err(Beyond::End));
        assert_eq!(check(&key(permitted, "10.1.0.0/16", None)), Err(Beyond::End));
        let anything = key("portcullis:signing:write", "", None);
        assert_eq!(
            Authority::Whole.check_reach(&Worth { details: &anything, role: &none }, Some(end)),
            Ok(())
        );
        // What comes by a role is no less.
        let (bare, role) = (key("", "10.0.0.0/8", Some(100)), "portcullis:audit:read".parse().unwrap());
        let refused = maker.check_reach(&Worth { details: &bare, role: &role }, Some(end));
        assert_eq!(refused, Err(Beyond::Permission("portcullis:audit:read".parse().unwrap())));
    }
}

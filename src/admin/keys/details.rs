//! What of a key may be given: at its making, and in a merge patch (RFC 7396).

use std::num::NonZeroU32;

use crate::admin::body::{Field, Fields};
use crate::admin::problem::Problem;
use crate::domain::api_key::check_end;
use crate::domain::{
    Allowlist, Audience, AuthMethod, KeyDetails, Lifetime, RoleName, Scope, ScopeSet, Timestamp,
};

/// The most audiences that one key may list.
const MOST_AUDIENCES: usize = 32;

/// The members that make up a key.
#[derive(Debug)]
pub(super) struct Given {
    name: Field<String>,
    permissions: Field<ScopeSet>,
    role: Field<RoleName>,
    allowlist: Field<Allowlist>,
    auth_methods: Field<Vec<AuthMethod>>,
    audiences: Field<Vec<Audience>>,
    token_lifetime: Field<Lifetime>,
    require_scope: Field<bool>,
    live_tokens: Field<NonZeroU32>,
    expires_at: Field<Timestamp>,
}

impl Given {
    pub(super) fn take(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            name: fields.take("name")?,
            permissions: fields.take("permissions")?.and_then(scopes)?,
            role: fields.take("role")?,
            allowlist: fields.take("allowlist")?,
            auth_methods: fields.take::<Vec<String>>("auth_methods")?.and_then(|names| methods(&names))?,
            audiences: fields.take("audiences")?.and_then(few_audiences)?,
            token_lifetime: fields.take::<u32>("token_lifetime")?.and_then(lifetime)?,
            require_scope: fields.take("require_scope")?,
            live_tokens: fields.take("live_tokens")?,
            expires_at: fields.take::<i64>("expires_at")?.and_then(|secs| Ok(Timestamp::from_secs(secs)))?,
        })
    }

    /// Whether it ends at a time that can be meant.
    pub(super) fn check_end(&self, now: Timestamp) -> Result<(), Problem> {
        let Field::Given(end) = self.expires_at else { return Ok(()) };
        check_end(end, now).map_err(|why| Problem::value("expires_at", format!("it is {why}")))
    }

    /// `before`, with what is given in place of what was there; `null` is what holds when nothing is said.
    pub(super) fn over(self, before: KeyDetails) -> KeyDetails {
        let methods = self.auth_methods.map(|methods| methods.into_iter().collect());
        KeyDetails {
            name: self.name.over(before.name, String::new),
            permissions: self.permissions.over(before.permissions, ScopeSet::default),
            role: self.role.map(Some).over(before.role, || None),
            allowlist: self.allowlist.over(before.allowlist, Allowlist::default),
            auth_methods: methods.over(before.auth_methods, Default::default),
            audiences: self.audiences.over(before.audiences, Vec::new),
            token_lifetime: self.token_lifetime.map(Some).over(before.token_lifetime, || None),
            require_scope: self.require_scope.over(before.require_scope, || false),
            live_tokens: self.live_tokens.map(Some).over(before.live_tokens, || None),
            expires_at: self.expires_at.map(Some).over(before.expires_at, || None),
        }
    }
}

pub(in crate::admin) fn scopes(scopes: Vec<Scope>) -> Result<ScopeSet, Problem> {
    if scopes.len() > ScopeSet::MOST {
        return Err(Problem::value("permissions", format!("there are more than {}", ScopeSet::MOST)));
    }
    Ok(scopes.into_iter().collect())
}

fn methods(names: &[String]) -> Result<Vec<AuthMethod>, Problem> {
    let unknown = || {
        let known = AuthMethod::ALL.map(AuthMethod::as_str).join(", ");
        Problem::value("auth_methods", format!("one of them is not known; there are {known}"))
    };
    names.iter().map(|name| name.parse().map_err(|_| unknown())).collect()
}

fn few_audiences(audiences: Vec<Audience>) -> Result<Vec<Audience>, Problem> {
    if audiences.len() > MOST_AUDIENCES {
        return Err(Problem::value("audiences", format!("there are more than {MOST_AUDIENCES}")));
    }
    Ok(audiences)
}

fn lifetime(secs: u32) -> Result<Lifetime, Problem> {
    let wrong = || Problem::value("token_lifetime", "a token lives 1 to 900 whole seconds");
    Lifetime::from_secs(secs).ok_or_else(wrong)
}

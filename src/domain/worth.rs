//! What a key is worth: its own details, and what its role gives it besides.

use portcullis_guard::{Audience, ScopeSet};

use super::api_key::KeyDetails;
use super::catalogue::Catalogue;

/// A key's details together with what the role that they name permits.
#[derive(Clone, Copy, Debug)]
pub struct Worth<'a> {
    /// Its details.
    pub details: &'a KeyDetails,
    /// What its role permits; nothing, if it has none.
    pub role: &'a ScopeSet,
}

impl Worth<'_> {
    /// What it may do: its own permissions and its role's.
    #[must_use]
    pub fn permissions(&self) -> ScopeSet {
        self.details.permissions.iter().chain(self.role.iter()).cloned().collect()
    }

    /// Whether every request that `before` granted is still granted, and no smaller, where limits of
    /// live tokens leave a place. Meanings are compared, not lists: an empty allowlist is every
    /// address, and what a role permits is as good as a permission of one's own.
    #[must_use]
    pub fn takes_nothing_from(&self, before: &Self, catalogue: &Catalogue) -> bool {
        let (after, old) = (self.details, before.details);
        catalogue.expand(&self.permissions()).covers_all(&catalogue.expand(&before.permissions()))
            && old.allowlist.is_within(&after.allowlist)
            && old.auth_methods.is_within(&after.auth_methods)
            && same_default_and_no_fewer(&after.audiences, &old.audiences)
            && after.lifetime() >= old.lifetime()
            && (old.require_scope || !after.require_scope)
            && after.expires_at.is_none_or(|end| old.expires_at.is_some_and(|before| end >= before))
    }
}

/// An empty list is the project's default alone, so a list in its place is no superset of it.
fn same_default_and_no_fewer(after: &[Audience], before: &[Audience]) -> bool {
    after.first() == before.first() && before.iter().all(|audience| after.contains(audience))
}

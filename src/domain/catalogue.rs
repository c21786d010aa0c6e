//! A project's scope catalogue: which scopes there are, and which of them include others.

use std::collections::BTreeMap;

use portcullis_guard::{Scope, ScopeSet};
use serde::Serialize;

/// A project's known scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue(BTreeMap<Scope, CatalogueScope>);

/// What a catalogue knows of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CatalogueScope {
    /// For people.
    pub description: String,
    /// Whoever holds this scope also holds these, and what they include.
    pub includes: ScopeSet,
}

/// Why a scope cannot stand in a tenant's catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    /// It is, or includes, a value of Portcullis itself.
    #[error("scopes that begin with `portcullis` are not a project's to define or include")]
    Reserved,
    /// It includes itself.
    #[error("a scope cannot include itself")]
    Itself,
    /// Its description is too long for a table, or nothing that can be read.
    #[error("a description has at most 1000 characters, none of which is a control character")]
    Description,
}

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 1000;

impl InvalidEntry {
    /// What of the entry cannot be.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Reserved | Self::Itself => "includes",
            Self::Description => "description",
        }
    }
}

impl CatalogueScope {
    /// Whether it may stand in a catalogue under this name (threat S50: an include is no way to
    /// come by administrative scopes).
    ///
    /// # Errors
    /// See [`InvalidEntry`].
    pub fn check(&self, name: &Scope) -> Result<(), InvalidEntry> {
        if name.is_reserved() || self.includes.iter().any(Scope::is_reserved) {
            Err(InvalidEntry::Reserved)
        } else if self.includes.contains(name) {
            Err(InvalidEntry::Itself)
        } else if !is_description(&self.description) {
            Err(InvalidEntry::Description)
        } else {
            Ok(())
        }
    }
}

/// Whether people can read this below a table.
pub(super) fn is_description(text: &str) -> bool {
    text.chars().count() <= LONGEST_DESCRIPTION && !text.chars().any(|c| c.is_control() && c != '\n')
}

impl Catalogue {
    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Scope, &CatalogueScope)> {
        self.0.iter()
    }

    /// How many values it names, counted as often as it names them.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.values().map(|entry| 1 + entry.includes.len()).sum()
    }

    /// Whether this very scope is known.
    #[must_use]
    pub fn knows(&self, scope: &Scope) -> bool {
        self.0.contains_key(scope)
    }

    /// This catalogue with one scope set.
    #[must_use]
    pub fn with(mut self, scope: Scope, entry: CatalogueScope) -> Self {
        self.0.insert(scope, entry);
        self
    }

    /// This catalogue with one scope removed.
    #[must_use]
    pub fn without(mut self, scope: &Scope) -> Self {
        self.0.remove(scope);
        self
    }

    /// The values and all that they include, transitively. A wildcard includes what the scopes
    /// that it covers include. Terminates on circles: a value is followed once.
    #[must_use]
    pub fn expand(&self, scopes: &ScopeSet) -> ScopeSet {
        let mut reached = scopes.clone();
        let mut unfollowed: Vec<Scope> = scopes.iter().cloned().collect();
        while let Some(scope) = unfollowed.pop() {
            for included in self.included_by(&scope) {
                if reached.insert(included.clone()) {
                    unfollowed.push(included.clone());
                }
            }
        }
        reached
    }

    /// Whether `permissions` cover `wanted`: a value that they reach is equal to it or a wildcard
    /// over it.
    #[must_use]
    pub fn covers(&self, permissions: &ScopeSet, wanted: &Scope) -> bool {
        self.expand(permissions).covers(wanted)
    }

    fn included_by(&self, scope: &Scope) -> impl Iterator<Item = &Scope> {
        self.entries_of(scope).into_iter().flat_map(|entry| entry.includes.iter())
    }

    /// The entry of this scope, or those of all that it covers.
    pub(super) fn entries_of(&self, scope: &Scope) -> Vec<&CatalogueScope> {
        if scope.is_wildcard() {
            self.0.iter().filter(|(known, _)| scope.covers(known)).map(|(_, entry)| entry).collect()
        } else {
            self.0.get(scope).into_iter().collect()
        }
    }

    /// Whether every scope still reaches all that it reached in `before`: nobody holds less under
    /// this catalogue than under that one.
    #[must_use]
    pub fn takes_nothing_from(&self, before: &Self) -> bool {
        before.0.keys().all(|scope| {
            let alone = ScopeSet::from_iter([scope.clone()]);
            self.expand(&alone).covers_all(&before.expand(&alone))
        })
    }
}

impl FromIterator<(Scope, CatalogueScope)> for Catalogue {
    fn from_iter<I: IntoIterator<Item = (Scope, CatalogueScope)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(entries: &[(&str, &str)]) -> Catalogue {
        let entry =
            |includes: &str| CatalogueScope { includes: includes.parse().unwrap(), ..Default::default() };
        entries.iter().map(|(scope, includes)| (scope.parse().unwrap(), entry(includes))).collect()
    }

    fn expand(catalogue: &Catalogue, scopes: &str) -> String {
        catalogue.expand(&scopes.parse().unwrap()).to_string()
    }

    #[test]
    fn includes_are_followed_through_circles_and_wildcards() {
        let known = catalogue(&[
            ("api", "campaigns vouchers"),
            ("vouchers", "codes"),
            ("codes", "api"),
            ("campaign:admin", "reports"),
        ]);
        assert_eq!(expand(&known, "api"), "api campaigns codes vouchers");
        assert_eq!(expand(&known, "campaign:*"), "campaign:* reports");
        assert_eq!(expand(&known, "unknown"), "unknown");
        assert_eq!(expand(&known, ""), "");
    }

    #[test]
    fn an_include_taken_away_is_noticed_even_when_another_way_remains() {
        let before = catalogue(&[("api", "a b"), ("a", "b"), ("b", "")]);
        assert!(catalogue(&[("api", "a"), ("a", "b"), ("b", "")]).takes_nothing_from(&before));
        assert!(!catalogue(&[("api", "a"), ("a", ""), ("b", "")]).takes_nothing_from(&before));
        assert!(before.clone().without(&"b".parse().unwrap()).takes_nothing_from(&before));
        assert!(!before.clone().without(&"a".parse().unwrap()).takes_nothing_from(&before));
    }

    #[test]
    fn administrative_scopes_cannot_be_defined_or_included() {
        for (scope, includes) in [("portcullis:x", ""), ("api", "portcullis:introspect"), ("portcullis", "")]
        {
            let entry = CatalogueScope { includes: includes.parse().unwrap(), ..Default::default() };
            assert_eq!(entry.check(&scope.parse().unwrap()), Err(InvalidEntry::Reserved));
        }
    }
}

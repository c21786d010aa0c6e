//! A catalogue's includes, resolved once: what a mint follows, by number instead of by name.
//!
//! It means what [`Catalogue::expand`] means, and a property test compares the two.

use portcullis_guard::{Scope, ScopeSet};

use super::catalogue::{Catalogue, CatalogueScope};

/// Which names include which, wildcards resolved. As large as the catalogue, shared by all keys of
/// a project.
#[derive(Debug, Default)]
pub struct Includes {
    /// Every value that the catalogue names, in order.
    names: Vec<Scope>,
    /// For each of them the places of those that it includes.
    below: Vec<Vec<u32>>,
    /// The places of the wildcards.
    wildcards: Vec<u32>,
}

/// Which names some values include, transitively: one bit for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach(Vec<u64>);

impl Includes {
    /// The includes of this catalogue.
    #[must_use]
    pub fn of(catalogue: &Catalogue) -> Self {
        let named =
            catalogue.iter().flat_map(|(scope, entry)| std::iter::once(scope).chain(entry.includes.iter()));
        let mut names: Vec<Scope> = named.cloned().collect();
        names.sort_unstable();
        names.dedup();
        let mut this = Self { names, below: Vec::new(), wildcards: Vec::new() };
        this.below = this.names.iter().map(|name| this.directly_below(catalogue, name)).collect();
        let is_wildcard = |at: &u32| this.names[*at as usize].is_wildcard();
        this.wildcards = (0..).take(this.names.len()).filter(is_wildcard).collect();
        this
    }

    /// What these values include beyond themselves. Each name is followed once.
    #[must_use]
    pub fn reach(&self, catalogue: &Catalogue, scopes: &ScopeSet) -> Reach {
        let mut reach = Reach(vec![0; self.names.len().div_ceil(64)]);
        let mut unfollowed = Vec::new();
        for scope in scopes.iter() {
            let below = match self.place(scope) {
                Some(at) => self.below[at as usize].clone(),
                // A wildcard that the catalogue does not name.
                None => self.directly_below(catalogue, scope),
            };
            unfollowed.extend(below);
        }
        while let Some(at) = unfollowed.pop() {
            if reach.insert(at) {
                unfollowed.extend_from_slice(&self.below[at as usize]);
            }
        }
        reach
    }

    /// The values and all that they include, transitively.
    #[must_use]
    pub fn expand(&self, catalogue: &Catalogue, scopes: &ScopeSet) -> ScopeSet {
        let reach = self.reach(catalogue, scopes);
        let included = self.names.iter().zip(0..).filter(|(_, at)| reach.contains(*at));
        scopes.iter().chain(included.map(|(name, _)| name)).cloned().collect()
    }

    /// Whether values that reach so far cover `wanted`.
    #[must_use]
    pub fn covers(&self, held: &ScopeSet, reach: &Reach, wanted: &Scope) -> bool {
        let by_name = || self.place(wanted).is_some_and(|at| reach.contains(at));
        let covers = |at: &u32| reach.contains(*at) && self.names[*at as usize].covers(wanted);
        held.covers(wanted) || by_name() || self.wildcards.iter().any(covers)
    }

    fn place(&self, scope: &Scope) -> Option<u32> {
        let at = self.names.binary_search(scope).ok()?;
        u32::try_from(at).ok()
    }

    fn directly_below(&self, catalogue: &Catalogue, scope: &Scope) -> Vec<u32> {
        let entries = catalogue.entries_of(scope);
        let included = entries.into_iter().flat_map(|entry: &CatalogueScope| entry.includes.iter());
        included.filter_map(|included| self.place(included)).collect()
    }
}

impl Reach {
    fn contains(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Adds a name; tells whether it is new.
    fn insert(&mut self, at: u32) -> bool {
        let (word, bit) = (&mut self.0[at as usize / 64], 1 << (at % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

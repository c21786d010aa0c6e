//! What covers what, through includes.

use portcullis::domain::ScopeSet;
use portcullis::domain::includes::Includes;
use proptest::prelude::*;

use super::arbitrary::{catalogue, scope, scopes};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cover_is_reflexive(known in catalogue(), held in scopes()) {
        prop_assert!(held.iter().all(|scope| known.covers(&held, scope)));
        prop_assert!(known.expand(&held).covers_all(&held));
    }

    #[test]
    fn cover_is_transitive(known in catalogue(), a in scope(), b in scope(), c in scope()) {
        let alone = |scope: &portcullis::domain::Scope| ScopeSet::from_iter([scope.clone()]);
        if known.covers(&alone(&a), &b) && known.covers(&alone(&b), &c) {
            prop_assert!(known.covers(&alone(&a), &c), "{a} covers {b} covers {c}");
        }
    }

    #[test]
    fn to_hold_more_is_never_to_cover_less(known in catalogue(), held in scopes(), more in scope(), wanted in scope()) {
        let mut wider = held.clone();
        wider.insert(more);
        prop_assert!(!known.covers(&held, &wanted) || known.covers(&wider, &wanted));
    }

    /// What a mint follows by number is what an edit follows by name.
    #[test]
    fn resolved_includes_mean_the_same(known in catalogue(), held in scopes(), wanted in scope()) {
        let includes = Includes::of(&known);
        prop_assert_eq!(includes.expand(&known, &held), known.expand(&held));
        let reach = includes.reach(&known, &held);
        prop_assert_eq!(includes.covers(&held, &reach, &wanted), known.covers(&held, &wanted), "{}", wanted);
    }

    /// What is expanded once is complete: a judge needs no catalogue.
    #[test]
    fn expansion_is_complete(known in catalogue(), held in scopes()) {
        let reached = known.expand(&held);
        prop_assert_eq!(&known.expand(&reached), &reached);
    }

    /// A value that the expansion reaches is one of the key's own or one that the catalogue names:
    /// nothing is made up, and nothing reserved comes by an include.
    #[test]
    fn expansion_makes_nothing_up(known in catalogue(), held in scopes()) {
        for scope in known.expand(&held).iter() {
            let named = known.iter().any(|(_, entry)| entry.includes.contains(scope));
            prop_assert!(held.contains(scope) || named);
            prop_assert!(!scope.is_reserved());
        }
    }
}

//! Edits: whatever is not called narrowing takes nothing from anybody. The model is the exchange
//! itself, asked before and after.

use portcullis::domain::edit::{KeyEdit, ProjectEdit};
use portcullis::domain::grant::Grant;
use portcullis::domain::{Audience, Catalogue, KeyDetails};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::arbitrary::{AUDIENCES, Request, details, edited, entry, record, request, scope, surroundings};

type Around = (Catalogue, Vec<Audience>);

fn config() -> Config {
    Config { cases: 2000, failure_persistence: None, max_global_rejects: 100_000, ..Config::default() }
}

fn key_edits() -> impl Strategy<Value = (KeyDetails, KeyDetails, Around, Request)> {
    (edited(), surroundings()).prop_flat_map(|((before, after), around)| {
        let request = request(&before);
        (Just(before), Just(after), Just(around), request)
    })
}

fn project_edits() -> impl Strategy<Value = (KeyDetails, Around, Around, bool, Request)> {
    let audience = || select(&AUDIENCES[..]).prop_map(|raw| raw.parse::<Audience>().unwrap());
    let edit = prop_oneof![
        4 => (scope(), entry()).prop_map(|(scope, entry)| Edit::Set(scope, entry)),
        3 => scope().prop_map(Edit::Remove),
        1 => audience().prop_map(Edit::Add),
        1 => audience().prop_map(Edit::Drop),
    ];
    (details(), surroundings(), edit).prop_flat_map(|(details, before, edit)| {
        let request = request(&details);
        let (after, narrowing) = edit.apply(before.clone());
        (Just(details), Just(before), Just(after), Just(narrowing), request)
    })
}

#[derive(Clone, Debug)]
enum Edit {
    Set(portcullis::domain::Scope, portcullis::domain::CatalogueScope),
    Remove(portcullis::domain::Scope),
    Add(Audience),
    Drop(Audience),
}

impl Edit {
    /// What the project is like afterwards, and whether that is called narrowing.
    fn apply(self, (catalogue, mut audiences): Around) -> (Around, bool) {
        let project = record(KeyDetails::default(), (catalogue.clone(), Vec::new())).project;
        let narrowing = |edit: ProjectEdit| edit.is_narrowing(&project, &catalogue);
        match self {
            Self::Set(scope, entry) => {
                let narrowing = narrowing(ProjectEdit::SetScope(scope.clone(), entry.clone()));
                ((catalogue.with(scope, entry), audiences), narrowing)
            }
            Self::Remove(scope) => {
                let narrowing = narrowing(ProjectEdit::RemoveScope(scope.clone()));
                ((catalogue.without(&scope), audiences), narrowing)
            }
            Self::Add(audience) => {
                let narrowing = narrowing(ProjectEdit::AddAudience(audience.clone()));
                audiences.push(audience);
                ((catalogue, audiences), narrowing)
            }
            Self::Drop(audience) => {
                let narrowing = narrowing(ProjectEdit::RemoveAudience(audience.clone()));
                audiences.retain(|ours| *ours != audience);
                ((catalogue, audiences), narrowing)
            }
        }
    }
}

fn check_no_smaller(before: &Grant, after: &Grant) -> Result<(), TestCaseError> {
    let (old, new) = (&before.claims, &after.claims);
    prop_assert!(new.scope.covers_all(&old.scope), "{:?} was {:?}", new.scope, old.scope);
    prop_assert!(new.exp >= old.exp, "{} was {}", new.exp, old.exp);
    prop_assert!(
        old.aud.iter().all(|audience| new.aud.contains(audience)),
        "{:?} was {:?}",
        new.aud,
        old.aud
    );
    prop_assert!(old.ips.is_within(&new.ips), "{} was {}", new.ips, old.ips);
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_edit_of_a_key_that_is_not_narrowing_takes_nothing_away(
        (before, after, around, request) in key_edits()
    ) {
        let (old, new) = (record(before, around.clone()), record(after.clone(), around));
        prop_assume!(!KeyEdit::Details(after).is_narrowing(&old.key, &old.catalogue));
        if let Ok(granted) = request.put_to(&old) {
            let still = request.put_to(&new);
            let still = still.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
            check_no_smaller(&granted, &still)?;
        }
    }

    #[test]
    fn an_edit_of_a_project_that_is_not_narrowing_takes_nothing_away(
        (details, before, after, narrowing, request) in project_edits()
    ) {
        prop_assume!(!narrowing);
        let (old, new) = (record(details.clone(), before), record(details, after));
        if let Ok(granted) = request.put_to(&old) {
            let still = request.put_to(&new);
            let still = still.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
            check_no_smaller(&granted, &still)?;
        }
    }

    /// Two widenings in a row are one widening: else the second would let through what the first
    /// was only just allowed.
    #[test]
    fn widening_is_transitive(a in details(), b in edited(), around in surroundings()) {
        let (b, c) = b;
        let catalogue = around.0;
        if b.takes_nothing_from(&a, &catalogue) && c.takes_nothing_from(&b, &catalogue) {
            prop_assert!(c.takes_nothing_from(&a, &catalogue));
        }
    }

    #[test]
    fn an_edit_that_changes_no_meaning_narrows_nothing(details in details(), (catalogue, _) in surroundings()) {
        prop_assert!(details.takes_nothing_from(&details, &catalogue));
        let renamed = KeyDetails { name: "another".into(), ..details.clone() };
        prop_assert!(renamed.takes_nothing_from(&details, &catalogue));
        prop_assert!(catalogue.takes_nothing_from(&catalogue));
    }
}

/// A rule that called everything narrowing would pass all of the above.
#[test]
fn widenings_are_recognised_often_enough() {
    let mut runner = TestRunner::deterministic();
    let (mut keys, mut projects) = (0, 0);
    for _ in 0..1000 {
        let (before, after, around, request) = key_edits().new_tree(&mut runner).unwrap().current();
        let granted = request.put_to(&record(before.clone(), around.clone())).is_ok();
        keys += usize::from(granted && before != after && after.takes_nothing_from(&before, &around.0));
        let (details, before, .., narrowing, request) =
            project_edits().new_tree(&mut runner).unwrap().current();
        projects += usize::from(!narrowing && request.put_to(&record(details, before)).is_ok());
    }
    assert!(keys > 50 && projects > 100, "{keys} and {projects} of 1000");
}

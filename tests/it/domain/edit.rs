//! Edits: whatever is not called narrowing takes nothing from anybody. The model is the exchange
//! itself, asked before and after.

use std::sync::Arc;

use portcullis::domain::edit::{KeyEdit, ProjectEdit};
use portcullis::domain::grant::Grant;
use portcullis::domain::{
    Audience, Catalogue, KeyDetails, Position, Project, Role, RoleDetails, ScopeSet, Timestamp,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::arbitrary::{
    AUDIENCES, Holder, Request, edited, entry, holder, record, request, role, scope, surroundings,
};

type Around = (Catalogue, Vec<Audience>);

fn config() -> Config {
    Config { cases: 2000, failure_persistence: None, max_global_rejects: 100_000, ..Config::default() }
}

fn key_edits() -> impl Strategy<Value = (Holder, Holder, Around, Request)> {
    (edited(), surroundings()).prop_flat_map(|((before, after), around)| {
        let request = request(&before);
        (Just(before), Just(after), Just(around), request)
    })
}

fn project_edits() -> impl Strategy<Value = (Holder, Around, Around, bool, Request)> {
    let audience = || select(&AUDIENCES[..]).prop_map(|raw| raw.parse::<Audience>().unwrap());
    let edit = prop_oneof![
        4 => (scope(), entry()).prop_map(|(scope, entry)| Edit::Set(scope, entry)),
        3 => scope().prop_map(Edit::Remove),
        1 => audience().prop_map(Edit::Add),
        1 => audience().prop_map(Edit::Drop),
    ];
    (holder(), surroundings(), edit).prop_flat_map(|(holder, before, edit)| {
        let request = request(&holder);
        let (after, narrowing) = edit.apply(before.clone());
        (Just(holder), Just(before), Just(after), Just(narrowing), request)
    })
}

/// A key whose role is edited: to another one, or by adding to it.
fn role_edits() -> impl Strategy<Value = (Holder, Holder, Around, Request)> {
    (holder(), role(), any::<bool>(), surroundings()).prop_flat_map(|(before, mut role, adds, around)| {
        if adds {
            role.extend(before.role.iter().cloned());
        }
        let (request, after) = (request(&before), Holder { role, ..before.clone() });
        (Just(before), Just(after), Just(around), request)
    })
}

fn role_edit(before: &ScopeSet, after: &ScopeSet) -> ProjectEdit {
    let details =
        |permissions: &ScopeSet| RoleDetails { permissions: permissions.clone(), ..RoleDetails::default() };
    let (name, at) = ("support".parse().unwrap(), Timestamp::default());
    let role = Role { name, details: details(before), created_at: at, changed: Position::START };
    ProjectEdit::EditRole { role, details: details(after) }
}

fn project() -> Arc<Project> {
    let nobody = Holder { details: KeyDetails::default(), role: ScopeSet::default() };
    record(nobody, (Catalogue::default(), Vec::new())).project
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
        let project = project();
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
        let Holder { details, role } = after;
        prop_assume!(!KeyEdit::Details { details, role }.is_narrowing(&old.worth(), &old.catalogue));
        if let Ok(granted) = request.put_to(&old) {
            let still = request.put_to(&new);
            let still = still.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
            check_no_smaller(&granted, &still)?;
        }
    }

    #[test]
    fn an_edit_of_a_project_that_is_not_narrowing_takes_nothing_away(
        (holder, before, after, narrowing, request) in project_edits()
    ) {
        prop_assume!(!narrowing);
        let (old, new) = (record(holder.clone(), before), record(holder, after));
        if let Ok(granted) = request.put_to(&old) {
            let still = request.put_to(&new);
            let still = still.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
            check_no_smaller(&granted, &still)?;
        }
    }

    /// Two widenings in a row are one widening: else the second would let through what the first
    /// was only just allowed.
    #[test]
    fn widening_is_transitive(a in holder(), b in edited(), around in surroundings()) {
        let (b, c) = (&b.0.worth(), &b.1.worth());
        let (a, catalogue) = (&a.worth(), around.0);
        if b.takes_nothing_from(a, &catalogue) && c.takes_nothing_from(b, &catalogue) {
            prop_assert!(c.takes_nothing_from(a, &catalogue));
        }
    }

    #[test]
    fn an_edit_that_changes_no_meaning_narrows_nothing(holder in holder(), (catalogue, _) in surroundings()) {
        let worth = holder.worth();
        prop_assert!(worth.takes_nothing_from(&worth, &catalogue));
        let renamed = KeyDetails { name: "another".into(), ..holder.details.clone() };
        let renamed = Holder { details: renamed, role: holder.role.clone() };
        prop_assert!(renamed.worth().takes_nothing_from(&worth, &catalogue));
        prop_assert!(catalogue.takes_nothing_from(&catalogue));
        // What a role permits is as good as a permission of one's own, and the other way round.
        let own = KeyDetails { permissions: holder.held(), ..holder.details.clone() };
        let own = Holder { details: own, role: ScopeSet::default() };
        let bare = KeyDetails { permissions: ScopeSet::default(), ..holder.details.clone() };
        let bare = Holder { details: bare, role: holder.held() };
        for same in [&own, &bare] {
            prop_assert!(same.worth().takes_nothing_from(&worth, &catalogue));
            prop_assert!(worth.takes_nothing_from(&same.worth(), &catalogue));
        }
    }

    /// An edit of a role is judged by the role alone; it has to hold for whatever keys have it.
    #[test]
    fn an_edit_of_a_role_that_is_not_narrowing_takes_nothing_from_any_key(
        (before, after, around, request) in role_edits()
    ) {
        let (old, new) = (record(before.clone(), around.clone()), record(after.clone(), around.clone()));
        prop_assume!(!role_edit(&before.role, &after.role).is_narrowing(&project(), &around.0));
        if let Ok(granted) = request.put_to(&old) {
            let still = request.put_to(&new);
            let still = still.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
            check_no_smaller(&granted, &still)?;
        }
    }
}

/// A rule that called everything narrowing would pass all of the above.
#[test]
fn widenings_are_recognised_often_enough() {
    let mut runner = TestRunner::deterministic();
    let (mut keys, mut projects, mut roles) = (0, 0, 0);
    for _ in 0..1000 {
        let (before, after, around, request) = key_edits().new_tree(&mut runner).unwrap().current();
        let granted = request.put_to(&record(before.clone(), around.clone())).is_ok();
        let widened = after.worth().takes_nothing_from(&before.worth(), &around.0);
        keys += usize::from(granted && before != after && widened);
        let (before, after, around, request) = role_edits().new_tree(&mut runner).unwrap().current();
        let widened = !role_edit(&before.role, &after.role).is_narrowing(&project(), &around.0);
        roles += usize::from(before != after && widened && request.put_to(&record(before, around)).is_ok());
        let (holder, before, .., narrowing, request) =
            project_edits().new_tree(&mut runner).unwrap().current();
        projects += usize::from(!narrowing && request.put_to(&record(holder, before)).is_ok());
    }
    assert!(keys > 50 && projects > 100 && roles > 50, "{keys}, {projects} and {roles} of 1000");
}

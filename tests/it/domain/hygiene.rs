//! What is called unused can be taken away: whatever was granted in that time is still granted.

use portcullis::domain::hygiene::{Unneeded, is_told};
use portcullis::domain::{Catalogue, ProjectId, ScopeSet};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::arbitrary::{Holder, Request, holder, record, request, surroundings};

type Around = (Catalogue, Vec<portcullis::domain::Audience>);

fn case() -> impl Strategy<Value = (Holder, Around, Vec<Request>)> {
    (holder(), surroundings()).prop_flat_map(|(holder, around)| {
        let requests = vec(request(&holder), 0..4);
        (Just(holder), Just(around), requests)
    })
}

fn project() -> ProjectId {
    "prj_x".parse().unwrap()
}

/// What was granted, and what is called unused by that.
fn looked_at(holder: &Holder, around: &Around, requests: &[Request]) -> (Vec<ScopeSet>, ScopeSet) {
    let record = record(holder.clone(), around.clone());
    let granted = requests.iter().filter_map(|request| request.put_to(&record).ok());
    let granted: Vec<ScopeSet> = granted.map(|grant| grant.claims.scope).collect();
    let mut unneeded = Unneeded::of(&project(), record.permissions(), &around.0);
    for scope in &granted {
        unneeded.granted(scope);
    }
    let unused = unneeded.permissions();
    (granted, unused)
}

fn without(scopes: &ScopeSet, taken: &ScopeSet) -> ScopeSet {
    scopes.iter().filter(|scope| !taken.contains(scope)).cloned().collect()
}

proptest! {
    #![proptest_config(Config { cases: 1000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn without_what_is_called_unused_the_same_requests_are_granted_the_same(
        (holder, around, requests) in case()
    ) {
        let (_, unused) = looked_at(&holder, &around, &requests);
        let mut less = holder.clone();
        less.details.permissions = without(&holder.details.permissions, &unused);
        less.role = without(&holder.role, &unused);
        let (before, after) = (record(holder, around.clone()), record(less, around));
        for request in requests {
            if let Ok(granted) = request.put_to(&before) {
                let still = request.put_to(&after);
                let still = still.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
                prop_assert_eq!(still.claims.scope, granted.claims.scope);
            }
        }
    }

    /// And nothing is spared without a reason, or the above would hold of a rule that calls nothing unused.
    #[test]
    fn what_is_not_called_unused_was_granted_something_or_leaves_no_trace((holder, around, requests) in case()) {
        let (granted, unused) = looked_at(&holder, &around, &requests);
        let held = holder.held();
        prop_assert!(unused.iter().all(|permission| held.contains(permission)));
        for permission in without(&held, &unused).iter() {
            let reach = around.0.expand(&ScopeSet::from_iter([permission.clone()]));
            let used = granted.iter().any(|scope| scope.iter().any(|value| reach.covers(value)));
            prop_assert!(used || !is_told(&project(), permission), "{permission}");
        }
    }
}

#[test]
fn both_are_met_often_enough() {
    let mut runner = TestRunner::deterministic();
    let (mut some, mut none) = (0, 0);
    for _ in 0..1000 {
        let (holder, around, requests) = case().new_tree(&mut runner).unwrap().current();
        let (granted, unused) = looked_at(&holder, &around, &requests);
        some += usize::from(!granted.is_empty() && !unused.is_empty());
        none += usize::from(!granted.is_empty() && unused.is_empty());
    }
    assert!(some > 50 && none > 50, "{some} and {none} of 1000");
}

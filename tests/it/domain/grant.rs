//! Promise P1: whatever is granted is within the key.

use portcullis::domain::grant::{FOLLOW, MintRecord, audiences_of, feed_audience, may_follow};
use portcullis::domain::{KeyState, ScopeSet};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::arbitrary::{Holder, ISSUER, Request, holder, record, request, state, surroundings};

fn case() -> impl Strategy<Value = (MintRecordOf, Request)> {
    (holder(), surroundings(), state()).prop_flat_map(|(holder, around, state)| {
        let request = request(&holder);
        (Just(MintRecordOf { holder, around, state }), request)
    })
}

/// A record can be neither cloned nor compared; what it is made of can.
#[derive(Clone, Debug)]
struct MintRecordOf {
    holder: Holder,
    around: (portcullis::domain::Catalogue, Vec<portcullis::domain::Audience>),
    state: KeyState,
}

impl MintRecordOf {
    fn record(&self) -> MintRecord {
        let mut record = record(self.holder.clone(), self.around.clone());
        record.key.state = self.state;
        record
    }
}

fn config() -> Config {
    Config { cases: 1000, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_token_is_never_worth_more_than_its_key((of, request) in case()) {
        let record = of.record();
        let Ok(grant) = request.put_to(&record) else { return Ok(()) };
        let (claims, key) = (&grant.claims, &record.key);
        prop_assert_eq!(key.state, KeyState::Active);
        prop_assert!(key.details.allowlist.admits(request.address));

        let named = of.holder.held();
        let held = record.catalogue.expand(&named);
        prop_assert!(held.covers_all(&claims.scope), "{:?} beyond {:?}", claims.scope, held);
        prop_assert!(held.covers_all(&grant.scope));
        prop_assert_eq!(&claims.scope, &record.catalogue.expand(&grant.scope));
        for reserved in claims.scope.iter().filter(|scope| scope.is_reserved()) {
            prop_assert!(request.ask.scope.contains(reserved), "{reserved} was not named");
            prop_assert!(named.contains(reserved), "{reserved} is not held by name");
        }
        if !request.ask.scope.is_empty() {
            prop_assert_eq!(&grant.scope, &request.ask.scope);
        }

        let allowed = audiences_of(&record, ISSUER);
        let for_the_feed = claims.aud.contains(&feed_audience(ISSUER));
        prop_assert!(!for_the_feed || may_follow(&record) && claims.aud.iter().count() == 1);
        for audience in claims.aud.iter() {
            prop_assert!(for_the_feed || allowed.contains(audience));
            prop_assert!(request.ask.audiences.is_empty() || request.ask.audiences.contains(audience));
        }
        prop_assert!(claims.aud.iter().next().is_some());

        prop_assert_eq!(&claims.ips, &key.details.allowlist);
        let lived = claims.exp.secs() - claims.iat.secs();
        prop_assert_eq!(lived, i64::from(grant.lifetime.secs()));
        prop_assert_eq!(may_follow(&record), named.iter().any(|scope| scope.as_str() == FOLLOW));
        prop_assert!((1..=900).contains(&lived));
        prop_assert!(grant.lifetime <= key.details.lifetime());
        prop_assert!(request.ask.lifetime.is_none_or(|asked| grant.lifetime <= asked));
        prop_assert!(key.details.expires_at.is_none_or(|end| claims.exp <= end));
        prop_assert!(claims.iat <= request.now && request.now.millis() - claims.iat.millis() < 1000);

        prop_assert_eq!(claims.pos, record.position);
        prop_assert_eq!((&claims.client_id, &claims.prj), (&key.id, &key.project));
        prop_assert_eq!(&*claims.sub, key.id.as_str());
        prop_assert!(claims.anc.is_empty() && claims.org.is_none() && claims.sub_kind.is_none());
    }

    /// What is left out is the key's default, so whatever is named instead is no more than that;
    /// only reserved scopes are the other way round, which is why they must be named.
    #[test]
    fn no_parameter_widens((of, request) in case()) {
        let record = of.record();
        let Ok(with) = request.put_to(&record) else { return Ok(()) };
        let mut without = request.clone();
        without.ask.scope = ScopeSet::default();
        if let Ok(without) = without.put_to(&record) {
            let plain: ScopeSet = with.claims.scope.iter().filter(|s| !s.is_reserved()).cloned().collect();
            prop_assert!(without.claims.scope.covers_all(&plain));
            prop_assert!(without.claims.exp >= with.claims.exp);
        }
        let mut without = request;
        without.ask.lifetime = None;
        let without = without.put_to(&record).unwrap();
        prop_assert!(without.claims.exp >= with.claims.exp);
        prop_assert_eq!(without.claims.scope, with.claims.scope);
        prop_assert_eq!(without.claims.aud, with.claims.aud);
    }
}

/// Properties over what is never granted would hold of nothing.
#[test]
fn the_random_requests_are_granted_often_enough() {
    let mut runner = TestRunner::deterministic();
    let granted = (0..1000).filter(|_| {
        let (of, request) = case().new_tree(&mut runner).unwrap().current();
        request.put_to(&of.record()).is_ok()
    });
    let granted = granted.count();
    assert!((150..850).contains(&granted), "{granted} of 1000");
}

//! A raw key is worth what the token is worth that it gets by naming nothing: the model is the
//! exchange itself, and the judge of tokens.

use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::grant::{Ask, MintRecord, Moment, decide};
use portcullis::domain::raw_key::{RawUse, judge};
use portcullis::domain::{Audience, AuthMethod, Project, ScopeSet, TokenId};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;

use super::arbitrary::{AUDIENCES, ISSUER, address, holder, now, record, scopes, surroundings};

fn allowing(mut record: MintRecord) -> MintRecord {
    record.project = Arc::new(Project { raw_keys: true, ..(*record.project).clone() });
    record
}

proptest! {
    #![proptest_config(Config { cases: 2000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_raw_key_passes_where_its_token_would(
        holder in holder(),
        around in surroundings(),
        needed in scopes(),
        audience in select(&AUDIENCES[..]),
        address in address(),
        now in now(),
    ) {
        // A token of less than a second is none.
        let left = holder.details.expires_at.map(|end| end.since(now));
        prop_assume!(left.is_none_or(|left| left.is_zero() || left >= Duration::from_secs(1)));
        let record = allowing(record(holder, around));
        let audience: Audience = audience.parse().unwrap();
        let raw = RawUse {
            project: &record.project.id,
            scope: &needed,
            audiences: std::slice::from_ref(&audience),
            method: AuthMethod::Bearer,
            address,
            issuer: ISSUER,
            now,
        };
        let ask = Ask { audiences: vec![audience.clone()], ..Ask::default() };
        let moment = Moment { issuer: ISSUER, now, jti: TokenId::from_bytes([7; 16]) };
        let token = decide(&record, &ask, address, &moment);
        let token = token.ok().filter(|granted| granted.claims.scope.covers_all(&needed));
        let admitted = record.key.details.auth_methods.admits(AuthMethod::Bearer);
        let granted: Option<ScopeSet> = token.filter(|_| admitted).map(|granted| granted.claims.scope);
        prop_assert_eq!(judge(&record, &raw).ok(), granted);
    }
}

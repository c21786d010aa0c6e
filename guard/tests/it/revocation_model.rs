//! The list against a model of it: the rules of the design's section 2, read off a plain `Vec`.

use portcullis_guard::{
    Claims, Position, Refusal, Revocation, RevocationList, SigningKeyId, Target, Timestamp,
};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{claims, jti, read};

const PROJECTS: [&str; 2] = ["prj_a", "prj_b"];
const KEYS: [&str; 3] = ["k1", "k2", "k3"];
const KINDS: [&str; 2] = ["user", "device"];
const SUBJECTS: [&str; 2] = ["s1", "s2"];
const SIGNING_KEYS: [&str; 2] = ["es", "ed"];
/// Tokens 0 to 4 are of the first project, 5 to 9 of the second: a `jti` is one token's.
const TOKENS_EACH: u128 = 5;

fn position() -> impl Strategy<Value = u64> {
    0..8u64
}

fn target() -> impl Strategy<Value = Target> {
    let project = || (0..2usize).prop_map(|index| PROJECTS[index]);
    let (keys, kinds) = (prop::sample::select(&KEYS[..]), prop::sample::select(&KINDS[..]));
    let subjects = prop::sample::select(&SUBJECTS[..]);
    prop_oneof![
        1 => Just(Target::All),
        1 => project().prop_map(|id| Target::Project { project: read(id) }),
        4 => (project(), keys).prop_map(|(id, key)| Target::Key { project: read(id), key: read(key) }),
        3 => (project(), kinds, subjects).prop_map(|(id, kind, subject)| Target::Subject {
            project: read(id),
            kind: kind.into(),
            subject: subject.into(),
        }),
        2 => (0..2usize, 0..TOKENS_EACH).prop_map(|(index, number)| Target::Token {
            project: read(PROJECTS[index]),
            jti: read(&token_of(index, number)),
        }),
        1 => prop::sample::select(&SIGNING_KEYS[..1]).prop_map(|kid| Target::SigningKey { kid: read(kid) }),
    ]
}

fn token_of(project: usize, number: u128) -> String {
    jti(number + TOKENS_EACH * u128::from(project == 1))
}

fn revocation() -> impl Strategy<Value = Revocation> {
    let ends = prop_oneof![Just(None), (0..4000i64).prop_map(|secs| Some(Timestamp::from_secs(secs)))];
    (target(), position(), ends).prop_map(|(target, position, ends)| Revocation {
        target,
        position: Position::new(position),
        ends,
    })
}

/// A token number, the key that minted it, and its position.
fn link() -> impl Strategy<Value = (u128, &'static str, u64)> {
    (0..TOKENS_EACH, prop::sample::select(&KEYS[..]), position())
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let speaks_for =
        prop::option::of((prop::sample::select(&KINDS[..]), prop::sample::select(&SUBJECTS[..])));
    (0..2usize, link(), prop::collection::vec(link(), 0..=4), speaks_for).prop_map(
        |(project, own, chain, subject)| {
            let mut claims = claims();
            claims["prj"] = PROJECTS[project].into();
            claims["jti"] = token_of(project, own.0).into();
            claims["client_id"] = own.1.into();
            claims["pos"] = own.2.into();
            let ancestor =
                |(number, key, pos)| json!({ "jti": token_of(project, number), "key": key, "pos": pos });
            claims["anc"] = chain.into_iter().map(ancestor).collect();
            claims["sub"] = subject.map_or(own.1, |(_, name)| name).into();
            if let Some((kind, _)) = subject {
                claims["sub_kind"] = kind.into();
            }
            serde_json::from_value(claims).unwrap()
        },
    )
}

/// The rules again, one revocation at a time.
fn kills(revocation: &Revocation, kid: &SigningKeyId, claims: &Claims) -> Option<Refusal> {
    let below = |position: Position| position < revocation.position;
    let oldest = || claims.anc.iter().any(|link| below(link.pos)) || below(claims.pos);
    let dead = match &revocation.target {
        Target::SigningKey { kid: named } => return (named == kid).then_some(Refusal::SigningKeyRevoked),
        Target::All => oldest(),
        Target::Project { project } => *project == claims.prj && oldest(),
        Target::Subject { project, kind, subject } => {
            *project == claims.prj
                && claims.sub_kind.as_ref() == Some(kind)
                && *subject == claims.sub
                && oldest()
        }
        Target::Key { project, key } => {
            let own = *key == claims.client_id && below(claims.pos);
            *project == claims.prj
                && (own || claims.anc.iter().any(|link| link.key == *key && below(link.pos)))
        }
        Target::Token { jti, .. } => claims.jti == *jti || claims.anc.iter().any(|link| link.jti == *jti),
    };
    dead.then_some(Refusal::Revoked)
}

fn judged_by_model(revocations: &[Revocation], kid: &SigningKeyId, claims: &Claims) -> Result<(), Refusal> {
    let found: Vec<_> = revocations.iter().filter_map(|one| kills(one, kid, claims)).collect();
    match found.as_slice() {
        [] => Ok(()),
        found if found.contains(&Refusal::SigningKeyRevoked) => Err(Refusal::SigningKeyRevoked),
        _ => Err(Refusal::Revoked),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_list_judges_as_the_rules_say(
        revocations in prop::collection::vec(revocation(), 0..6),
        claims in prop::collection::vec(any_claims(), 8),
        now in 0..5000i64,
    ) {
        let list = RevocationList::new();
        for one in &revocations {
            list.apply(one, Timestamp::from_secs(now));
        }
        for claims in &claims {
            for kid in SIGNING_KEYS.map(read::<SigningKeyId>) {
                prop_assert_eq!(list.check(&kid, claims), judged_by_model(&revocations, &kid, claims));
            }
        }
    }

    #[test]
    fn order_and_repetition_of_the_feed_change_nothing(
        revocations in prop::collection::vec(revocation(), 0..6), claims in any_claims(),
    ) {
        let (once, shuffled) = (RevocationList::new(), RevocationList::new());
        let now = Timestamp::from_secs(0);
        for one in &revocations {
            once.apply(one, now);
        }
        for one in revocations.iter().rev().chain(&revocations) {
            shuffled.apply(one, now);
        }
        let kid = read("ed");
        prop_assert_eq!(once.check(&kid, &claims), shuffled.check(&kid, &claims));
    }
}

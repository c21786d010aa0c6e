//! The memory of verified tokens: it saves a signature and changes no verdict (threat S28).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use portcullis_guard::{
    Freshness, Gate, KeySet, Place, Position, Refusal, Required, Revocation, RevocationList, ScopeSet,
    Target, Timestamp, VerifiedClaims, VerifiedTokens, Verifier, Whose,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::*;

const OTHER_PROJECT: &str = "prj_other";

fn memory() -> VerifiedTokens {
    VerifiedTokens::new(&[7; 32], 1000)
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn verifier() -> Verifier {
    Court::new().verifier
}

fn check(tokens: &VerifiedTokens, token: &str, now: i64) -> Result<Arc<VerifiedClaims>, Refusal> {
    verifier().check_once(token, tokens, at(now))
}

/// Whether the second look at a token is served by memory.
fn is_hit(tokens: &VerifiedTokens, token: &str, first: i64, second: i64) -> bool {
    let (first, second) = (check(tokens, token, first).unwrap(), check(tokens, token, second).unwrap());
    Arc::ptr_eq(&first, &second)
}

#[test]
fn a_signature_counts_as_checked_for_a_minute_and_not_beyond_the_tokens_end() {
    let long = ES256.token(&claims());
    for (first, second, hit) in [(NOW, NOW, true), (NOW, NOW + 59, true), (NOW, NOW + 60, false)] {
        assert_eq!(is_hit(&memory(), &long, first, second), hit, "{}", second - first);
    }
    let short = ES256.token(&claims_with("exp", NOW + 10));
    assert!(is_hit(&memory(), &short, NOW, NOW + 9));
    assert!(!is_hit(&memory(), &short, NOW, NOW + 10));
    // Over already: it is not taken up.
    assert!(!is_hit(&memory(), &short, NOW + 10, NOW + 10));
    // A hit does not make it live longer.
    let tokens = memory();
    let first = check(&tokens, &long, NOW).unwrap();
    assert!(Arc::ptr_eq(&first, &check(&tokens, &long, NOW + 59).unwrap()));
    assert!(!Arc::ptr_eq(&first, &check(&tokens, &long, NOW + 60).unwrap()));
}

#[test]
fn a_clock_that_was_set_back_trusts_nothing_that_is_remembered() {
    let token = ES256.token(&claims());
    assert!(!is_hit(&memory(), &token, NOW, NOW - 1));
    assert!(!is_hit(&memory(), &token, NOW, NOW - 86_400));
}

#[test]
fn a_byte_changed_anywhere_is_another_token() {
    let tokens = memory();
    let token = EDDSA.token(&claims());
    check(&tokens, &token, NOW).unwrap();
    for place in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // Without a memory it is refused as well, for the same reason.
        let refused = check(&tokens, &changed, NOW).unwrap_err();
        assert_eq!(Some(refused), refusal(&changed), "{place}");
    }
    for changed in [format!("{token}="), format!(" {token}"), token[..token.len() - 1].to_owned()] {
        assert!(check(&tokens, &changed, NOW).is_err());
    }
    assert_eq!(check(&tokens, &"x".repeat(4097), NOW).unwrap_err(), Refusal::TooLong);
}

#[test]
fn what_is_refused_is_not_remembered() {
    let tokens = memory();
    let forged = {
        let token = ES256.token(&claims());
        let (signed, _) = token.rsplit_once('.').unwrap();
        format!("{signed}.{}", b64(ES256.signature("something else")))
    };
    for _ in 0..2 {
        assert_eq!(check(&tokens, &forged, NOW).unwrap_err(), Refusal::Signature);
    }
    assert!(format!("{tokens:?}").contains("remembered: 0"), "{tokens:?}");
}

#[test]
fn a_signing_key_that_is_gone_or_another_vouches_for_nothing_that_is_remembered() {
    let (tokens, token) = (memory(), ES256.token(&claims()));
    check(&tokens, &token, NOW).unwrap();
    let judged_with = |keys: KeySet| {
        let verifier = Verifier::new(ISSUER.into(), read(PROJECT), Arc::new(keys));
        verifier.check_once(&token, &tokens, at(NOW)).map(drop)
    };
    assert_eq!(judged_with(key_set(&[EDDSA.jwk()]).unwrap()), Err(Refusal::UnknownSigningKey));
    let another = Signer::es256("es");
    assert_eq!(judged_with(key_set(&[another.jwk()]).unwrap()), Err(Refusal::Signature));
    let mut of_another_kind = EDDSA.jwk();
    of_another_kind["kid"] = "es".into();
    assert_eq!(judged_with(key_set(&[of_another_kind]).unwrap()), Err(Refusal::Algorithm));
    assert_eq!(judged_with(key_set(&[EDDSA.jwk(), ES256.jwk()]).unwrap()), Ok(()), "read anew, the same key");
}

#[test]
fn an_algorithm_that_is_not_accepted_is_refused_whoever_has_checked_the_token_before() {
    let (tokens, token) = (memory(), ES256.token(&claims()));
    check(&tokens, &token, NOW).unwrap();
    let picky = verifier().only(&[Algorithm::EdDSA]);
    assert_eq!(picky.check_once(&token, &tokens, at(NOW)).unwrap_err(), Refusal::Algorithm);
}

type Change = fn(&mut Court);

fn kill(court: &Court, target: Target) {
    court.list.apply(&Revocation { target, position: Position::new(11), ends: None }, court.now);
}

#[test]
fn every_hit_is_judged_afresh() {
    let mut bound = claims_with("ips", vec!["192.0.2.0/24"]);
    bound["pos"] = 10.into();
    let (tokens, token) = (memory(), ES256.token(&bound));
    let judge = |court: &Court| {
        let audience = [read(court.audience)];
        let (scope, audience) = (&court.scope, Whose::OneOf(&audience));
        let required = Required { scope, audience, address: court.address, origin: court.origin };
        court.verifier.judge_remembering(&token, &required, &court.gate(), &tokens).map(drop)
    };
    let changes: [(Refusal, Change); 9] = [
        (Refusal::Audience, |court| court.audience = "https://other.example.com"),
        (Refusal::Scope, |court| court.scope = read("orders:write")),
        (Refusal::Address, |court| court.address = Place::From(Some(IpAddr::from([198, 51, 100, 1])))),
        (Refusal::Stale, |court| court.freshness = Freshness::Stale),
        (Refusal::Expired, |court| court.now = at(EXPIRES)),
        (Refusal::Project, |court| {
            court.verifier = Verifier::new(ISSUER.into(), read(OTHER_PROJECT), KEYS.clone());
        }),
        (Refusal::Issuer, |court| {
            court.verifier = Verifier::new("https://b.example".into(), read(PROJECT), KEYS.clone());
        }),
        (Refusal::Revoked, |court| {
            kill(court, Target::Key { project: read(PROJECT), key: read(KEY) });
        }),
        (Refusal::SigningKeyRevoked, |court| {
            kill(court, Target::SigningKey { kid: kid() });
        }),
    ];
    for (reason, change) in changes {
        let mut court = Court::new();
        assert_eq!(judge(&court), Ok(()));
        change(&mut court);
        assert_eq!(judge(&court), Err(reason));
        assert_eq!(judge(&Court::new()), Ok(()), "and no refusal is remembered");
    }
}

#[test]
fn no_more_is_remembered_than_was_allowed() {
    let tokens = VerifiedTokens::new(&[7; 32], 50);
    for number in 0..500 {
        check(&tokens, &EDDSA.token(&claims_with("jti", jti(number))), NOW).unwrap();
    }
    let shown = format!("{tokens:?}");
    let count: usize =
        shown.split("remembered: ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    assert!(count <= 50 && count > 0, "{shown}");
}

/// What one look at a token brings along.
#[derive(Clone, Debug)]
struct Look {
    token: usize,
    project: &'static str,
    keys: usize,
    only: Option<Algorithm>,
    scope: &'static str,
    audience: &'static str,
    address: [u8; 4],
    /// By how many seconds the clock has moved before.
    moved: i64,
    killed: Option<u64>,
}

fn look() -> impl Strategy<Value = Look> {
    let only = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Algorithm::ES256)),
        1 => Just(Some(Algorithm::EdDSA)),
    ];
    let moved = prop_oneof![4 => 0_i64..20, 2 => 20_i64..90, 1 => -50_i64..0];
    let usual = |usual: &'static str, other: &'static str| prop_oneof![5 => Just(usual), 1 => Just(other)];
    let who = (0..6_usize, usual(PROJECT, OTHER_PROJECT), prop_oneof![4 => Just(0_usize), 1 => 1..3_usize]);
    let what = (usual("orders:read", "orders:write"), usual(AUDIENCE, "https://other.example.com"));
    let from = prop_oneof![5 => Just([192, 0, 2, 7]), 1 => Just([198, 51, 100, 1])];
    let killed = prop::option::weighted(0.05, 0..20_u64);
    (who, only, what, from, moved, killed).prop_map(
        |((token, project, keys), only, (scope, audience), address, moved, killed)| Look {
            token,
            project,
            keys,
            only,
            scope,
            audience,
            address,
            moved,
            killed,
        },
    )
}

/// Tokens of each signer, of two projects, bound and short-lived, and one that nobody signed.
fn tokens() -> Vec<String> {
    let with = |changes: &[(&str, Value)]| {
        let mut claims = claims();
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        claims
    };
    let mut forged = ES256.token(&claims());
    forged.truncate(forged.len() - 8);
    vec![
        ES256.token(&claims()),
        EDDSA.token(&with(&[("jti", jti(2).into()), ("pos", 5.into())])),
        ES256.token(&with(&[("prj", OTHER_PROJECT.into()), ("jti", jti(3).into())])),
        EDDSA.token(&with(&[("ips", vec!["192.0.2.0/24"].into()), ("jti", jti(4).into())])),
        ES256.token(&with(&[("exp", (NOW + 100).into()), ("jti", jti(5).into())])),
        forged,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Whatever was looked at before, by whom, and when: with a memory and without, one verdict.
    #[test]
    fn the_verdict_is_the_same_with_a_memory_and_without(looks in prop::collection::vec(look(), 1..40)) {
        let (remembered, tokens, list) = (memory(), tokens(), RevocationList::new());
        let without_es256 = Arc::new(key_set(&[EDDSA.jwk()]).unwrap());
        let another = Arc::new(key_set(&[Signer::es256("es").jwk(), EDDSA.jwk()]).unwrap());
        let (key_sets, mut now) = ([KEYS.clone(), without_es256, another], NOW);
        for look in looks {
            now += look.moved;
            if let Some(position) = look.killed {
                let target = Target::Key { project: read(PROJECT), key: read(KEY) };
                list.apply(&Revocation { target, position: Position::new(position), ends: None }, at(now));
            }
            let mut verifier = Verifier::new(ISSUER.into(), read(look.project), key_sets[look.keys].clone());
            if let Some(only) = look.only {
                verifier = verifier.only(&[only]);
            }
            let (scope, audience): (ScopeSet, _) = (read(look.scope), [read(look.audience)]);
            let (audience, address) = (Whose::OneOf(&audience), Place::From(Some(look.address.into())));
            let required = Required { scope: &scope, audience, address, origin: None };
            let gate = Gate { list: &list, freshness: Freshness::Fresh, now: at(now) };
            let token = &tokens[look.token];
            let plain = verifier.judge(token, &required, &gate);
            let with = verifier.judge_remembering(token, &required, &gate, &remembered);
            match (plain, with) {
                (Ok(plain), Ok(with)) => {
                    prop_assert_eq!((plain.kid(), plain.claims()), (with.kid(), with.claims()));
                }
                (plain, with) => prop_assert_eq!(plain.map(drop), with.map(drop)),
            }
        }
    }
}

/// A leeway makes a token live longer for this judge; memory does not help it.
#[test]
fn within_a_leeway_a_token_that_is_over_is_checked_each_time() {
    let (tokens, token) = (memory(), ES256.token(&claims()));
    let lenient = verifier().with_leeway(Duration::from_secs(30));
    let first = lenient.check_once(&token, &tokens, at(EXPIRES + 1)).unwrap();
    let second = lenient.check_once(&token, &tokens, at(EXPIRES + 1)).unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
}

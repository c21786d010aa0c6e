//! What revokes what, at which position, along which chain (threats S24, S25).

use std::time::Instant;

use portcullis_guard::{Claims, Position, Refusal, Revocation, RevocationList, Target, Timestamp};
use serde_json::{Value, json};

use crate::support::*;

/// How many other revocations the first one must outlast.
const OTHERS: u128 = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };

const SUBJECT: &str = "customer-7";
const OTHER_KEY: &str = "pk_live_other";
const OLDEST_KEY: &str = "pk_live_oldest";

fn key(key: &str) -> Target {
    Target::Key { project: read(PROJECT), key: read(key) }
}

fn token(number: u128) -> Target {
    Target::Token { project: read(PROJECT), jti: read(&jti(number)) }
}

fn subject(kind: &str, subject: &str) -> Target {
    Target::Subject { project: read(PROJECT), kind: kind.into(), subject: subject.into() }
}

fn project(id: &str) -> Target {
    Target::Project { project: read(id) }
}

fn signing_key(id: &str) -> Target {
    Target::SigningKey { kid: read(id) }
}

fn at(position: u64, target: Target) -> Revocation {
    Revocation { target, position: Position::new(position), ends: Some(Timestamp::from_secs(NOW + 3600)) }
}

fn list(revocations: &[Revocation]) -> RevocationList {
    let list = RevocationList::new();
    for revocation in revocations {
        list.apply(revocation, Timestamp::from_secs(NOW));
    }
    list
}

fn typed(claims: Value) -> Claims {
    serde_json::from_value(claims).unwrap()
}

fn check(revocations: &[Revocation], claims: &Claims) -> Option<Refusal> {
    list(revocations).check(&kid(), claims).err()
}

/// Minted by [`KEY`] at position 10.
fn plain() -> Claims {
    typed(claims())
}

/// For a subject: minted at 10, exchanged from a token minted at 8, which was exchanged from one
/// that was minted at 4.
fn exchanged() -> Claims {
    let mut claims = claims();
    claims["sub"] = SUBJECT.into();
    claims["sub_kind"] = "user".into();
    claims["anc"] = json!([
        { "jti": jti(2), "key": OTHER_KEY, "pos": 8 },
        { "jti": jti(3), "key": OLDEST_KEY, "pos": 4 },
    ]);
    typed(claims)
}

const REVOKED: Option<Refusal> = Some(Refusal::Revoked);

#[test]
fn a_revocation_at_n_kills_below_n_and_spares_n() {
    for target in [key(KEY), project(PROJECT), Target::All] {
        for (position, expected) in [(0, None), (9, None), (10, None), (11, REVOKED), (u64::MAX, REVOKED)] {
            assert_eq!(
                check(&[at(position, target.clone())], &plain()),
                expected,
                "{target:?} at {position}"
            );
        }
    }
}

#[test]
fn a_token_or_signing_key_dies_whatever_its_position() {
    for position in [0, 1, 10, 11, u64::MAX] {
        assert_eq!(check(&[at(position, token(1))], &plain()), REVOKED);
        let refused = check(&[at(position, signing_key("es"))], &plain());
        assert_eq!(refused, Some(Refusal::SigningKeyRevoked));
    }
}

#[test]
fn what_names_somebody_else_kills_nobody() {
    let others = [
        key("pk_live_0123456789abcdeF"),
        key("pk_live_0123456789abcde"),
        Target::Key { project: read("prj_other"), key: read(KEY) },
        project("prj_other"),
        project("PRJ_0123456789abcdef"),
        subject("key", KEY),
        subject("", KEY),
        Target::Subject { project: read("prj_other"), kind: "user".into(), subject: SUBJECT.into() },
        subject("user", "customer-70"),
        subject("admin", SUBJECT),
        subject("", SUBJECT),
        subject("usercustomer", "-7"),
        token(4),
        signing_key("ed"),
        signing_key("ES"),
    ];
    let all: Vec<_> = others.iter().map(|target| at(u64::MAX, target.clone())).collect();
    for claims in [plain(), exchanged()] {
        for one in &all {
            assert_eq!(check(std::slice::from_ref(one), &claims), None, "{one:?}");
        }
        assert_eq!(check(&all, &claims), None);
    }
}

#[test]
fn a_keys_revocation_is_compared_with_the_link_that_names_it() {
    for (name, minted) in [(KEY, 10), (OTHER_KEY, 8), (OLDEST_KEY, 4)] {
        assert_eq!(check(&[at(minted, key(name))], &exchanged()), None, "{name} at {minted}");
        assert_eq!(check(&[at(minted + 1, key(name))], &exchanged()), REVOKED, "{name} at {minted} + 1");
    }
}

#[test]
fn a_key_that_stands_twice_in_a_chain_is_compared_with_each_link() {
    let mut claims = claims();
    claims["anc"] = json!([{ "jti": jti(2), "key": KEY, "pos": 6 }]);
    let twice = typed(claims);
    assert_eq!(check(&[at(6, key(KEY))], &twice), None);
    assert_eq!(check(&[at(7, key(KEY))], &twice), REVOKED);
}

#[test]
fn subject_project_and_all_are_compared_with_the_smallest_position_of_the_chain() {
    for target in [subject("user", SUBJECT), project(PROJECT), Target::All] {
        assert_eq!(check(&[at(4, target.clone())], &exchanged()), None, "{target:?}");
        assert_eq!(check(&[at(5, target.clone())], &exchanged()), REVOKED, "{target:?}");
    }
    // Wherever in the chain it stands.
    let mut younger = exchanged();
    younger.anc.reverse();
    assert_eq!(check(&[at(5, project(PROJECT))], &younger), REVOKED);
    younger.pos = Position::new(2);
    assert_eq!(check(&[at(3, project(PROJECT))], &younger), REVOKED);
    assert_eq!(check(&[at(2, project(PROJECT))], &younger), None);
}

#[test]
fn an_exchanged_token_dies_with_any_token_that_it_came_from() {
    for number in 1..=3 {
        assert_eq!(check(&[at(1, token(number))], &exchanged()), REVOKED, "{number}");
    }
    assert_eq!(check(&[at(1, token(2))], &plain()), None, "an ancestor's death is not that of others");
}

#[test]
fn all_combinations_of_revocations_kill_if_one_of_them_does() {
    let kinds =
        [Target::All, project(PROJECT), key(KEY), subject("user", SUBJECT), token(1), signing_key("es")];
    let kills = |index: usize, position: u64| match index {
        0 | 1 | 3 => position > 4,
        2 => position > 10,
        _ => true,
    };
    // Per kind: absent, at 3 (spares all links), at 7 (kills by the oldest link), at 11 (kills).
    let positions = [None, Some(3), Some(7), Some(11)];
    for combination in 0..4usize.pow(6) {
        let chosen =
            (0..6).filter_map(|i| positions[combination / 4usize.pow(i) % 4].map(|p| (i as usize, p)));
        let chosen: Vec<_> = chosen.collect();
        let revocations: Vec<_> = chosen.iter().map(|(i, p)| at(*p, kinds[*i].clone())).collect();
        let expected = match &chosen {
            chosen if chosen.iter().any(|(i, _)| *i == 5) => Some(Refusal::SigningKeyRevoked),
            chosen => chosen.iter().any(|(i, p)| kills(*i, *p)).then_some(Refusal::Revoked),
        };
        assert_eq!(check(&revocations, &exchanged()), expected, "{chosen:?}");
    }
}

#[test]
fn applied_twice_the_larger_position_stays_in_either_order() {
    for target in [key(KEY), project(PROJECT), Target::All] {
        for (first, second) in [(11, 3), (3, 11), (11, 11)] {
            let both = [at(first, target.clone()), at(second, target.clone())];
            assert_eq!(check(&both, &plain()), REVOKED, "{target:?}: {first}, {second}");
        }
    }
}

#[test]
fn an_entry_kills_while_it_is_here_whatever_the_clock_says() {
    for ends in [
        None,
        Some(Timestamp::from_secs(0)),
        Some(Timestamp::from_secs(NOW)),
        Some(Timestamp::from_millis(i64::MAX)),
    ] {
        for now in [0, NOW, NOW * 2].map(Timestamp::from_secs) {
            for target in [key(KEY), project(PROJECT), Target::All, token(1)] {
                let list = RevocationList::new();
                list.apply(&Revocation { target, position: Position::new(11), ends }, now);
                assert_eq!(list.check(&kid(), &plain()), Err(Refusal::Revoked), "{ends:?} {now}");
            }
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a figure for people; nothing is decided by it")]
fn the_first_revocation_outlasts_a_million_others() {
    let list = list(&[at(11, key(KEY)), at(12, token(1))]);
    let started = Instant::now();
    for number in 0..OTHERS {
        list.apply(&at(13, token(1000 + number)), Timestamp::from_secs(NOW));
    }
    let filled = started.elapsed();

    assert_eq!(list.check(&kid(), &plain()), Err(Refusal::Revoked));
    let mut claims = plain();
    claims.client_id = read("pk_live_fine");
    for number in (0..OTHERS).map(|number| 1000 + number).chain([1]) {
        claims.jti = read(&jti(number));
        assert_eq!(list.check(&kid(), &claims), Err(Refusal::Revoked), "{number}");
    }
    claims.jti = read(&jti(2));
    assert_eq!(list.check(&kid(), &claims), Ok(()));
    report(&format!("{OTHERS} revocations applied in {filled:?}, all found after {:?}", started.elapsed()));
}

#[expect(clippy::print_stderr, reason = "a figure for people; what is promised is asserted")]
fn report(figure: &str) {
    eprintln!("{figure}");
}

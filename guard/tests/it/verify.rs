//! The order of the steps, and what each refusal is called (design section 3, threats S15, S49).

use std::time::Duration;

use jsonwebtoken::Algorithm;
use portcullis_guard::{Class, Freshness, Place, Position, Refusal, Revocation, Target, Timestamp};
use serde_json::{Value, json};

use crate::support::*;

/// A token and a court, honest until faults are put in.
struct Trial {
    header: Value,
    claims: Value,
    signed: bool,
    tail: &'static str,
    court: Court,
}

impl Trial {
    fn new() -> Self {
        Self { header: ES256.header(), claims: claims(), signed: true, tail: "", court: Court::new() }
    }

    fn revoke(&self, target: Target) {
        let revocation = Revocation { target, position: Position::new(11), ends: None };
        self.court.list.apply(&revocation, self.court.now);
    }

    fn refusal(&self) -> Option<Refusal> {
        let mut token = ES256.sign(&self.header, &self.claims);
        if !self.signed {
            let (signed, _) = token.rsplit_once('.').unwrap();
            token = format!("{signed}.{}", b64(ES256.signature("something else")));
        }
        self.court.refusal(&(token + self.tail))
    }
}

type Fault = fn(&mut Trial);

/// One fault for each refusal, in the order in which they are judged.
const FAULTS: [(Refusal, Fault); 19] = [
    (Refusal::TooLong, |trial| trial.claims["pad"] = "x".repeat(4096).into()),
    (Refusal::Malformed, |trial| trial.tail = ".e30"),
    (Refusal::Type, |trial| trial.header["typ"] = "JWT".into()),
    (Refusal::Critical, |trial| trial.header["crit"] = json!(["exp"])),
    (Refusal::Algorithm, |trial| trial.header["alg"] = "HS256".into()),
    (Refusal::UnknownSigningKey, |trial| trial.header["kid"] = "nobody".into()),
    (Refusal::Signature, |trial| trial.signed = false),
    (Refusal::Claims, |trial| trial.claims["pos"] = Value::Null),
    (Refusal::Issuer, |trial| trial.claims["iss"] = "https://other.example.com".into()),
    (Refusal::Project, |trial| trial.claims["prj"] = "prj_other".into()),
    (Refusal::Audience, |trial| trial.court.audience = "https://other.example.com"),
    (Refusal::Expired, |trial| trial.claims["exp"] = NOW.into()),
    (Refusal::Stale, |trial| trial.court.freshness = Freshness::Stale),
    (Refusal::SigningKeyRevoked, |trial| trial.revoke(Target::SigningKey { kid: kid() })),
    (Refusal::Revoked, |trial| trial.revoke(Target::All)),
    (Refusal::Scope, |trial| trial.court.scope = read("orders:write")),
    (Refusal::Address, |trial| trial.claims["ips"] = json!(["198.51.100.0/24"])),
    (Refusal::Origin, |trial| trial.claims["org"] = json!(["https://shop.example.com"])),
    (Refusal::Proof, |trial| trial.claims["cnf"] = json!({ "jkt": "thumbprint" })),
];

#[test]
fn a_token_without_fault_passes_whatever_signed_it() {
    assert_eq!(Trial::new().refusal(), None);
    for signer in signers() {
        let verified = Court::new().judge(&signer.token(&claims())).unwrap();
        assert_eq!(verified.kid().as_str(), signer.kid);
        assert_eq!(serde_json::to_value(verified.claims()).unwrap(), claims());
    }
}

#[test]
fn each_fault_alone_is_refused_by_its_name() {
    for (refusal, fault) in FAULTS {
        let mut trial = Trial::new();
        fault(&mut trial);
        assert_eq!(trial.refusal(), Some(refusal));
    }
}

#[test]
fn of_two_faults_the_earlier_is_named() {
    for (index, (earlier, first)) in FAULTS.iter().enumerate() {
        for (later, second) in &FAULTS[index + 1..] {
            let mut trial = Trial::new();
            first(&mut trial);
            second(&mut trial);
            assert_eq!(trial.refusal(), Some(*earlier), "{earlier:?} and {later:?}");
        }
    }
}

#[test]
fn of_all_faults_from_one_on_that_one_is_named() {
    for (index, (earliest, _)) in FAULTS.iter().enumerate() {
        let mut trial = Trial::new();
        FAULTS[index..].iter().for_each(|(_, fault)| fault(&mut trial));
        assert_eq!(trial.refusal(), Some(*earliest));
    }
}

#[test]
fn only_a_missing_scope_is_insufficient_scope_and_each_reason_is_one_of_its_own() {
    for (refusal, _) in FAULTS {
        let expected = match refusal {
            Refusal::Scope => Class::InsufficientScope,
            Refusal::Address | Refusal::Origin => Class::Forbidden,
            Refusal::Stale => Class::Unknown,
            _ => Class::Invalid,
        };
        assert_eq!(refusal.class(), expected, "{refusal:?}");
    }
    let mut reasons: Vec<_> = FAULTS.iter().map(|(refusal, _)| refusal.reason()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), FAULTS.len());
    assert!(reasons.iter().all(|reason| reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
}

#[test]
fn another_type_of_token_is_no_access_token() {
    let wrong = [
        json!("JWT"),
        json!("jwt"),
        json!(""),
        json!("at"),
        json!("at+jwt "),
        json!(" at+jwt"),
        json!("at+jwt\0"),
        json!("xat+jwt"),
        json!("application/JWT"),
        json!("application/application/at+jwt"),
        json!("text/at+jwt"),
        json!("client-authentication+jwt"),
        json!("token-introspection+jwt"),
        json!("dpop+jwt"),
        json!("id_token+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!(null),
    ];
    for typ in wrong {
        let mut header = ES256.header();
        header["typ"] = typ.clone();
        assert_eq!(refusal(&ES256.sign(&header, &claims())), Some(Refusal::Type), "{typ}");
    }
    let untyped = json!({ "alg": "ES256", "kid": ES256.kid });
    assert_eq!(refusal(&ES256.sign(&untyped, &claims())), Some(Refusal::Type));
    // A media type has no case (RFC 7515 §4.1.9).
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        let header = json!({ "typ": typ, "alg": "ES256", "kid": ES256.kid });
        assert_eq!(refusal(&ES256.sign(&header, &claims())), None, "{typ}");
    }
}

#[test]
fn issuer_project_and_audience_must_be_the_same_text() {
    let variants = |text: &str| {
        let (upper, slash, space) = (text.to_uppercase(), format!("{text}/"), format!("{text} "));
        [upper, slash, space, text[..text.len() - 1].to_owned(), format!("{text}\0"), String::new()]
    };
    for wrong in variants(ISSUER) {
        assert_eq!(refusal(&ES256.token(&claims_with("iss", wrong))), Some(Refusal::Issuer));
    }
    for (name, text) in [("prj", PROJECT), ("aud", AUDIENCE)] {
        let other = if name == "prj" { Refusal::Project } else { Refusal::Audience };
        for wrong in variants(text) {
            let refused = refusal(&ES256.token(&claims_with(name, wrong.clone())));
            assert!([Some(other), Some(Refusal::Claims)].contains(&refused), "{name} {wrong:?}: {refused:?}");
        }
    }
}

#[test]
fn a_token_of_another_project_is_refused_though_all_else_agrees() {
    let token = ES256.token(&claims_with("prj", "prj_fedcba9876543210"));
    assert_eq!(refusal(&token), Some(Refusal::Project));
    assert_eq!(refusal(&ES256.token(&claims_with("prj", "portcullis"))), Some(Refusal::Project));
}

#[test]
fn one_audience_of_ours_among_several_is_enough() {
    let several = claims_with("aud", json!(["https://other.example.com", AUDIENCE]));
    assert_eq!(refusal(&ES256.token(&several)), None);
    let others = claims_with("aud", json!(["https://other.example.com", "https://third.example.com"]));
    assert_eq!(refusal(&ES256.token(&others)), Some(Refusal::Audience));
}

#[test]
fn a_token_ends_with_the_first_millisecond_of_its_exp() {
    let token = ES256.token(&claims());
    let at = |millis| Court { now: Timestamp::from_millis(EXPIRES * 1000 + millis), ..Court::new() };
    for (millis, expected) in [(-1, None), (0, Some(Refusal::Expired)), (1, Some(Refusal::Expired))] {
        assert_eq!(at(millis).refusal(&token), expected, "{millis} ms after exp");
    }
    assert_eq!(at(i64::from(u32::MAX)).refusal(&token), Some(Refusal::Expired));
}

#[test]
fn leeway_stretches_a_token_by_no_more_than_was_asked_for() {
    let token = ES256.token(&claims());
    let late = |millis| {
        let mut court = Court { now: Timestamp::from_millis(EXPIRES * 1000 + millis), ..Court::new() };
        court.verifier = court.verifier.with_leeway(Duration::from_secs(5));
        court.refusal(&token)
    };
    assert_eq!(late(4999), None);
    assert_eq!(late(5000), Some(Refusal::Expired));
}

#[test]
fn a_late_list_still_admits_and_a_stale_one_nobody() {
    let token = ES256.token(&claims());
    let with = |freshness| Court { freshness, ..Court::new() }.refusal(&token);
    assert_eq!(with(Freshness::Late), None);
    assert_eq!(with(Freshness::Stale), Some(Refusal::Stale));
    let of =
        |secs| Freshness::of(Duration::from_millis(secs), Duration::from_secs(5), Duration::from_secs(30));
    let table = [(0, Freshness::Fresh), (5000, Freshness::Fresh), (5001, Freshness::Late)];
    let border = [(30_000, Freshness::Late), (30_001, Freshness::Stale), (u64::MAX, Freshness::Stale)];
    for (age, expected) in table.into_iter().chain(border) {
        assert_eq!(of(age), expected, "{age} ms");
    }
}

#[test]
fn a_judge_told_to_accept_fewer_algorithms_refuses_the_others() {
    for only in signers() {
        let algorithm: Algorithm = only.algorithm().parse().unwrap();
        let mut court = Court::new();
        court.verifier = court.verifier.only(&[algorithm, Algorithm::HS256]);
        for signer in signers() {
            let expected = (signer.kid != only.kid).then_some(Refusal::Algorithm);
            assert_eq!(court.refusal(&signer.token(&claims())), expected);
        }
    }
    let mut court = Court::new();
    court.verifier = court.verifier.only(&[]);
    assert_eq!(court.refusal(&ES256.token(&claims())), Some(Refusal::Algorithm));
}

#[test]
fn what_was_verified_once_is_judged_afresh_each_time() {
    let mut court = Court { address: Place::NotJudged, ..Court::new() };
    let token = ES256.token(&claims());
    assert_eq!(court.refusal(&token), None);
    court.now = Timestamp::from_secs(EXPIRES);
    assert_eq!(court.refusal(&token), Some(Refusal::Expired));
}

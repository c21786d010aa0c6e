//! Administrators: whatever is granted, narrowed or handed on is within what there was.

use portcullis::domain::authority::{Authority, Reach, Right, covers};
use portcullis::domain::grant::{Ask, KeyPart, MintRecord, Moment, ProjectPart, decide};
use portcullis::domain::{
    Allowlist, ApiKey, Catalogue, KeyDetails, KeyState, OnLeak, Position, Project, ProjectId, ProjectKind,
    Scope, ScopeSet, SigningAlgorithm, Timestamp, TokenId, Worth,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;

use super::arbitrary::ISSUER;

const PROJECTS: [&str; 3] = ["prj_x", "prj_y", "portcullis"];
/// What looks like a right and is none, or is none of an administrator's.
const ODD: [&str; 8] = [
    "portcullis",
    "portcullis:*",
    "portcullis:keys:*",
    "portcullis:keys:write:more",
    "portcullis:project:prj_x",
    "portcullis:project:prj_x:*",
    "portcullis:project:prj_x:signing:write",
    "portcullis:introspect",
];

fn project() -> impl Strategy<Value = ProjectId> {
    select(&PROJECTS[..]).prop_map(|id| id.parse().unwrap())
}

fn right() -> impl Strategy<Value = Right> {
    select(&Right::ALL[..])
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        3 => right().prop_map(Right::everywhere),
        4 => (right(), project()).prop_map(|(right, project)| right.within(&project)),
        1 => select(&ODD[..]).prop_map(|raw| raw.parse().unwrap()),
    ]
}

fn scopes() -> impl Strategy<Value = ScopeSet> {
    vec(scope(), 0..5).prop_map(ScopeSet::from_iter)
}

fn authority(scope: &ScopeSet) -> Authority {
    Authority::OfToken { scope: scope.clone(), networks: Allowlist::default() }
}

/// Whether the one may do nothing that the other may not, anywhere.
fn is_within(one: &ScopeSet, other: &ScopeSet) -> bool {
    let (one, other) = (authority(one), authority(other));
    Right::ALL.into_iter().all(|right| match (one.reach(right), other.reach(right)) {
        (_, Reach::Everywhere) => true,
        (Reach::Everywhere, Reach::Within(_)) => false,
        (Reach::Within(one), Reach::Within(other)) => one.is_subset(&other),
    })
}

/// An administrator's key, and what a mint reads with it.
fn record(permissions: ScopeSet) -> MintRecord {
    let at = Timestamp::from_secs(0);
    let key = KeyPart {
        key: ApiKey {
            id: "pk_live_x".parse().unwrap(),
            project: ProjectId::administration(),
            state: KeyState::Active,
            details: KeyDetails { name: "admin".into(), permissions, ..KeyDetails::default() },
            created_at: at,
            changed: Position::new(3),
        },
        secrets: Vec::new(),
        role: ScopeSet::default(),
        project_changed: Position::new(2),
    };
    let project = Project {
        id: ProjectId::administration(),
        kind: ProjectKind::Live,
        name: "Administrators".into(),
        algorithm: SigningAlgorithm::default(),
        live_tokens: None,
        raw_keys: false,
        on_leak: OnLeak::default(),
        created_at: at,
        changed: Position::new(2),
    };
    MintRecord::of(key, ProjectPart::new(project, Catalogue::default(), Vec::new()), Position::new(17))
}

proptest! {
    #![proptest_config(Config { cases: 2000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn an_administrators_token_may_do_nothing_that_its_key_may_not(held in scopes(), asked in scopes()) {
        let moment = Moment { issuer: ISSUER, now: Timestamp::from_secs(1), jti: TokenId::from_bytes([7; 16]) };
        let ask = Ask { scope: asked.clone(), ..Ask::default() };
        match decide(&record(held.clone()), &ask, None, &moment) {
            Ok(grant) => {
                prop_assert!(is_within(&grant.claims.scope, &held), "{} from {held}", grant.claims.scope);
                let admin = format!("{ISSUER}/admin").parse().unwrap();
                prop_assert!(grant.claims.aud.contains(&admin));
            }
            // And nothing is refused that is within: a right can always be given up in part.
            Err(refusal) => prop_assert!(
                asked.is_empty() || asked.iter().any(|wanted| !covers(&held, wanted)), "{refusal}: {asked} from {held}"
            ),
        }
    }

    #[test]
    fn a_value_that_is_covered_gives_nothing_more(held in scopes(), wanted in scope()) {
        let alone = ScopeSet::from_iter([wanted.clone()]);
        if covers(&held, &wanted) {
            prop_assert!(is_within(&alone, &held), "{wanted} by {held}");
        } else {
            // What gives a right is not covered only because the right is beyond.
            let gives = Right::ALL.into_iter().any(|right| !authority(&alone).reach(right).is_nowhere());
            prop_assert!(!gives || !is_within(&alone, &held), "{wanted} by {held}");
        }
    }

    #[test]
    fn a_key_that_somebody_may_make_gives_them_nothing_that_they_had_not(maker in scopes(), made in scopes()) {
        let details = KeyDetails { permissions: made.clone(), ..KeyDetails::default() };
        let allowed = authority(&maker).check_reach(&Worth { details: &details, role: &ScopeSet::default() }, None).is_ok();
        prop_assert!(!allowed || is_within(&made, &maker), "{made} by {maker}");
        prop_assert_eq!(allowed, made.iter().all(|scope| covers(&maker, scope)));
    }

    #[test]
    fn a_project_is_within_reach_if_a_right_is_held_in_it_or_everywhere(
        held in scopes(), right in right(), project in project()
    ) {
        let authority = authority(&held);
        let named = covers(&held, &right.within(&project));
        let is_signing = matches!(right, Right::ReadSigning | Right::WriteSigning);
        let everywhere = authority.check(right, None).is_ok();
        prop_assert_eq!(everywhere, covers(&held, &right.everywhere()));
        let here = authority.check(right, Some(&project)).is_ok();
        if is_signing {
            prop_assert_eq!(here, everywhere, "signing keys are all projects'");
        } else {
            prop_assert_eq!(here, named);
        }
    }
}

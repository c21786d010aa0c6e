//! Random states and requests, from words few enough that they meet often.

use std::net::IpAddr;

use portcullis::domain::grant::{
    Ask, Grant, KeyPart, MintRecord, Moment, ProjectPart, Refusal, decide, feed_audience,
};
use portcullis::domain::{
    Allowlist, ApiKey, Audience, AuthMethod, AuthMethods, Catalogue, CatalogueScope, KeyDetails, KeyState,
    Lifetime, OnLeak, Position, Project, ProjectKind, Scope, ScopeSet, Timestamp, TokenId, Worth,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

pub(super) use crate::support::ISSUER;

/// The moment around which keys end.
pub(super) const NOW: i64 = 1_795_327_200_250;

const SCOPES: [&str; 16] = [
    "a", "b", "c", "*", "a*", "ab", "a:b", "a:c", "a:b:c", "a:b:d", "b:x", "a:*", "a:b:*", "b:*", "c:*",
    "b:x:*",
];
const RESERVED: [&str; 2] = ["portcullis:introspect", "portcullis:revocations"];
const NETWORKS: [&str; 9] = [
    "10.0.0.0/8",
    "10.0.0.0/9",
    "10.128.0.0/9",
    "192.0.2.0/24",
    "192.0.2.7",
    "0.0.0.0/0",
    "::/0",
    "2001:db8::/32",
    "2001:db8::/33",
];
const ADDRESSES: [&str; 7] = [
    "10.1.1.1",
    "10.200.0.1",
    "::ffff:10.200.0.1",
    "192.0.2.7",
    "198.51.100.1",
    "2001:db8::1",
    "2001:db8:8000::1",
];
pub(super) const AUDIENCES: [&str; 3] = ["https://a.example", "https://b.example", "urn:c"];

/// What a request brings with it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) ask: Ask,
    pub(super) address: Option<IpAddr>,
    pub(super) now: Timestamp,
    pub(super) method: AuthMethod,
}

impl Request {
    pub(super) fn put_to(&self, record: &MintRecord) -> Result<Grant, Refusal> {
        if !record.key.details.auth_methods.admits(self.method) {
            return Err(Refusal::Method);
        }
        let moment = Moment { issuer: ISSUER, now: self.now, jti: TokenId::from_bytes([7; 16]) };
        decide(record, &self.ask, self.address, &moment)
    }
}

fn parsed<T: std::str::FromStr>(raw: &str) -> T {
    raw.parse().ok().unwrap_or_else(|| panic!("a constant that does not parse: {raw}"))
}

fn default_audience() -> Audience {
    parsed(&format!("{ISSUER}/projects/prj_x"))
}

pub(super) fn scope() -> impl Strategy<Value = Scope> {
    select(&SCOPES[..]).prop_map(parsed)
}

pub(super) fn scopes() -> impl Strategy<Value = ScopeSet> {
    vec(scope(), 0..4).prop_map(ScopeSet::from_iter)
}

fn scopes_with_reserved() -> impl Strategy<Value = ScopeSet> {
    let reserved = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(&RESERVED[..], 1..=2)];
    (scopes(), reserved).prop_map(|(mut scopes, reserved)| {
        scopes.extend(reserved.into_iter().map(parsed));
        scopes
    })
}

/// With circles, wildcards and umbrellas; never what a project's catalogue could not hold.
pub(super) fn catalogue() -> impl Strategy<Value = Catalogue> {
    vec((scope(), entry()), 0..7).prop_map(|entries| {
        let fits = |(scope, entry): &(Scope, CatalogueScope)| entry.check(scope).is_ok();
        entries.into_iter().filter(fits).collect()
    })
}

pub(super) fn entry() -> impl Strategy<Value = CatalogueScope> {
    scopes().prop_map(|includes| CatalogueScope { description: String::new(), includes })
}

fn allowlist() -> impl Strategy<Value = Allowlist> {
    let some = subsequence(&NETWORKS[..], 1..5).prop_map(|networks| parsed(&networks.join(" ")));
    prop_oneof![1 => Just(Allowlist::default()), 2 => some]
}

fn lifetime() -> impl Strategy<Value = Option<Lifetime>> {
    option::of(prop_oneof![1_u32..4, 1_u32..=900].prop_map(|secs| Lifetime::from_secs(secs).unwrap()))
}

/// Never, or within a quarter of an hour around the request, to the millisecond.
fn expiry() -> impl Strategy<Value = Option<Timestamp>> {
    option::of((-2_000_i64..1_000_000).prop_map(|millis| Timestamp::from_millis(NOW + millis)))
}

/// The first is the default; one may be gone from the project, one is the project's own.
fn audiences() -> impl Strategy<Value = Vec<Audience>> {
    let all: Vec<Audience> = AUDIENCES.iter().map(|raw| parsed(raw)).chain([default_audience()]).collect();
    subsequence(all, 0..=4).prop_shuffle()
}

pub(super) fn details() -> impl Strategy<Value = KeyDetails> {
    let rest = (lifetime(), prop::bool::weighted(0.2), expiry());
    (scopes_with_reserved(), allowlist(), auth_methods(), audiences(), rest).prop_map(
        |(permissions, allowlist, auth_methods, audiences, (token_lifetime, require_scope, expires_at))| {
            KeyDetails {
                name: "key".to_owned(),
                permissions,
                role: None,
                allowlist,
                auth_methods,
                audiences,
                token_lifetime,
                require_scope,
                live_tokens: None,
                expires_at,
            }
        },
    )
}

/// A key: its details, and what its role permits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Holder {
    pub(super) details: KeyDetails,
    pub(super) role: ScopeSet,
}

impl Holder {
    pub(super) fn worth(&self) -> Worth<'_> {
        Worth { details: &self.details, role: &self.role }
    }

    /// What it may do, told without the code that is tested.
    pub(super) fn held(&self) -> ScopeSet {
        let mut held = self.details.permissions.clone();
        held.extend(self.role.iter().cloned());
        held
    }
}

pub(super) fn role() -> impl Strategy<Value = ScopeSet> {
    prop_oneof![2 => Just(ScopeSet::default()), 3 => scopes_with_reserved()]
}

pub(super) fn holder() -> impl Strategy<Value = Holder> {
    (details(), role()).prop_map(|(details, role)| Holder { details, role })
}

fn auth_methods() -> impl Strategy<Value = AuthMethods> {
    let some = subsequence(&AuthMethod::ALL[..], 1..=4).prop_map(AuthMethods::from_iter);
    prop_oneof![3 => Just(AuthMethods::default()), 1 => some]
}

/// Details, and what an edit made of them: each part stays more often than not, and about half of
/// the edits only add.
pub(super) fn edited() -> impl Strategy<Value = (Holder, Holder)> {
    (edited_details(), role(), role(), 0..6).prop_map(|((before, mut after), role, other, how)| {
        let before = Holder { details: before, role };
        let mut role = before.role.clone();
        match how {
            0 => role = other,
            1 => role.extend(other.iter().cloned()),
            // What was its own comes by the role, and the other way round: that changes no meaning.
            2 => {
                role = after.permissions.clone();
                after.permissions = before.role.clone();
            }
            _ => {}
        }
        (before, Holder { details: after, role })
    })
}

fn edited_details() -> impl Strategy<Value = (KeyDetails, KeyDetails)> {
    (details(), details(), vec(prop::bool::weighted(0.3), 7), any::<bool>()).prop_map(
        |(before, other, changes, adds)| {
            let other = if adds { joined(&before, other) } else { other };
            let mut after = before.clone();
            for (part, _) in changes.iter().enumerate().filter(|(_, changed)| **changed) {
                match part {
                    0 => after.permissions = other.permissions.clone(),
                    1 => after.allowlist = other.allowlist.clone(),
                    2 => after.audiences.clone_from(&other.audiences),
                    3 => after.token_lifetime = other.token_lifetime,
                    4 => after.require_scope = other.require_scope,
                    5 => after.auth_methods = other.auth_methods.clone(),
                    _ => after.expires_at = other.expires_at,
                }
            }
            (before, after)
        },
    )
}

/// What both have.
fn joined(one: &KeyDetails, mut other: KeyDetails) -> KeyDetails {
    other.permissions.extend(one.permissions.iter().cloned());
    let networks = one.allowlist.networks().iter().chain(other.allowlist.networks()).copied();
    other.allowlist = Allowlist::new(networks).unwrap();
    let more = other.audiences.into_iter().filter(|audience| !one.audiences.contains(audience));
    other.audiences = one.audiences.iter().cloned().chain(more).collect();
    let any = one.auth_methods.is_any() || other.auth_methods.is_any();
    let both = one.auth_methods.iter().chain(other.auth_methods.iter());
    other.auth_methods = both.filter(|_| !any).collect();
    KeyDetails {
        token_lifetime: one.token_lifetime.max(other.token_lifetime),
        require_scope: one.require_scope && other.require_scope,
        expires_at: one.expires_at.max(other.expires_at),
        ..other
    }
}

fn project_audiences() -> impl Strategy<Value = Vec<Audience>> {
    subsequence(&AUDIENCES[..], 0..=3).prop_map(|raw| raw.into_iter().map(parsed).collect())
}

pub(super) fn state() -> impl Strategy<Value = KeyState> {
    prop_oneof![6 => Just(KeyState::Active), 1 => Just(KeyState::Blocked), 1 => Just(KeyState::Deleted)]
}

/// What a key belongs to: the catalogue and the project's audiences.
pub(super) fn surroundings() -> impl Strategy<Value = (Catalogue, Vec<Audience>)> {
    (catalogue(), project_audiences())
}

pub(super) fn record(holder: Holder, (catalogue, audiences): (Catalogue, Vec<Audience>)) -> MintRecord {
    let Holder { details, role } = holder;
    let at = Timestamp::from_secs(0);
    let project = parsed::<portcullis::domain::ProjectId>("prj_x");
    let key = KeyPart {
        key: ApiKey {
            id: parsed("pk_live_x"),
            project: project.clone(),
            state: KeyState::Active,
            details,
            created_at: at,
            changed: Position::new(3),
        },
        secrets: Vec::new(),
        role,
        project_changed: Position::new(2),
    };
    let project = Project {
        id: project,
        kind: ProjectKind::Live,
        name: "project".to_owned(),
        algorithm: portcullis::domain::SigningAlgorithm::default(),
        live_tokens: None,
        raw_keys: false,
        on_leak: OnLeak::default(),
        created_at: at,
        changed: Position::new(2),
    };
    MintRecord::of(key, ProjectPart::new(project, catalogue, audiences), Position::new(17))
}

pub(super) fn address() -> impl Strategy<Value = Option<IpAddr>> {
    option::weighted(0.9, select(&ADDRESSES[..]).prop_map(parsed))
}

pub(super) fn now() -> impl Strategy<Value = Timestamp> {
    (NOW - 1_000..NOW + 1_000).prop_map(Timestamp::from_millis)
}

/// A request that names, more often than not, what the key may well have.
pub(super) fn request(holder: &Holder) -> impl Strategy<Value = Request> + use<> {
    let (details, held) = (&holder.details, holder.held());
    let ours = details.audiences.clone();
    let named = prop_oneof![3 => any::<Index>().prop_map(Ok), 2 => scopes_with_reserved().prop_map(Err)];
    let scope = option::of(named).prop_map(move |named| match named {
        Some(Ok(one)) if !held.is_empty() => {
            ScopeSet::from_iter(held.iter().nth(one.index(held.len())).cloned())
        }
        Some(Err(others)) => others,
        _ => ScopeSet::default(),
    });
    let audiences = prop_oneof![
        15 => Just(Vec::new()),
        10 => subsequence(ours.clone(), 0..=ours.len()),
        5 => audiences(),
        1 => Just(vec![feed_audience(ISSUER)]),
        1 => audiences().prop_map(|more| [vec![feed_audience(ISSUER)], more].concat()),
    ];
    let ask = (scope, audiences, lifetime()).prop_map(|(scope, audiences, lifetime)| Ask {
        scope,
        audiences,
        lifetime,
    });
    let registered: Vec<AuthMethod> =
        AuthMethod::ALL.into_iter().filter(|method| details.auth_methods.admits(*method)).collect();
    let method = prop_oneof![9 => select(registered), 1 => select(&AuthMethod::ALL[..])];
    (ask, address(), now(), method).prop_map(|(ask, address, now, method)| Request {
        ask,
        address,
        now,
        method,
    })
}

//! What the tests of the store put into it. Times are fixed; whatever must be unique, is.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis::domain::audit::{Act, Actor, AuditDraft};
use portcullis::domain::edit::{KeyChange, KeyEdit, ProjectChange, ProjectEdit};
use portcullis::domain::grant::MintRecord;
use portcullis::domain::signing_key::{SigningKeyTimes, SigningPurpose};
use portcullis::domain::{
    ApiKey, AuthMethod, Catalogue, CatalogueScope, Changed, FeedDraft, KeyDetails, KeyId, KeyState, Lifetime,
    LiveTokenLimits, OnLeak, Position, Project, ProjectId, ProjectKind, ScopeSet, SecretDigest,
    SigningAlgorithm, Tag, Target, Timestamp, TokenId,
};
use portcullis::store::{
    Founding, IssuedToken, NewKey, NewProject, SealedKey, StoredSigningKey, TokenRevocation,
};
use serde_json::json;

/// When everything happens.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// So many seconds later.
pub(crate) fn later(secs: u64) -> Timestamp {
    NOW.after(Duration::from_secs(secs))
}

/// A number that no other call gets.
fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Bytes that no other call gets.
fn unique_bytes<const N: usize>() -> [u8; N] {
    let number = unique().to_be_bytes();
    std::array::from_fn(|i| number[i % 8])
}

pub(crate) fn tag() -> Tag {
    Tag::from_bytes(unique_bytes())
}

/// The id of a token minted then.
pub(crate) fn jti_of(at: Timestamp) -> TokenId {
    TokenId::new(at, unique_bytes())
}

pub(crate) fn jti() -> TokenId {
    jti_of(NOW)
}

pub(crate) fn digest() -> SecretDigest {
    SecretDigest::from_bytes(unique_bytes())
}

/// The project of most tests.
pub(crate) fn shop() -> ProjectId {
    "prj_shop".parse().unwrap()
}

pub(crate) fn audit(act: Act, project: &ProjectId, target: &str) -> AuditDraft {
    AuditDraft {
        at: NOW,
        actor: Actor::Local(0),
        address: Some([192, 0, 2, 7].into()),
        act,
        project: Some(project.clone()),
        target: target.to_owned(),
        detail: json!({ "reason": "unspecified" }),
    }
}

pub(crate) fn project(id: ProjectId) -> Project {
    let kind = ProjectKind::Live;
    Project {
        id,
        kind,
        name: "Shop".into(),
        algorithm: SigningAlgorithm::default(),
        live_tokens: None,
        raw_keys: false,
        on_leak: OnLeak::default(),
        created_at: NOW,
        changed: Position::START,
    }
}

pub(crate) fn new_project(id: ProjectId) -> NewProject {
    NewProject {
        once: None,
        feed: FeedDraft::changed(Changed::Project { project: id.clone() }, tag()),
        audit: audit(Act::CreateProject, &id, id.as_str()),
        project: project(id),
    }
}

/// Details of which none is like its default.
pub(crate) fn details() -> KeyDetails {
    KeyDetails {
        name: "billing".into(),
        permissions: "campaign:* orders:read".parse().unwrap(),
        role: None,
        allowlist: "192.0.2.0/24 2001:db8::/32".parse().unwrap(),
        audiences: vec!["https://b.example".parse().unwrap(), "https://a.example".parse().unwrap()],
        token_lifetime: Lifetime::from_secs(300),
        require_scope: true,
        live_tokens: NonZeroU32::new(2000),
        auth_methods: [AuthMethod::Bearer, AuthMethod::ClientSecretPost].into_iter().collect(),
        expires_at: Some(later(86_400)),
    }
}

pub(crate) fn new_key(project: ProjectId) -> NewKey {
    let id: KeyId = format!("pk_live_{:016}", unique()).parse().unwrap();
    NewKey {
        once: None,
        digest: digest(),
        decided_on: None,
        feed: FeedDraft::changed(Changed::Key { project: project.clone(), key: id.clone() }, tag()),
        audit: audit(Act::CreateKey, &project, id.as_str()),
        key: ApiKey {
            id,
            project,
            state: KeyState::Active,
            details: details(),
            created_at: NOW,
            changed: Position::START,
        },
    }
}

/// The installation of all tests.
pub(crate) fn founding() -> Founding {
    let mut key = new_key(ProjectId::administration());
    key.audit.act = Act::Initialise;
    let sealed =
        |name: &str| SealedKey { name: name.to_owned(), sealed: vec![0, 159, 146, 150], created_at: NOW };
    Founding {
        issuer: "https://auth.example".into(),
        at: NOW,
        data_keys: vec![sealed("pepper"), sealed("check")],
        project: project(ProjectId::administration()),
        key,
        signing_keys: vec![StoredSigningKey {
            kid: "kid-1".parse().unwrap(),
            purpose: SigningPurpose::Tokens,
            algorithm: SigningAlgorithm::default(),
            sealed: vec![1, 2, 3],
            public: r#"{"kty":"EC"}"#.into(),
            times: SigningKeyTimes {
                announced_at: NOW,
                signs_from: later(600),
                retires_at: Some(later(700)),
                gone_at: None,
            },
        }],
    }
}

/// An edit of a key, decided on this record.
pub(crate) fn key_change(record: &MintRecord, edit: KeyEdit) -> KeyChange {
    let key = &record.key;
    KeyChange {
        once: None,
        key: key.id.clone(),
        expected_changed: key.changed,
        expected_project: record.project.changed,
        feed: edit.feed(record, tag()),
        audit: audit(edit.act(), &key.project, key.id.as_str()),
        edit,
    }
}

/// An edit of a project, decided on this state of it.
pub(crate) fn project_change(project: &Project, edit: ProjectEdit) -> ProjectChange {
    ProjectChange {
        feed: edit.feed(project, &Catalogue::default(), tag()),
        audit: audit(edit.act(), &project.id, project.id.as_str()),
        project: project.clone(),
        once: None,
        edit,
    }
}

/// Other details, without a role.
pub(crate) fn of_details(details: KeyDetails) -> KeyEdit {
    KeyEdit::Details { details, role: ScopeSet::default() }
}

pub(crate) fn set_scope(scope: &str, description: &str, includes: &str) -> ProjectEdit {
    let entry = CatalogueScope { description: description.into(), includes: includes.parse().unwrap() };
    ProjectEdit::SetScope(scope.parse().unwrap(), entry)
}

/// A token, decided on this record.
pub(crate) fn token(record: &MintRecord) -> IssuedToken {
    IssuedToken {
        jti: jti(),
        key: record.key.id.clone(),
        project: record.key.project.clone(),
        subject: "user \"1\" \u{1F511}".into(),
        scope: "orders:read".parse().unwrap(),
        audience: "https://a.example https://b.example".into(),
        address: Some("192.0.2.7".into()),
        issued_at: NOW,
        expires_at: later(900),
        parent: Some(jti()),
        position: record.position,
        limits: LiveTokenLimits { key: record.key.details.live_tokens, project: record.project.live_tokens },
    }
}

/// The revocation of one token of the project that expires in 900 s.
pub(crate) fn token_revocation(limit: u32) -> TokenRevocation {
    let target = Target::Token { project: shop(), jti: jti() };
    TokenRevocation {
        project: shop(),
        limit,
        feed: FeedDraft::revoke(target, Some(later(900)), tag()),
        audit: audit(Act::RevokeToken, &shop(), "a token"),
    }
}

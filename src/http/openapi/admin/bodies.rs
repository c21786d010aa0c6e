//! What operations take in their bodies.

use utoipa::openapi::schema::{AdditionalProperties, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::domain::webhook::{EVENTS, GROUPS, LONGEST_OVERLAP, WebhookState};
use crate::domain::{AuthMethod, OnLeak, ProjectKind, Reason, RoleName, ScopeSet, SigningAlgorithm};
use crate::http::openapi::schemas::Needed::{self, Always, Perhaps};
use crate::http::openapi::schemas::{list, nullable, open, text, word};

use super::schemas::{between, flag, of_at_most};

/// A body that an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Why,
    NewKey,
    KeyPatch,
    NewSecret,
    Regeneration,
    End,
    NewProject,
    ProjectPatch,
    Scope,
    NewRole,
    RolePatch,
    Rotation,
    NewWebhook,
    WebhookPatch,
    WebhookRotation,
}

type Member = (&'static str, RefOr<Schema>, Needed);

impl Takes {
    /// Whether a request without a body is one with an empty object.
    pub(super) fn may_be_absent(self) -> bool {
        !matches!(
            self,
            Self::NewKey
                | Self::KeyPatch
                | Self::NewProject
                | Self::ProjectPatch
                | Self::NewWebhook
                | Self::WebhookPatch
                | Self::NewRole
                | Self::RolePatch
        )
    }

    pub(super) fn schema(self) -> Option<RefOr<Schema>> {
        let members = match self {
            Self::Nothing => return None,
            Self::Why => why(),
            Self::NewKey => {
                let mut members = vec![("project", text(), Always), ("name", name(), Always)];
                members.extend(key());
                members
            }
            Self::KeyPatch => {
                let mut members = vec![("name", name(), Perhaps)];
                members.extend(key());
                members.extend(why());
                members
            }
            Self::NewSecret => [vec![("expires_at", end(), Perhaps)], why()].concat(),
            Self::Regeneration => [vec![("overlap_secs", span(), Perhaps)], why()].concat(),
            Self::End => [vec![("in_secs", span(), Perhaps)], why()].concat(),
            Self::NewProject => vec![
                ("name", name(), Always),
                (
                    "kind",
                    nullable(word(&[ProjectKind::Live, ProjectKind::Sandbox].map(ProjectKind::as_str))),
                    Perhaps,
                ),
                ("live_tokens", nullable(between(1, u32::MAX.into())), Perhaps),
            ],
            Self::ProjectPatch => vec![
                ("name", name(), Perhaps),
                ("algorithm", nullable(algorithm()), Perhaps),
                ("live_tokens", nullable(between(1, u32::MAX.into())), Perhaps),
                ("raw_keys", nullable(flag()), Perhaps),
                ("on_leak", nullable(on_leak()), Perhaps),
            ],
            Self::Scope => vec![
                ("description", nullable(of_at_most(1000)), Perhaps),
                ("includes", nullable(scopes()), Perhaps),
            ],
            Self::NewRole => [vec![("role", role_name(), Always)], role()].concat(),
            Self::RolePatch => [role(), why()].concat(),
            Self::Rotation => vec![
                ("algorithm", nullable(algorithm()), Perhaps),
                ("purpose", nullable(word(&["tokens", "feed"])), Perhaps),
            ],
            Self::NewWebhook => {
                [vec![("project", nullable(text()), Always), ("url", url(), Always)], webhook()].concat()
            }
            Self::WebhookPatch => [vec![("url", url(), Perhaps)], webhook()].concat(),
            Self::WebhookRotation => {
                vec![("overlap_secs", nullable(between(0, LONGEST_OVERLAP.as_secs())), Perhaps)]
            }
        };
        let object = open(members).additional_properties(Some(AdditionalProperties::FreeForm(false)));
        // Each of these is an act of its own.
        let object = if self == Self::ProjectPatch { object.min_properties(Some(1)) } else { object };
        Some(object.into())
    }
}

fn name() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(200)).into()
}

fn key() -> Vec<Member> {
    vec![
        ("permissions", nullable(scopes()), Perhaps),
        ("role", nullable(role_name()), Perhaps),
        ("allowlist", nullable(list(text())), Perhaps),
        ("auth_methods", nullable(list(word(&AuthMethod::ALL.map(AuthMethod::as_str)))), Perhaps),
        ("audiences", nullable(list(text())), Perhaps),
        ("token_lifetime", nullable(between(1, 900)), Perhaps),
        ("require_scope", nullable(flag()), Perhaps),
        ("live_tokens", nullable(between(1, u32::MAX.into())), Perhaps),
        ("expires_at", end(), Perhaps),
    ]
}

fn url() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(2048)).into()
}

fn webhook() -> Vec<Member> {
    let groups = GROUPS.map(|group| format!("{group}.*"));
    let events: Vec<&str> = EVENTS.into_iter().chain(groups.iter().map(String::as_str)).collect();
    vec![
        ("events", nullable(list(word(&events))), Perhaps),
        ("description", nullable(of_at_most(1000)), Perhaps),
        ("state", nullable(word(&WebhookState::ALL.map(WebhookState::as_str))), Perhaps),
    ]
}

fn role() -> Vec<Member> {
    vec![("description", nullable(of_at_most(1000)), Perhaps), ("permissions", nullable(scopes()), Perhaps)]
}

fn role_name() -> RefOr<Schema> {
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9][A-Za-z0-9._-]*$"));
    name.max_length(Some(RoleName::LONGEST)).into()
}

fn why() -> Vec<Member> {
    vec![
        ("reason", nullable(word(&Reason::ALL.map(Reason::as_str))), Perhaps),
        ("note", nullable(of_at_most(1000)), Perhaps),
    ]
}

fn scopes() -> RefOr<Schema> {
    let value = r"^[!#-9;-\[\]-~]+(:[!#-9;-\[\]-~]+)*$";
    let value = ObjectBuilder::new().schema_type(Type::String).pattern(Some(value)).max_length(Some(256));
    utoipa::openapi::schema::ArrayBuilder::new().items(value).max_items(Some(ScopeSet::MOST)).into()
}

pub(super) fn algorithm() -> RefOr<Schema> {
    word(&SigningAlgorithm::ALL.map(SigningAlgorithm::as_str))
}

pub(super) fn on_leak() -> RefOr<Schema> {
    word(&OnLeak::ALL.map(OnLeak::as_str))
}

/// A time that is ahead.
fn end() -> RefOr<Schema> {
    nullable(ObjectBuilder::new().schema_type(Type::Integer).into())
}

fn span() -> RefOr<Schema> {
    nullable(between(0, 3_155_760_000))
}

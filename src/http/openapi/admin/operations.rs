//! The list of operations: what each is for, needs, takes and answers.

use axum::http::StatusCode;
use utoipa::openapi::HttpMethod;

use crate::admin;
use crate::domain::authority::Right;

use super::bodies::Takes;

/// A good answer: its status, its shape, its headers.
type Good = (StatusCode, &'static str, &'static [&'static str]);

/// What needs a token.
pub(super) struct Guarded {
    pub(super) method: HttpMethod,
    pub(super) path: &'static str,
    pub(super) what: &'static str,
    /// None, if any right will do.
    pub(super) right: Option<Right>,
    pub(super) asks: &'static [Asks],
    pub(super) takes: Takes,
    pub(super) good: Good,
    /// In which media types, where that is not JSON.
    pub(super) speaks: &'static [&'static str],
    /// What may be against it beside the usual.
    pub(super) against: &'static [StatusCode],
}

/// A parameter of a query, or a header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// `limit`, and `cursor` or `after`.
    Part,
    Project,
    State,
    Flagged,
    Role,
    /// `unused_days`.
    Unused,
    NeverUsed,
    /// `expiring_days`.
    Expiring,
    /// `over_broad_days` and `log_until`.
    OverBroad,
    Text,
    Key,
    Subject,
    Address,
    /// `since` and `until`.
    Time,
    Revoked,
    Actor,
    Act,
    Target,
    Order,
    /// `If-Match`.
    Seen,
    /// `Idempotency-Key`.
    Name,
    /// `wait` and `timeout`.
    Wait,
    /// `state` of a delivery.
    Delivery,
    /// `after`, the number of a row.
    After,
    Format,
    /// `Last-Event-ID`.
    LastSeen,
}

const TAG: &[&str] = &["ETag"];
const MADE: &[&str] = &["ETag", "Location"];
const CONFLICT: &[StatusCode] = &[StatusCode::CONFLICT];
const MANY: &[StatusCode] = &[StatusCode::TOO_MANY_REQUESTS];
const FILE: &[&str] = &["Content-Disposition"];
const EDIT: &[StatusCode] = &[StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS];

fn of(method: HttpMethod, path: &'static str, what: &'static str, right: Right, good: Good) -> Guarded {
    let (asks, takes, against): (&[Asks], _, &[StatusCode]) = (&[], Takes::Nothing, &[]);
    Guarded { method, path, what, right: Some(right), asks, takes, good, speaks: &[], against }
}

fn get(path: &'static str, what: &'static str, right: Right, asks: &'static [Asks], good: Good) -> Guarded {
    Guarded { asks, ..of(HttpMethod::Get, path, what, right, good) }
}

fn post(path: &'static str, what: &'static str, right: Right, takes: Takes, good: Good) -> Guarded {
    Guarded { takes, against: CONFLICT, ..of(HttpMethod::Post, path, what, right, good) }
}

/// An edit of what somebody has seen.
fn edit(method: HttpMethod, path: &'static str, what: &'static str, right: Right, takes: Takes) -> Guarded {
    let (good, asks): (_, &[Asks]) = if path.contains("/keys/") {
        (ok("KeyActed", TAG), &[Asks::Seen, Asks::Wait])
    } else if path.contains("/webhooks/") {
        (ok("Webhook", TAG), &[Asks::Seen])
    } else if path.contains("/roles/") {
        (ok("RoleActed", TAG), &[Asks::Seen, Asks::Wait])
    } else {
        (ok("ProjectEdited", TAG), &[Asks::Seen])
    };
    Guarded { takes, asks, against: EDIT, ..of(method, path, what, right, good) }
}

const fn ok(schema: &'static str, headers: &'static [&'static str]) -> Good {
    (StatusCode::OK, schema, headers)
}

const fn made(schema: &'static str, headers: &'static [&'static str]) -> Good {
    (StatusCode::CREATED, schema, headers)
}

const fn accepted(schema: &'static str) -> Good {
    (StatusCode::ACCEPTED, schema, &[])
}

#[rustfmt::skip]
pub(super) fn operations() -> Vec<Guarded> {
    use Asks::{Act, Actor, Address, After, Delivery, Expiring, Flagged, Format, Key, LastSeen, Name, NeverUsed, Order, OverBroad, Part, Project, Revoked, Role, State, Subject, Target, Text, Time, Unused, Wait};
    use Right::{ReadAudit, ReadKeys, ReadProjects, ReadSigning, ReadWebhooks, RevokeTokens, WriteKeys, WriteProjects, WriteSigning, WriteWebhooks};
    use HttpMethod::{Delete, Patch, Put};

    vec![
        get("/admin/v1/keys", "API keys by id.", ReadKeys, &[Project, State, Role, Flagged, Text, Unused, NeverUsed, Expiring, Part], ok("Keys", &[])),
        get("/admin/v1/hygiene", "Keys of which there is something to say: unused, never used, expiring, over-broad.", ReadKeys, &[Project, Key, Unused, Expiring, OverBroad, Part], ok("Hygiene", &[])),
        Guarded { asks: &[Name], ..post("/admin/v1/keys", "Make an API key. Its secret is in this answer and nowhere else.", WriteKeys, Takes::NewKey, made("KeyMade", MADE)) },
        get("/admin/v1/keys/{key}", "An API key.", ReadKeys, &[], ok("KeyWhole", TAG)),
        edit(Patch, "/admin/v1/keys/{key}", "Change what is named of an API key.", WriteKeys, Takes::KeyPatch),
        Guarded { asks: &[Wait], ..post("/admin/v1/keys/{key}/block", "Stop a key and revoke its tokens, until it is unblocked.", WriteKeys, Takes::Why, ok("KeyActed", TAG)) },
        post("/admin/v1/keys/{key}/unblock", "Let a blocked key work again; revoked tokens stay dead.", WriteKeys, Takes::Why, ok("KeyActed", TAG)),
        post("/admin/v1/keys/{key}/clear-flags", "Clear what was reported of a key's secrets; the key stays as it is.", WriteKeys, Takes::Why, ok("FlagsCleared", &[])),
        Guarded { asks: &[Wait], ..post("/admin/v1/keys/{key}/delete", "Stop a key for ever and revoke its tokens.", WriteKeys, Takes::Why, ok("KeyActed", TAG)) },
        Guarded { asks: &[Wait], ..post("/admin/v1/keys/{key}/revoke-tokens", "Revoke a key's tokens; the key works on.", RevokeTokens, Takes::Why, ok("KeyActed", TAG)) },
        Guarded { asks: &[Name], ..post("/admin/v1/keys/{key}/regenerate", "Give a key a new secret in place of those that it has.", WriteKeys, Takes::Regeneration, ok("Regenerated", TAG)) },
        get("/admin/v1/keys/{key}/secrets", "A key's secrets by their public names.", ReadKeys, &[], ok("Secrets", TAG)),
        Guarded { asks: &[Name], ..post("/admin/v1/keys/{key}/secrets", "Give a key a further secret.", WriteKeys, Takes::NewSecret, made("SecretAdded", TAG)) },
        post("/admin/v1/keys/{key}/secrets/{secret}/expire", "End a secret; tokens live on.", WriteKeys, Takes::End, ok("SecretEnded", TAG)),
        get("/admin/v1/projects", "Projects by id.", ReadProjects, &[Text, Part], ok("Projects", &[])),
        Guarded { asks: &[Name], ..post("/admin/v1/projects", "Make a project.", WriteProjects, Takes::NewProject, made("ProjectWhole", MADE)) },
        get("/admin/v1/projects/{project}", "A project.", ReadProjects, &[], ok("ProjectWhole", TAG)),
        edit(Patch, "/admin/v1/projects/{project}", "Change what is named of a project, all of it or nothing.", WriteProjects, Takes::ProjectPatch),
        get("/admin/v1/projects/{project}/scopes", "The scope catalogue.", ReadProjects, &[], ok("Scopes", TAG)),
        edit(Put, "/admin/v1/projects/{project}/scopes/{scope}", "Define a scope, in place of what it was.", WriteProjects, Takes::Scope),
        edit(Delete, "/admin/v1/projects/{project}/scopes/{scope}", "Take a scope out of the catalogue.", WriteProjects, Takes::Nothing),
        get("/admin/v1/projects/{project}/roles", "A project's roles by name.", ReadKeys, &[Part], ok("Roles", &[])),
        Guarded { asks: &[Name], ..post("/admin/v1/projects/{project}/roles", "Make a role, which no key has yet.", WriteKeys, Takes::NewRole, made("Role", MADE)) },
        get("/admin/v1/projects/{project}/roles/{role}", "A role, and how many keys have it.", ReadKeys, &[], ok("RoleWhole", TAG)),
        edit(Patch, "/admin/v1/projects/{project}/roles/{role}", "Change what is named of a role, for every key that has it.", WriteKeys, Takes::RolePatch),
        post("/admin/v1/projects/{project}/roles/{role}/delete", "Delete a role that no key has.", WriteKeys, Takes::Why, ok("RoleActed", &[])),
        get("/admin/v1/projects/{project}/audiences", "A project's own audiences.", ReadProjects, &[], ok("Audiences", TAG)),
        Guarded { against: CONFLICT, ..of(Put, "/admin/v1/projects/{project}/audiences/{audience}", "Give a project an audience.", WriteProjects, ok("ProjectEdited", TAG)) },
        Guarded { against: CONFLICT, ..of(Delete, "/admin/v1/projects/{project}/audiences/{audience}", "Take an audience from a project; its tokens are revoked.", WriteProjects, ok("ProjectEdited", TAG)) },
        get("/admin/v1/tokens", "Issued tokens, the newest first.", ReadKeys, &[Project, Key, Subject, Address, Time, Part], ok("Tokens", &[])),
        get("/admin/v1/tokens/{token}", "An issued token.", ReadKeys, &[], ok("Token", &[])),
        Guarded { asks: &[Wait], against: EDIT, ..post("/admin/v1/tokens/{token}/revoke", "Revoke one token.", RevokeTokens, Takes::Why, ok("TokenRevoked", &[])) },
        get("/admin/v1/revocations", "Revocations that hold, the newest first.", ReadKeys, &[Project, Revoked, Part], ok("Revocations", &[])),
        get("/admin/v1/signing-keys", "The signing keys.", ReadSigning, &[], ok("SigningKeys", &[])),
        post("/admin/v1/signing-keys/rotate", "Announce a successor, which signs ten minutes later.", WriteSigning, Takes::Rotation, made("Rotated", &[])),
        post("/admin/v1/signing-keys/{kid}/retire", "The emergency: revoke all that a signing key signed.", WriteSigning, Takes::Why, ok("Rotated", &[])),
        get("/admin/v1/audit", "Who did what; the oldest first.", ReadAudit, &[Project, Actor, Act, Target, Time, Order, Part], ok("AuditEntries", &[])),
        get("/admin/v1/webhooks", "Webhooks by id.", ReadWebhooks, &[Project, Part], ok("Webhooks", &[])),
        Guarded { asks: &[Name], against: EDIT, ..post("/admin/v1/webhooks", "Make a webhook. Its signing secret is in this answer and nowhere else.", WriteWebhooks, Takes::NewWebhook, made("WebhookMade", MADE)) },
        get("/admin/v1/webhooks/{webhook}", "A webhook.", ReadWebhooks, &[], ok("Webhook", TAG)),
        edit(Patch, "/admin/v1/webhooks/{webhook}", "Change what is named of a webhook.", WriteWebhooks, Takes::WebhookPatch),
        Guarded { against: CONFLICT, ..of(Delete, "/admin/v1/webhooks/{webhook}", "Delete a webhook, and what was on its way to it.", WriteWebhooks, ok("WebhookActed", &[])) },
        post("/admin/v1/webhooks/{webhook}/rotate-secret", "Give a webhook a new signing secret; the old one signs beside it for a while.", WriteWebhooks, Takes::WebhookRotation, ok("WebhookRotated", TAG)),
        post("/admin/v1/webhooks/{webhook}/test", "Send a webhook an event that is none.", WriteWebhooks, Takes::Nothing, accepted("WebhookActed")),
        get("/admin/v1/webhooks/{webhook}/deliveries", "What was sent to a webhook and what is on its way, the newest first.", ReadWebhooks, &[Delivery, Part], ok("Deliveries", &[])),
        post("/admin/v1/webhooks/{webhook}/deliveries/{message}/redeliver", "Send a message again, under the id that it has.", WriteWebhooks, Takes::Nothing, accepted("WebhookActed")),
        Guarded { speaks: admin::AUDIT_MEDIA_TYPES, against: MANY, ..get("/admin/v1/audit/export", "The log as a file, with its head as the last line or record. What is cut off lacks it.", ReadAudit, &[Project, Actor, Act, Target, Time, After, Format], ok("File", FILE)) },
        Guarded { speaks: &["text/event-stream"], against: EDIT, ..get("/admin/v1/audit/follow", "Rows as they are written: an event `begin`, then `row` with the row as its data and its number as its id; something every five seconds, until the token ends.", ReadAudit, &[Project, Actor, Act, Target, Time, After, LastSeen], ok("Events", &[])) },
        Guarded { right: None, ..get("/admin/v1/nodes", "The running servers, and how far each follows. Any right will do.", ReadKeys, &[], ok("Nodes", &[])) }, ]
}

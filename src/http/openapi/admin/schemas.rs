//! The shapes of what administrators are answered.

use utoipa::openapi::schema::{AdditionalProperties, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};

use crate::admin;
use crate::domain::applied::Standing;
use crate::domain::hygiene::Finding;
use crate::domain::webhook::{Outcome, WebhookState};
use crate::http::openapi::schemas::Needed::{Always, Perhaps};
use crate::http::openapi::schemas::{list, nullable, open, text, whole, word};

use crate::store::DELIVERY_STATES;

use super::bodies::{algorithm, on_leak};

type Members = Vec<(&'static str, RefOr<Schema>)>;

/// The named shapes.
pub(super) fn all() -> Vec<(&'static str, RefOr<Schema>)> {
    let mut all = vec![("Problem", problem()), ("Alive", object(vec![("status", word(&["alive"]))]))];
    all.push((
        "Readiness",
        open(vec![("revocation_list", text(), Always), ("stopping", flag(), Perhaps)]).into(),
    ));
    all.push(("Document", ObjectBuilder::new().schema_type(Type::Object).into()));
    let pages = [
        ("Key", key()),
        ("KeyFound", [key(), life()].concat()),
        ("KeyHygiene", key_hygiene()),
        ("Secret", secret()),
        ("Flag", reported()),
        ("Project", project()),
        ("Scope", vec![("scope", text()), ("description", text()), ("includes", list(text()))]),
        ("Role", role()),
        ("Audience", vec![("audience", text())]),
        ("Token", token()),
        ("Revocation", revocation()),
        ("SigningKey", signing_key()),
        ("AuditEntry", audit_entry()),
        ("Node", node()),
        ("Webhook", webhook()),
        ("Delivery", delivery()),
    ];
    for (name, members) in pages {
        all.push((name, object(members)));
    }
    for (page, of) in PAGES {
        all.push((page, object(vec![("items", list(named(of))), ("next", nullable(text()))])));
    }
    all.extend([
        ("KeyWhole", object([key(), of_a_key_alone()].concat())),
        ("RoleWhole", object([role(), vec![("keys", whole())]].concat())),
        ("RoleActed", awaited(role_acted())),
        ("KeyMade", with_secret(key())),
        ("KeyActed", awaited(acted())),
        ("FlagsCleared", object(vec![("key_id", text()), ("project", text()), ("cleared", whole())])),
        ("Applied", applied()),
        ("NodeStanding", node_standing()),
        ("Regenerated", with_secret(acted())),
        ("SecretAdded", with_secret([acted(), named_secret()].concat())),
        ("SecretEnded", object([acted(), named_secret()].concat())),
        (
            "ProjectWhole",
            object([project(), vec![("default_audience", text()), ("audiences", list(text()))]].concat()),
        ),
        ("ProjectEdited", project_edited()),
        ("WebhookMade", with_secret(webhook())),
        ("WebhookRotated", with_secret(vec![("webhook", text()), ("old_ends_at", time()), ("seq", whole())])),
        ("WebhookActed", object(vec![("webhook", text()), ("seq", nullable(whole()))])),
        ("TokenRevoked", awaited(vec![("jti", text()), ("project", text()), ("position", whole())])),
        ("Rotated", object(vec![("retired", nullable(text())), ("new", nullable(named("SigningKey")))])),
    ]);
    all
}

const PAGES: [(&str, &str); 14] = [
    ("Keys", "KeyFound"),
    ("Hygiene", "KeyHygiene"),
    ("Secrets", "Secret"),
    ("Projects", "Project"),
    ("Scopes", "Scope"),
    ("Roles", "Role"),
    ("Audiences", "Audience"),
    ("Tokens", "Token"),
    ("Revocations", "Revocation"),
    ("SigningKeys", "SigningKey"),
    ("AuditEntries", "AuditEntry"),
    ("Nodes", "Node"),
    ("Webhooks", "Webhook"),
    ("Deliveries", "Delivery"),
];

fn named(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// An object of which every member is always there, and no other.
fn object(members: Members) -> RefOr<Schema> {
    let members = members.into_iter().map(|(name, schema)| (name, schema, Always)).collect();
    open(members).additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

/// What was made, and its secret, which an answer that is given again does not have.
fn with_secret(members: Members) -> RefOr<Schema> {
    let members = members.into_iter().map(|(name, schema)| (name, schema, Always));
    let object = open(members.chain([("secret", text(), Perhaps)]).collect());
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

/// What was done, and whom it has reached if that was waited for.
fn awaited(members: Members) -> RefOr<Schema> {
    let members = members.into_iter().map(|(name, schema)| (name, schema, Always));
    let object = open(members.chain([("applied", named("Applied"), Perhaps)]).collect());
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

fn applied() -> RefOr<Schema> {
    object(vec![("position", whole()), ("complete", flag()), ("nodes", list(named("NodeStanding")))])
}

fn node_standing() -> RefOr<Schema> {
    let standing = [Standing::Applied, Standing::Behind, Standing::Stale].map(Standing::as_str);
    object(vec![("node", text()), ("standing", word(&standing)), ("applied", whole()), ("seen_at", time())])
}

pub(super) fn between(least: u64, most: u64) -> RefOr<Schema> {
    let whole = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most));
    whole.into()
}

pub(super) fn flag() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Boolean).into()
}

pub(super) fn of_at_most(characters: usize) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(characters)).into()
}

fn time() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).description(Some("Unix seconds.")).into()
}

fn problem() -> RefOr<Schema> {
    let members = vec![
        ("type", text(), Always),
        ("title", text(), Always),
        ("status", between(400, 599), Always),
        ("code", word(&admin::problem_codes()), Always),
        ("detail", text(), Always),
        ("reason", text(), Perhaps),
        ("field", text(), Perhaps),
    ];
    open(members).additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

fn key() -> Members {
    vec![
        ("key_id", text()),
        ("project", text()),
        ("name", text()),
        ("state", word(&["active", "blocked", "deleted"])),
        ("permissions", list(text())),
        ("role", nullable(text())),
        ("allowlist", list(text())),
        ("auth_methods", list(text())),
        ("audiences", list(text())),
        ("token_lifetime", between(1, 900)),
        ("require_scope", flag()),
        ("live_tokens", nullable(whole())),
        ("created_at", time()),
        ("expires_at", nullable(time())),
        ("position", whole()),
        ("flags", list(named("Flag"))),
    ]
}

fn reported() -> Members {
    vec![
        ("secret_id", text()),
        ("reported_at", time()),
        ("source", nullable(text())),
        ("url", nullable(text())),
    ]
}

fn life() -> Members {
    vec![("last_used_at", nullable(time())), ("ends_at", nullable(time()))]
}

fn key_hygiene() -> Members {
    let mut members = vec![
        ("key_id", text()),
        ("project", text()),
        ("name", text()),
        ("state", word(&["active", "blocked"])),
        ("role", nullable(text())),
        ("findings", list(word(&Finding::ALL.map(Finding::as_str)))),
        ("unused_permissions", nullable(list(text()))),
        ("since", time()),
    ];
    members.extend(life());
    members
}

fn of_a_key_alone() -> Members {
    vec![("role_permissions", list(text())), ("secrets", list(named("Secret")))]
}

fn role() -> Members {
    vec![
        ("role", text()),
        ("project", text()),
        ("description", text()),
        ("permissions", list(text())),
        ("created_at", time()),
        ("position", whole()),
    ]
}

fn role_acted() -> Members {
    vec![("role", text()), ("project", text()), ("position", whole()), ("tokens_revoked", flag())]
}

fn secret() -> Members {
    vec![
        ("secret_id", text()),
        ("created_at", time()),
        ("expires_at", nullable(time())),
        ("last_used_at", nullable(time())),
        ("last_used_from", nullable(text())),
    ]
}

fn named_secret() -> Members {
    vec![("secret_id", text()), ("expires_at", nullable(time()))]
}

fn acted() -> Members {
    vec![("key_id", text()), ("project", text()), ("position", whole()), ("tokens_revoked", flag())]
}

fn project() -> Members {
    vec![
        ("project", text()),
        ("name", text()),
        ("kind", word(&["live", "sandbox"])),
        ("algorithm", algorithm()),
        ("live_tokens", nullable(whole())),
        ("raw_keys", flag()),
        ("on_leak", on_leak()),
        ("created_at", time()),
        ("position", whole()),
    ]
}

/// What was edited is among the members that may be there.
fn project_edited() -> RefOr<Schema> {
    let members = vec![
        ("project", text(), Always),
        ("position", whole(), Always),
        ("tokens_revoked", flag(), Always),
        ("name", text(), Perhaps),
        ("algorithm", algorithm(), Perhaps),
        ("live_tokens", nullable(whole()), Perhaps),
        ("raw_keys", flag(), Perhaps),
        ("on_leak", on_leak(), Perhaps),
        ("scope", text(), Perhaps),
        ("audience", text(), Perhaps),
    ];
    open(members).additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

fn token() -> Members {
    vec![
        ("jti", text()),
        ("key_id", text()),
        ("project", text()),
        ("sub", text()),
        ("scope", list(text())),
        ("aud", list(text())),
        ("address", nullable(text())),
        ("issued_at", time()),
        ("expires_at", time()),
        ("parent", nullable(text())),
    ]
}

fn revocation() -> Members {
    let mut members = vec![("position", whole()), ("revoke", word(&admin::REVOCATION_KINDS))];
    members
        .extend(["project", "key_id", "jti", "sub", "sub_kind", "kid"].map(|name| (name, nullable(text()))));
    members.push(("ends_at", nullable(time())));
    members
}

fn signing_key() -> Members {
    vec![
        ("kid", text()),
        ("purpose", word(&["tokens", "feed"])),
        ("algorithm", algorithm()),
        ("state", word(&["announced", "signing", "retiring", "gone"])),
        ("announced_at", time()),
        ("signs_from", time()),
        ("retires_at", nullable(time())),
        ("gone_at", nullable(time())),
    ]
}

fn audit_entry() -> Members {
    let mut members = vec![("seq", whole()), ("at", time()), ("at_ms", whole())];
    members.extend(["actor", "act", "target", "previous", "hash"].map(|name| (name, text())));
    members.extend(["address", "project"].map(|name| (name, nullable(text()))));
    members.push(("detail", ObjectBuilder::new().schema_type(Type::Object).into()));
    members
}

fn webhook() -> Members {
    vec![
        ("webhook", text()),
        ("project", nullable(text())),
        ("url", text()),
        ("events", list(text())),
        ("description", text()),
        ("state", word(&WebhookState::ALL.map(WebhookState::as_str))),
        ("failing_since", nullable(time())),
        ("created_at", time()),
        ("seq", whole()),
    ]
}

fn delivery() -> Members {
    vec![
        ("message", text()),
        ("event", text()),
        ("state", word(&DELIVERY_STATES)),
        ("attempts", whole()),
        ("created_at", time()),
        ("next_at", nullable(time())),
        ("tried_at", nullable(time())),
        ("outcome", nullable(word(&Outcome::WORDS))),
        ("status", nullable(between(100, 999))),
    ]
}

fn node() -> Members {
    let mut members = vec![("node", text()), ("started_at", time()), ("seen_at", time())];
    members.extend(["applied", "position", "age_ms"].map(|name| (name, whole())));
    members
}

//! The shapes of what is sent and answered. What comes from the code is taken from there.

use portcullis_guard::{Class, Refusal};
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::domain::RawKeyRefusal;
use crate::leaks;
use crate::oauth;
use crate::web::Refused;

type Member = (&'static str, RefOr<Schema>, Needed);

/// Whether a member is always there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    Always,
    Perhaps,
}

use Needed::{Always, Perhaps};

/// The named shapes of answers.
pub(super) fn all() -> Vec<(&'static str, RefOr<Schema>)> {
    vec![
        ("Token", token()),
        ("Introspection", any_of([inactive(), claims()])),
        ("Verified", claims()),
        ("Refused", refused()),
        ("Metadata", metadata()),
        ("KeySet", key_set()),
        ("Revocations", revocations()),
        ("Blocked", closed(vec![("key_id", text(), Always), ("state", word(&["blocked"]), Always)])),
        ("Received", closed(vec![("status", word(&[leaks::RECEIVED]), Always)])),
        ("Feedback", feedback()),
        ("Alive", closed(vec![("status", word(&["alive"]), Always)])),
        ("Ready", closed(list_of_revocations(&["fresh", "late"]))),
        ("NotReady", not_ready()),
    ]
}

pub(super) fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

/// Text that is not empty: empty is as if it were not there (RFC 6749 section 3.2).
pub(super) fn some_text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).into()
}

/// Scope values between spaces (RFC 6749 appendix A.4), no part between colons empty.
pub(super) fn scope() -> RefOr<Schema> {
    let part = r"[!#-9;-\[\]-~]+";
    let value = format!("{part}(:{part})*");
    let pattern = format!("^({value}( {value})*)?$");
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}

/// One of these words.
pub(super) fn word(words: &[&str]) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).into()
}

pub(super) fn list(items: RefOr<Schema>) -> RefOr<Schema> {
    ArrayBuilder::new().items(items).into()
}

/// A list that is neither empty nor longer than so many.
pub(super) fn some_of(items: RefOr<Schema>, most: usize) -> RefOr<Schema> {
    ArrayBuilder::new().items(items).min_items(Some(1)).max_items(Some(most)).into()
}

/// The same, or null, which is as if it were not there.
pub(super) fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    any_of([schema, ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)).into()])
}

pub(super) fn any_of(shapes: impl IntoIterator<Item = RefOr<Schema>>) -> RefOr<Schema> {
    shapes.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).into()
}

/// An object that may have other members too.
pub(super) fn open(members: Vec<Member>) -> ObjectBuilder {
    members.into_iter().fold(ObjectBuilder::new(), |object, (name, schema, needed)| {
        let object = object.property(name, schema);
        if needed == Always { object.required(name) } else { object }
    })
}

/// A refusal in the shape of RFC 6749 section 5.2, with one of these codes.
pub(super) fn refused_with(codes: &[&str]) -> RefOr<Schema> {
    closed(vec![("error", word(codes), Always), ("error_description", text(), Always)])
}

pub(super) fn closed(members: Vec<Member>) -> RefOr<Schema> {
    open(members).additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

pub(super) fn whole() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).into()
}

fn flag(value: bool) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([value])).into()
}

fn token() -> RefOr<Schema> {
    closed(vec![
        ("access_token", text(), Always),
        ("token_type", word(&["Bearer"]), Always),
        ("expires_in", whole(), Always),
        ("scope", text(), Always),
        ("client_id", text(), Always),
        ("expires_at", whole(), Always),
    ])
}

fn inactive() -> RefOr<Schema> {
    closed(vec![("active", flag(false), Always)])
}

/// A live token's claims (RFC 7662 section 2.2, RFC 9068 section 2.2).
fn claims() -> RefOr<Schema> {
    let mut members = vec![
        ("active", flag(true), Always),
        ("aud", any_of([text(), list(text())]), Always),
        ("token_type", word(&["Bearer"]), Perhaps),
    ];
    members.extend(["iss", "sub", "client_id", "jti", "scope", "prj"].map(|name| (name, text(), Always)));
    members.extend(["iat", "exp", "pos"].map(|name| (name, whole(), Always)));
    members.extend(["ips", "org"].map(|name| (name, list(text()), Perhaps)));
    open(members).into()
}

/// What the judge says against a token.
fn refused() -> RefOr<Schema> {
    let judged = Refusal::ALL.into_iter().filter(|refusal| refusal.class() != Class::Unknown);
    let mut reasons: Vec<_> = judged.map(Refusal::reason).collect();
    reasons.extend(RawKeyRefusal::ALL.map(RawKeyRefusal::reason));
    reasons.extend([Refused::ABSENT, Refused::INVALID_REQUEST]);
    reasons.sort_unstable();
    reasons.dedup();
    closed(vec![
        ("active", flag(false), Always),
        ("error", word(&["invalid_request", "invalid_token", "insufficient_scope"]), Always),
        ("error_description", text(), Always),
        ("reason", word(&reasons), Always),
    ])
}

fn metadata() -> RefOr<Schema> {
    let texts = || list(text());
    let mut object = open(vec![
        ("issuer", text(), Always),
        ("jwks_uri", text(), Always),
        ("portcullis_feed_endpoint", text(), Always),
        ("portcullis_feed_jwks_uri", text(), Always),
        ("grant_types_supported", list(word(&oauth::GRANT_TYPES)), Always),
        ("introspection_signing_alg_values_supported", texts(), Always),
        ("response_types_supported", texts(), Always),
    ]);
    for (name, _) in oauth::endpoints() {
        let (endpoint, methods) =
            (format!("{name}_endpoint"), format!("{name}_endpoint_auth_methods_supported"));
        object = object.property(&endpoint, text()).required(endpoint);
        object = object.property(&methods, texts()).required(methods);
    }
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

/// What scanners are told of what they have matched.
fn feedback() -> RefOr<Schema> {
    let hash = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{64}$")).into();
    list(closed(vec![
        ("token_hash", hash, Always),
        ("token_type", text(), Always),
        ("label", word(&["true_positive", "false_positive"]), Always),
    ]))
}

pub(super) fn nonce() -> RefOr<Schema> {
    let pattern = Some("^[A-Za-z0-9_-]{16,128}$");
    ObjectBuilder::new().schema_type(Type::String).pattern(pattern).into()
}

/// Entries of the feed.
fn revocations() -> RefOr<Schema> {
    let kinds = ["all", "project", "key", "subject", "token", "signing_key"];
    let mut members: Vec<Member> =
        vec![("position", whole(), Always), ("ends", whole(), Perhaps), ("revoke", word(&kinds), Always)];
    let names = ["project", "key", "kind", "subject", "jti", "kid"];
    members.extend(names.map(|name| (name, text(), Perhaps)));
    closed(vec![("entries", list(closed(members)), Always)])
}

/// Public keys alone (RFC 7517): a private member would break the shape.
fn key_set() -> RefOr<Schema> {
    let mut members: Vec<Member> = ["kid", "kty", "alg", "use"].map(|name| (name, text(), Always)).into();
    members.extend(["crv", "x", "y", "n", "e"].map(|name| (name, text(), Perhaps)));
    closed(vec![("keys", list(closed(members)), Always)])
}

fn not_ready() -> RefOr<Schema> {
    let mut members = list_of_revocations(&["fresh", "late", "stale"]);
    members.push(("stopping", flag(true), Perhaps));
    closed(members)
}

fn list_of_revocations(words: &[&str]) -> Vec<Member> {
    let age = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some("Milliseconds since the revocation list was read."));
    vec![("revocation_list", word(words), Always), ("age_ms", age.into(), Always)]
}

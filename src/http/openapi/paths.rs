//! The endpoints: what each takes and answers.

use axum::http::{HeaderName, StatusCode};
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, PathsBuilder};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, HttpMethod, ObjectBuilder, PathItem, Paths, RefOr, Required, Schema};

use super::answers::Answers;
use super::schemas::Needed::{Always, Perhaps};
use super::schemas::{
    any_of, closed, list, nonce, nullable, open, refused_with, scope, some_of, some_text, text, whole, word,
};
use crate::domain::Reason;
use crate::domain::leak::report::{MOST_SECRETS, MOST_SIGNED};
use crate::forward_auth;
use crate::leaks;
use crate::oauth::{self, error_codes};

pub(super) const NONE: [&str; 0] = [];

pub(super) fn all() -> Paths {
    let mut paths = PathsBuilder::new();
    for (path, method, operation) in operations() {
        // Every operation needs a name of its own.
        let id = path.trim_matches('/').replace(['/', '.', '-'], "_");
        paths = paths.path(path, PathItem::new(method, operation.operation_id(Some(id)).build()));
    }
    paths.path(forward_auth::PATH, super::forward_auth::item()).build()
}

fn operations() -> Vec<(&'static str, HttpMethod, OperationBuilder)> {
    let get = |path, operation| (path, HttpMethod::Get, operation);
    let post = |path, operation| (path, HttpMethod::Post, operation);
    let mut all = vec![
        post("/v1/oauth/token", token("A token, in Voucherify's shape.")),
        post(
            "/v1/oauth/introspect",
            introspect("Is this token worth anything? In Voucherify's shape.", "access_token"),
        ),
        post(
            "/v1/oauth/token/revoke",
            revoke("Take back a token, in Voucherify's shape.", "access_token", StatusCode::NO_CONTENT),
        ),
        get("/v1/auth/verify", verify()),
        get(oauth::METADATA_PATH, document("The server's metadata (RFC 8414).", "Metadata")),
        get(oauth::JWKS_PATH, document("The public signing keys (RFC 7517).", "KeySet")),
        get(oauth::FEED_PATH, feed()),
        get(oauth::FEED_JWKS_PATH, document("The public halves of the keys that sign the feed.", "KeySet")),
        post(oauth::BLOCK_PATH, block()),
        post(leaks::PATH, leaks()),
        post(leaks::SIGNED_PATH, signed_leaks()),
        get("/healthz", document("The process answers.", "Alive")),
        get("/readyz", ready()),
        get(super::PATH, describes_itself()),
    ];
    all.extend(oauth::endpoints().map(|(name, path)| {
        let operation = match name {
            "introspection" => introspect("Is this token worth anything? (RFC 7662, RFC 9701)", "token"),
            "revocation" => revoke("Take back a token of one's own (RFC 7009).", "token", StatusCode::OK),
            _ => token("A key becomes a narrowed token (RFC 6749 section 4.4)."),
        };
        post(path, operation)
    }));
    all
}

pub(super) fn operation(summary: &str, answers: Answers) -> OperationBuilder {
    OperationBuilder::new().summary(Some(summary)).responses(answers.build())
}

/// What is asked in a key's name: with credentials in the header, in two headers, or in the form.
fn by_key(summary: &str, answers: Answers, form: RequestBody) -> OperationBuilder {
    operation(summary, refusing_keys(answers)).request_body(Some(form)).securities(Some(
        // In the form: `client_id` and `client_secret`.
        in_headers().into_iter().chain([SecurityRequirement::default()]),
    ))
}

/// How a key is presented in headers.
fn in_headers() -> [SecurityRequirement; 3] {
    [
        SecurityRequirement::new("basic", NONE),
        SecurityRequirement::new("secret", NONE),
        SecurityRequirement::new("appId", NONE).add("appToken", NONE),
    ]
}

/// The refusals of whatever is asked in a key's name.
fn refusing_keys(answers: Answers) -> Answers {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    answers
        .refused(StatusCode::BAD_REQUEST, "The request is refused.", &error_codes(StatusCode::BAD_REQUEST))
        .refused(
            StatusCode::UNAUTHORIZED,
            "No key was authenticated.",
            &error_codes(StatusCode::UNAUTHORIZED),
        )
        .refused(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many of this kind.",
            &error_codes(StatusCode::TOO_MANY_REQUESTS),
        )
        .refused(unavailable, "It cannot be done, or not be known, now.", &error_codes(unavailable))
}

/// What guards follow. Only the answer at once is JSON: `Accept: text/event-stream` makes it a stream.
fn feed() -> OperationBuilder {
    let forbidden = StatusCode::FORBIDDEN;
    let why = "The key does not hold `portcullis:revocations`, or the token may not be used so.";
    let what = "The project's revocations beyond `since`; the header `Portcullis-Feed` is a signed statement about \
                them. With `Accept: text/event-stream` events whose data is statement and body, a line each.";
    let answers = Answers::new()
        .good(StatusCode::OK, what, "Revocations")
        .empty(StatusCode::NOT_MODIFIED, "The body is the one that the asker has; the statement is new.");
    // A key is refused as at the other endpoints, a token as at any protected resource.
    let either = |status| {
        any_of([utoipa::openapi::Ref::from_schema_name("Refused").into(), refused_with(&error_codes(status))])
    };
    let unauthorized = StatusCode::UNAUTHORIZED;
    let answers = refusing_keys(answers).with(forbidden, why, Some(either(forbidden))).with(
        unauthorized,
        "No key was authenticated, or the token is worth nothing.",
        Some(either(unauthorized)),
    );
    let parameter = |name, what: &str, schema| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
        parameter.description(Some(what)).schema(Some(schema))
    };
    let needed = parameter("nonce", "Drawn anew for each request; the statement repeats it.", nonce());
    operation("The feed of revocations, for guards.", answers)
        .parameter(parameter("since", "The position up to which the asker knows the feed.", whole()))
        .parameter(needed.required(Required::True))
        .parameter(parameter("wait", "Seconds to wait for news, at most 20.", whole()))
        .securities(Some(in_headers().into_iter().chain([SecurityRequirement::new("token", NONE)])))
}

fn form(members: Vec<(&'static str, RefOr<Schema>, super::schemas::Needed)>) -> RequestBody {
    let credentials = vec![("client_id", text(), Perhaps), ("client_secret", text(), Perhaps)];
    let schema = open(members.into_iter().chain(credentials).collect());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RequestBodyBuilder::new()
        .content("application/x-www-form-urlencoded", content)
        .required(Some(Required::True))
        .build()
}

fn token(summary: &str) -> OperationBuilder {
    let answers = Answers::new().good(StatusCode::OK, "A token.", "Token");
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).into();
    let names = || any_of([text(), list(text())]);
    let form = form(vec![
        ("grant_type", word(&oauth::GRANT_TYPES), Always),
        ("scope", scope(), Perhaps),
        ("resource", names(), Perhaps),
        ("audience", names(), Perhaps),
        ("expires_in", seconds, Perhaps),
    ]);
    by_key(summary, answers, form)
}

fn introspect(summary: &str, name: &'static str) -> OperationBuilder {
    let mut answers = Answers::new().good(StatusCode::OK, "What is known of the token.", "Introspection");
    if name == "token" {
        let what = "A JWT with the same in its claim `token_introspection` (RFC 9701 section 5).";
        answers = answers.or_as(oauth::SIGNED_MEDIA_TYPE, what);
    }
    let mut members: Vec<_> = ["token_type_hint", "client_ip"].map(|name| (name, text(), Perhaps)).into();
    members.push(("scope", scope(), Perhaps));
    members.push((name, some_text(), Always));
    by_key(summary, answers, form(members))
}

fn revoke(summary: &str, name: &'static str, done: StatusCode) -> OperationBuilder {
    let answers = Answers::new().empty(done, "The token is worth nothing any more.");
    by_key(summary, answers, form(vec![(name, some_text(), Always), ("token_type_hint", text(), Perhaps)]))
}

fn verify() -> OperationBuilder {
    let refused = || utoipa::openapi::Ref::from_schema_name("Refused").into();
    let malformed = any_of([refused(), refused_with(&["invalid_request"])]);
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let answers = Answers::new()
        .good(StatusCode::OK, "The token is good.", "Verified")
        .with(StatusCode::BAD_REQUEST, "The request cannot be read.", Some(malformed))
        .with(StatusCode::UNAUTHORIZED, "The token is worth nothing.", Some(refused()))
        .with(StatusCode::FORBIDDEN, "The token is too narrow, or not from here.", Some(refused()))
        .refused(unavailable, "It cannot be known now.", &error_codes(unavailable));
    let needed = ParameterBuilder::new()
        .name("scope")
        .parameter_in(ParameterIn::Query)
        .description(Some("The scope values that are needed, separated by spaces."))
        .schema(Some(scope()));
    operation("What the judge says of the token in the request (RFC 6750).", answers)
        .parameter(needed)
        .security(SecurityRequirement::new("token", NONE))
}

/// Whoever holds a key blocks it.
fn block() -> OperationBuilder {
    let answers =
        Answers::new().good(StatusCode::OK, "The key is blocked, and its tokens are revoked.", "Blocked");
    // Empty is as if it were not there (RFC 6749 section 3.2).
    let reasons: Vec<&str> = [""].into_iter().chain(Reason::ALL.map(Reason::as_str)).collect();
    let mut form = form(vec![("reason", word(&reasons), Perhaps)]);
    form.required = Some(Required::False);
    by_key("Block the key whose secret this is, from anywhere.", answers, form)
}

/// The refusals of reports.
fn refusing_reports(answers: Answers) -> Answers {
    let (many, unavailable) = (StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE);
    answers.refused(many, "Too many reports from there.", &leaks::error_codes(many)).refused(
        unavailable,
        "It cannot be done now.",
        &leaks::error_codes(unavailable),
    )
}

fn json(schema: RefOr<Schema>) -> RequestBody {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build()
}

/// Strangers' reports.
fn leaks() -> OperationBuilder {
    let what = "It was read. What became of it is not told.";
    let answers = refusing_reports(Answers::new().good(StatusCode::ACCEPTED, what, "Received"));
    let report = closed(vec![
        ("secrets", some_of(text(), MOST_SECRETS), Always),
        ("source", nullable(text()), Perhaps),
        ("url", nullable(text()), Perhaps),
    ]);
    operation("Report leaked secrets; each is its own proof.", answers).request_body(Some(json(report)))
}

/// Reports of scanners.
fn signed_leaks() -> OperationBuilder {
    let forbidden = StatusCode::FORBIDDEN;
    let answers = Answers::new()
        .good(StatusCode::OK, "Which of them are secrets, or were.", "Feedback")
        .refused(forbidden, "It is not signed by a key that is known.", &leaks::error_codes(forbidden));
    let header = |name: &HeaderName, what: &str| {
        ParameterBuilder::new()
            .name(name.as_str())
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(what))
            .schema(Some(some_text()))
    };
    let report = open(vec![
        ("token", text(), Always),
        ("type", text(), Always),
        ("url", nullable(text()), Perhaps),
        ("source", nullable(text()), Perhaps),
    ]);
    operation("Report leaked secrets in the format of GitHub's secret scanning.", refusing_reports(answers))
        .parameter(header(&leaks::IDENTIFIER, "The id of a key that the operator has named."))
        .parameter(header(&leaks::SIGNATURE, "ECDSA P-256 SHA-256 over the body, DER in Base64."))
        .request_body(Some(json(some_of(report.into(), MOST_SIGNED))))
}

fn document(what: &str, schema: &str) -> OperationBuilder {
    operation(what, Answers::new().good(StatusCode::OK, what, schema))
}

fn ready() -> OperationBuilder {
    let answers = Answers::new()
        .good(StatusCode::OK, "The revocation list is fresh enough to admit anybody.", "Ready")
        .good(
            StatusCode::SERVICE_UNAVAILABLE,
            "It is too old: nobody is admitted. Or the server is stopping.",
            "NotReady",
        );
    operation("Whether anybody can be admitted.", answers)
}

fn describes_itself() -> OperationBuilder {
    let any = ObjectBuilder::new().schema_type(Type::Object).into();
    operation("This document.", Answers::new().with(StatusCode::OK, "This document.", Some(any)))
}

//! The operations: what each needs, takes and answers.

use axum::http::StatusCode;
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, HttpMethod, ObjectBuilder, PathItem, Paths, RefOr, Required, Schema};

use crate::admin;
use crate::domain::RoleName;
use crate::domain::hygiene::MOST_DAYS;
use crate::http::openapi::schemas::{text, whole, word};
use crate::store::DELIVERY_STATES;

use super::answers::Answers;
use super::bodies::Takes;
use super::operations::{Asks, Guarded, operations};
use super::schemas::between;

pub(super) fn all() -> Paths {
    let mut paths = PathsBuilder::new();
    for each in operations() {
        let item = PathItem::new(each.method.clone(), each.build());
        paths = paths.path(each.path, item);
    }
    let open = |what: &str, answers: Answers, id: &str| {
        let operation = OperationBuilder::new().summary(Some(what)).operation_id(Some(id));
        PathItem::new(HttpMethod::Get, operation.responses(answers.build()).build())
    };
    let unready = StatusCode::SERVICE_UNAVAILABLE;
    let ready = Answers::new().good(StatusCode::OK, "Readiness", &[]).good(unready, "Readiness", &[]);
    let alive = Answers::new().good(StatusCode::OK, "Alive", &[]);
    let document = Answers::new().good(StatusCode::OK, "Document", &[]);
    paths
        .path("/healthz", open("The process answers.", alive, "healthz"))
        .path("/readyz", open("Whether anybody can be admitted.", ready, "readyz"))
        .path("/metrics", open("What happens, in figures (Prometheus).", Answers::new().figures(), "metrics"))
        .path("/openapi.json", open("This document.", document, "openapi"))
        .build()
}

impl Guarded {
    fn build(&self) -> Operation {
        let verb = match self.method {
            HttpMethod::Post => "post",
            HttpMethod::Put => "put",
            HttpMethod::Patch => "patch",
            HttpMethod::Delete => "delete",
            _ => "get",
        };
        let id = self.path.trim_start_matches("/admin/v1/").replace(['/', '-'], "_").replace(['{', '}'], "");
        let scopes: Vec<String> = self.right.iter().map(|right| right.everywhere().to_string()).collect();
        let mut operation = OperationBuilder::new()
            .summary(Some(self.what))
            .operation_id(Some(format!("{verb}_{id}")))
            .security(SecurityRequirement::new("token", scopes))
            .responses(self.answers().build());
        for name in self.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
        {
            operation = operation.parameter(parameter(name, ParameterIn::Path, text()));
        }
        for asked in self.asks.iter().flat_map(|asks| asks.parameters()) {
            operation = operation.parameter(asked);
        }
        operation.request_body(self.body()).build()
    }

    fn body(&self) -> Option<RequestBody> {
        let schema = self.takes.schema()?;
        let content = || ContentBuilder::new().schema(Some(schema.clone())).build();
        let required = if self.takes.may_be_absent() { Required::False } else { Required::True };
        let mut body = RequestBodyBuilder::new().content("application/json", content());
        if self.method == HttpMethod::Patch {
            body = body.content("application/merge-patch+json", content());
        }
        Some(body.required(Some(required)).build())
    }

    fn answers(&self) -> Answers {
        let (status, schema, headers) = self.good;
        let answers = Answers::to_a_token();
        let mut answers = match self.speaks {
            [] => answers.good(status, schema, headers),
            speaks => answers.good_in(status, speaks, headers),
        };
        if self.asks.contains(&Asks::Name) {
            answers = answers.replayed(status);
        }
        let names_some = matches!(self.takes, Takes::NewKey | Takes::NewWebhook);
        if self.path.contains('{') || names_some || self.path == "/admin/v1/keys" {
            answers = answers
                .problem(StatusCode::NOT_FOUND, "There is no such thing, as far as the token reaches.");
        }
        for against in self.against {
            let what = match *against {
                StatusCode::CONFLICT => "It cannot be done as things are.",
                _ => "A limit is reached.",
            };
            answers = answers.problem(*against, what);
        }
        if self.asks.contains(&Asks::Seen) {
            answers = answers
                .problem(StatusCode::PRECONDITION_FAILED, "It was changed since.")
                .problem(StatusCode::PRECONDITION_REQUIRED, "If-Match is missing.");
        }
        if self.takes != Takes::Nothing || self.method == HttpMethod::Put {
            answers = answers
                .problem(StatusCode::PAYLOAD_TOO_LARGE, "The body is too long.")
                .problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is of another type.")
                .problem(StatusCode::UNPROCESSABLE_ENTITY, "A value cannot be.");
        }
        answers
    }
}

impl Asks {
    fn parameters(self) -> Vec<Parameter> {
        let query = |name, schema| parameter(name, ParameterIn::Query, schema);
        match self {
            Self::Part => {
                vec![query("limit", between(1, 1000)), query("cursor", some(512)), query("after", some(512))]
            }
            Self::Project => vec![query("project", some(64))],
            Self::State => vec![query("state", word(&["active", "blocked", "deleted"]))],
            Self::Role => vec![query("role", some(RoleName::LONGEST))],
            Self::Unused => vec![query("unused_days", between(1, MOST_DAYS.into()))],
            Self::NeverUsed => vec![query("never_used", word(&["true"]))],
            Self::Expiring => vec![query("expiring_days", between(1, MOST_DAYS.into()))],
            Self::OverBroad => {
                vec![query("over_broad_days", between(1, MOST_DAYS.into())), query("log_until", whole())]
            }
            Self::Delivery => vec![query("state", word(&DELIVERY_STATES))],
            Self::Text => vec![query("q", some(512))],
            Self::Key => vec![query("key", some(128))],
            Self::Subject => vec![query("sub", some(512))],
            Self::Address => vec![query("address", some(45))],
            Self::Time => vec![query("since", whole()), query("until", whole())],
            Self::Revoked => vec![query("revoke", word(&admin::REVOCATION_KINDS))],
            Self::Actor => vec![query("actor", some(512))],
            Self::Act => vec![query("act", some(512))],
            Self::Target => vec![query("target", some(512))],
            Self::Order => vec![query("order", word(&admin::AUDIT_ORDERS))],
            Self::Wait => vec![
                query("wait", word(&[admin::WAIT_WORD])),
                query("timeout", between(1, admin::LONGEST_WAIT.into())),
            ],
            Self::After => vec![query("after", whole())],
            Self::Format => vec![query("format", word(&admin::AUDIT_FORMATS))],
            Self::LastSeen => vec![parameter("Last-Event-ID", ParameterIn::Header, whole())],
            Self::Name => vec![parameter("Idempotency-Key", ParameterIn::Header, some(255))],
            Self::Seen => vec![parameter("If-Match", ParameterIn::Header, text())],
        }
    }
}

fn some(characters: usize) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    text.max_length(Some(characters)).into()
}

fn parameter(name: &str, place: ParameterIn, schema: RefOr<Schema>) -> Parameter {
    let required = match place {
        ParameterIn::Path => Required::True,
        ParameterIn::Header if name == "If-Match" => Required::True,
        _ => Required::False,
    };
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(schema)).build()
}

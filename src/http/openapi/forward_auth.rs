//! `/verify`, which takes every method and answers each alike.

use axum::http::StatusCode;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{HttpMethod, PathItem, Ref, RefOr, Required, Schema};

use super::answers::Answers;
use super::paths::{NONE, operation};
use super::schemas::{any_of, list, scope, text};
use crate::forward_auth::IDENTITY_HEADERS;
use crate::oauth::error_codes;

/// One operation per method, each with a name of its own.
pub(super) fn item() -> PathItem {
    let mut item = PathItem::new(HttpMethod::Get, verify("verify"));
    item.head = Some(verify("verify_head"));
    item.post = Some(verify("verify_post"));
    item.put = Some(verify("verify_put"));
    item.patch = Some(verify("verify_patch"));
    item.delete = Some(verify("verify_delete"));
    item.options = Some(verify("verify_options"));
    item.trace = Some(verify("verify_trace"));
    item
}

fn verify(id: &str) -> Operation {
    let refused = || Ref::from_schema_name("Refused").into();
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let told = IDENTITY_HEADERS.map(|name| (name.to_string(), "In whose name the request passes."));
    let kept = ["Cache-Control", "X-Accel-Expires"]
        .map(|name| (name.to_owned(), "How long the answer may be kept."));
    let headers: Vec<_> = told.into_iter().chain(kept).collect();
    let answers = Answers::new()
        .told("The request passes.", &headers)
        .refused(StatusCode::BAD_REQUEST, "The proxy asks wrongly.", &["invalid_request"])
        .with(StatusCode::UNAUTHORIZED, "What was presented is worth nothing.", Some(refused()))
        .with(StatusCode::FORBIDDEN, "It is too narrow, or not from here.", Some(refused()))
        .refused(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many API keys were refused.",
            &error_codes(StatusCode::TOO_MANY_REQUESTS),
        )
        .refused(unavailable, "It cannot be known now.", &error_codes(unavailable));
    let parameter = |name, place, what: &str, shape: RefOr<Schema>| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(Required::False);
        parameter.description(Some(what)).schema(Some(shape))
    };
    let query = ParameterIn::Query;
    operation("May the request pass that a proxy asks about?", answers)
        .operation_id(Some(id))
        .parameter(parameter(
            "project",
            query.clone(),
            "Whose tokens pass; else the setting verify.default_project.",
            text(),
        ))
        .parameter(parameter(
            "scope",
            query.clone(),
            "The scope values that are needed, separated by spaces.",
            scope(),
        ))
        .parameter(parameter(
            "audience",
            query,
            "For whom tokens are meant; else the project's default.",
            any_of([text(), list(text())]),
        ))
        .parameter(parameter("X-Required-Scope", ParameterIn::Header, "Scope values beyond those.", scope()))
        .securities(Some([
            SecurityRequirement::new("token", NONE),
            // Where the project lets them pass.
            SecurityRequirement::new("secret", NONE),
            SecurityRequirement::new("appId", NONE).add("appToken", NONE),
        ]))
        .build()
}

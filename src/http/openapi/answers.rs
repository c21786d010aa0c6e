//! What endpoints answer: status, body, and the headers that say more.

use axum::http::StatusCode;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{
    Content, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Responses,
    ResponsesBuilder, Schema,
};

use super::schemas::{refused_with, text};

/// Answers in the making.
pub(super) struct Answers(ResponsesBuilder);

impl Answers {
    /// What every endpoint may answer.
    pub(super) fn new() -> Self {
        let any = Self(ResponsesBuilder::new());
        any.refused(StatusCode::BAD_REQUEST, "The request is no proper HTTP.", &["invalid_request"])
            .refused(StatusCode::REQUEST_TIMEOUT, "The request took too long.", &["invalid_request"])
            .refused(StatusCode::INTERNAL_SERVER_ERROR, "The server failed.", &["server_error"])
    }

    /// A good answer of this shape.
    pub(super) fn good(self, status: StatusCode, what: &str, schema: &str) -> Self {
        self.with(status, what, Some(Ref::from_schema_name(schema).into()))
    }

    /// A good answer without a body.
    pub(super) fn empty(self, status: StatusCode, what: &str) -> Self {
        self.with(status, what, None)
    }

    /// A good answer without a body, which says what it has to say in these headers.
    pub(super) fn told(self, what: &str, headers: &[(String, &str)]) -> Self {
        let header = |what: &str| HeaderBuilder::new().schema(Some(text())).description(Some(what)).build();
        let mut response = ResponseBuilder::new().description(what);
        response = response.header("X-Request-Id", header("The request's id, as in the server's logs."));
        for (name, what) in headers {
            response = response.header(name, header(what));
        }
        Self(self.0.response(StatusCode::OK.as_str(), Response::from(response)))
    }

    /// A refusal with one of these codes.
    pub(super) fn refused(self, status: StatusCode, what: &str, codes: &[&str]) -> Self {
        self.with(status, what, Some(refused_with(codes)))
    }

    /// An answer of any shape, in place of one with this status.
    pub(super) fn with(self, status: StatusCode, what: &str, body: Option<RefOr<Schema>>) -> Self {
        let header = |what: &str| HeaderBuilder::new().schema(Some(text())).description(Some(what)).build();
        let mut response = ResponseBuilder::new().description(what);
        response = response.header("X-Request-Id", header("The request's id, as in the server's logs."));
        if status == StatusCode::UNAUTHORIZED || is_judgement(body.as_ref()) {
            response = response.header("WWW-Authenticate", header("The challenge (RFC 9110)."));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response = response.header("Retry-After", header("Seconds to wait before the next try."));
        }
        if let Some(body) = body {
            response = response.content("application/json", content(body));
        }
        Self(self.0.response(status.as_str(), Response::from(response)))
    }

    /// The good answer also as a text of this media type, for whoever accepts it.
    pub(super) fn or_as(self, media_type: &str, what: &str) -> Self {
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(what)).into();
        let mut answers = self.0.build();
        if let Some(RefOr::T(good)) = answers.responses.get_mut(StatusCode::OK.as_str()) {
            good.content.insert(media_type.to_owned(), RefOr::T(content(text)));
        }
        Self(answers.into())
    }

    pub(super) fn build(self) -> Responses {
        self.0.build()
    }
}

/// Every refusal of a token comes with a challenge (RFC 6750 section 3).
fn is_judgement(body: Option<&RefOr<Schema>>) -> bool {
    match body {
        Some(RefOr::Ref(to)) => to.ref_location.ends_with("/Refused"),
        Some(RefOr::T(Schema::AnyOf(shapes))) => shapes.items.iter().any(|shape| is_judgement(Some(shape))),
        _ => false,
    }
}

fn content(schema: RefOr<Schema>) -> Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

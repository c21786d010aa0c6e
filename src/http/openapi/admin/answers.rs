//! What the administrators' API answers: a good one, and the problems that an operation may have.

use axum::http::StatusCode;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, Responses, ResponsesBuilder,
};

use crate::http::openapi::schemas::text;

/// Answers in the making.
pub(super) struct Answers(ResponsesBuilder);

impl Answers {
    /// What everything on this listener may answer.
    pub(super) fn new() -> Self {
        Self(ResponsesBuilder::new())
            .problem(StatusCode::BAD_REQUEST, "The request cannot be read.")
            .problem(StatusCode::REQUEST_TIMEOUT, "The request took too long.")
            .problem(StatusCode::INTERNAL_SERVER_ERROR, "The server failed.")
    }

    /// What everything that wants a token may answer.
    pub(super) fn to_a_token() -> Self {
        Self::new()
            .problem(StatusCode::UNAUTHORIZED, "There is no token, or one that is worth nothing here.")
            .problem(StatusCode::FORBIDDEN, "The token does not allow it, or not from here, or not there.")
            .problem(StatusCode::SERVICE_UNAVAILABLE, "It cannot be known or done now.")
    }

    /// A good answer of this shape, with these headers.
    pub(super) fn good(self, status: StatusCode, schema: &str, headers: &[&str]) -> Self {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let response = told("It is done.").content("application/json", body);
        self.with_headers(status, response, headers)
    }

    /// A good answer that is no JSON, in any of these media types.
    pub(super) fn good_in(self, status: StatusCode, media_types: &[&str], headers: &[&str]) -> Self {
        let body = || ContentBuilder::new().schema(Some(text())).build();
        let response = media_types.iter().fold(told("Here it comes."), |told, it| told.content(*it, body()));
        self.with_headers(status, response, headers)
    }

    fn with_headers(self, status: StatusCode, mut response: ResponseBuilder, headers: &[&str]) -> Self {
        for name in headers {
            let what = match *name {
                "ETag" => "What an edit repeats in If-Match.",
                "Content-Disposition" => "What the file may be called.",
                _ => "Where it is from now on.",
            };
            response = response.header(*name, header(what));
        }
        Self(self.0.response(status.as_str(), Response::from(response)))
    }

    /// The good answer may be one that was given before.
    pub(super) fn replayed(self, good: StatusCode) -> Self {
        let what = "`true` if this was done before, by a request with the same Idempotency-Key.";
        let mut answers = self.0.build();
        if let Some(RefOr::T(good)) = answers.responses.get_mut(good.as_str()) {
            good.headers.insert("Idempotency-Replayed".to_owned(), RefOr::T(header(what)));
        }
        Self(answers.into())
    }

    /// A page in the text format of Prometheus.
    pub(super) fn figures(self) -> Self {
        let body = ContentBuilder::new().schema(Some(text())).build();
        let response = told("The figures.").content("text/plain", body);
        Self(self.0.response(StatusCode::OK.as_str(), Response::from(response)))
    }

    pub(super) fn problem(self, status: StatusCode, what: &str) -> Self {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let mut response = told(what).content("application/problem+json", body);
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            response = response.header("WWW-Authenticate", header("The challenge (RFC 6750)."));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response = response.header("Retry-After", header("Seconds to wait before the next try."));
        }
        Self(self.0.response(status.as_str(), Response::from(response)))
    }

    pub(super) fn build(self) -> Responses {
        self.0.build()
    }
}

fn told(what: &str) -> ResponseBuilder {
    let id = header("The request's id, as in the server's logs.");
    ResponseBuilder::new().description(what).header("X-Request-Id", id)
}

fn header(what: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(text())).description(Some(what)).build()
}

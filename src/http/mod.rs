//! The public listener: the routes, the layers around them in order, and how it starts and stops.

mod connection;
mod health;
mod limits;
mod loops;
mod openapi;
mod renewal;
mod serve;
mod strict;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::oauth;
use crate::web::Server;

pub use renewal::look as look_at_certificate;
pub use serve::{Listener, Running};

/// How long clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the head of a request; also how long a connection may be idle.
    pub head: Duration,
    /// For a request as a whole, its body and our answer included.
    pub request: Duration,
    /// For requests under way once the server stops.
    pub grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { head: secs(10), request: secs(15), grace: secs(10) }
    }
}

/// All that the public listener answers.
pub fn router(server: Arc<Server>) -> Router {
    router_for(server, Patience::default())
}

/// [`router`], with another patience than usual.
fn router_for(server: Arc<Server>, patience: Patience) -> Router {
    oauth::routes(&server.issuer)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route(openapi::PATH, get(openapi::serve))
        .fallback(|| async { plain(StatusCode::NOT_FOUND, "not_found", "there is nothing here") })
        .method_not_allowed_fallback(|| async {
            let why = "this endpoint does not take this method";
            plain(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", why)
        })
        .with_state(server.clone())
        // From the inside out: a panic of one request is that request's 500; slow senders are let
        // go; it is clear who is meant; nothing that we answer is anything but what it says it is;
        // every request has an id and is told of.
        .layer(CatchPanicLayer::custom(|_| {
            plain(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the server failed")
        }))
        .layer(from_fn(move |request: Request, next: Next| {
            let limit = patience.request + oauth::longest_wait(request.uri().path());
            strict::in_time(limit, request, next)
        }))
        .layer(from_fn(strict::one_host))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(from_fn_with_state(server, tell::tell))
}

fn plain(status: StatusCode, error: &str, why: &str) -> Response {
    (status, axum::Json(json!({ "error": error, "error_description": why }))).into_response()
}

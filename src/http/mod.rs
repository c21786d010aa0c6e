//! The public listener: the routes, the layers around them in order, and how it starts and stops.

mod connection;
mod drain;
mod health;
mod limits;
mod loops;
mod openapi;
mod renewal;
mod serve;
mod strict;
mod tell;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::forward_auth;
use crate::oauth;
use crate::web::Server;
use drain::Drain;

pub use renewal::look as look_at_certificate;
pub use serve::{Listener, Running};

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

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
    router_for(server, Patience::default(), Drain::default())
}

/// [`router`], with another patience than usual, for a server that may be about to stop.
fn router_for(server: Arc<Server>, patience: Patience, drain: Drain) -> Router {
    oauth::routes(&server.issuer)
        .merge(forward_auth::routes())
        .route("/healthz", get(health::alive))
        .route("/readyz", get(move |server| ready(health::ready(server, &drain))))
        .route(openapi::PATH, get(openapi::serve))
        .fallback(|| async { plain(StatusCode::NOT_FOUND, "not_found", "there is nothing here") })
        .method_not_allowed_fallback(|| async {
            let why = "this endpoint does not take this method";
            plain(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", why)
        })
        .with_state(server.clone())
        .layer(from_fn_with_state((server, patience), attend))
}

/// What every request meets, in one layer, because each costs. From the outside in: it has an id and is
/// told of; nothing that we answer is anything but what it says it is; it is clear who is meant; slow
/// senders are let go; a panic of one request is that request's 500.
async fn attend(
    State((server, patience)): State<(Arc<Server>, Patience)>,
    request: Request,
    next: Next,
) -> Response {
    let limit = patience.request + oauth::longest_wait(request.uri().path());
    let answer = async |request| {
        let mut response = strict::answer(limit, request, next).await;
        response.headers_mut().entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
        response
    };
    tell::tell(&server, request, answer).await
}

fn plain(status: StatusCode, error: &str, why: &str) -> Response {
    (status, axum::Json(json!({ "error": error, "error_description": why }))).into_response()
}

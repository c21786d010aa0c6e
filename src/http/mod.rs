//! The listeners: the routes, what is around each request, and how they start and stop.

mod connection;
mod door;
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

use crate::admin;
use crate::forward_auth;
use crate::leaks;
use crate::oauth;
use crate::web::{Server, metrics};
use drain::Drain;

pub use door::Listener;
pub use renewal::look as look_at_certificate;
pub use serve::{Listeners, Running};

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

/// How a listener says that it has no answer.
type Say = fn(StatusCode, &'static str, &'static str) -> Response;

/// What is around each request of a listener.
#[derive(Clone)]
struct Around {
    server: Arc<Server>,
    patience: Patience,
    say: Say,
}

/// All that the public listener answers.
pub fn router(server: Arc<Server>) -> Router {
    router_for(server, Patience::default(), Drain::default())
}

/// All that the administrators' listener answers.
pub fn admin_router(server: Arc<Server>) -> Router {
    admin_router_for(server, Patience::default(), Drain::default())
}

/// [`router`], with another patience than usual, for a server that may be about to stop.
fn router_for(server: Arc<Server>, patience: Patience, drain: Drain) -> Router {
    let routes = oauth::routes(&server.issuer)
        .merge(forward_auth::routes())
        .merge(leaks::routes())
        .route(openapi::PATH, get(openapi::serve));
    finish(routes, drain, Around { server, patience, say: plain })
}

/// [`admin_router`], likewise.
fn admin_router_for(server: Arc<Server>, patience: Patience, drain: Drain) -> Router {
    // Metrics without a token: they tell of nobody, and who may reach this listener may know how the server is.
    let routes =
        admin::routes().route("/metrics", get(metrics)).route(openapi::PATH, get(openapi::admin::serve));
    finish(routes, drain, Around { server, patience, say: admin::problem })
}

/// What every listener has: health, an answer where there is nothing, and what is around each request.
fn finish(routes: Router<Arc<Server>>, drain: Drain, around: Around) -> Router {
    let (say, server) = (around.say, around.server.clone());
    routes
        .route("/healthz", get(health::alive))
        .route("/readyz", get(move |server| ready(health::ready(server, &drain))))
        .fallback(async move || say(StatusCode::NOT_FOUND, "not_found", "there is nothing here"))
        .method_not_allowed_fallback(async move || {
            say(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "this endpoint does not take this method")
        })
        .with_state(server)
        .layer(from_fn_with_state(around, attend))
}

/// What every request meets, in one layer, because each costs. From the outside in: it has an id and is
/// told of; nothing that we answer is anything but what it says it is; it is clear who is meant; slow
/// senders are let go; a panic of one request is that request's 500.
async fn attend(
    State(Around { server, patience, say }): State<Around>,
    request: Request,
    next: Next,
) -> Response {
    let limit =
        patience.request + oauth::longest_wait(request.uri().path()) + admin::longest_wait(request.uri());
    let answer = async |request| {
        let mut response = strict::answer(limit, say, request, next).await;
        response.headers_mut().entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
        response
    };
    tell::tell(&server, request, answer).await
}

fn plain(status: StatusCode, error: &'static str, why: &'static str) -> Response {
    (status, axum::Json(json!({ "error": error, "error_description": why }))).into_response()
}

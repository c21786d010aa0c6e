//! The same endpoints in the shapes of Voucherify's OAuth API, beside the RFCs' and never instead:
//! the token is called `access_token`, and a revocation answers 204.
//!
//! `POST /v1/oauth/token` needs nothing of its own: credentials may come as `X-App-Id` and
//! `X-App-Token` everywhere, and every token answer has `client_id` and `expires_at`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::caller::Caller;
use super::error::{Error, no_store};
use super::{introspect, revoke, token};
use crate::web::{Form, Server};

/// The routes.
pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/oauth/token", post(token::token))
        .route("/v1/oauth/introspect", post(introspect))
        .route("/v1/oauth/token/revoke", post(revoke))
}

async fn introspect(State(server): State<Arc<Server>>, caller: Caller) -> Result<Response, Error> {
    introspect::answer(&server, &caller, access_token(&caller.form)?)
}

async fn revoke(State(server): State<Arc<Server>>, caller: Caller) -> Result<Response, Error> {
    revoke::take_back(&server, &caller, access_token(&caller.form)?).await?;
    Ok((StatusCode::NO_CONTENT, no_store()).into_response())
}

/// The token, by Voucherify's name for it or by the RFCs'; both would be two tokens.
fn access_token(form: &Form) -> Result<&str, Error> {
    match (form.get("access_token"), form.get("token")) {
        (Some(_), Some(_)) => Err(Error::InvalidRequest("`access_token` and `token` are one too many")),
        (Some(token), None) | (None, Some(token)) => Ok(token),
        (None, None) => Err(Error::InvalidRequest("`access_token` is missing")),
    }
}

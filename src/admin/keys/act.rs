//! `POST /admin/v1/keys/{key}/block`, `unblock`, `delete`, `revoke-tokens`
//!
//! They want no `If-Match`: whoever stops a key wants it stopped, whatever was edited meanwhile.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::admin::body::Body;
use crate::admin::caller::{Caller, Needs, RevokeTokens, WriteKeys};
use crate::admin::path::One;
use crate::admin::problem::Problem;
use crate::admin::tag::etag;
use crate::admin::view::KeyActed;
use crate::admin::waiting::Waiting;
use crate::admin::why::Because;
use crate::domain::KeyId;
use crate::keys::acts::{KeyAct, Why};
use crate::web::Server;

/// Stops a key and revokes its tokens, until it is unblocked.
pub(in crate::admin) async fn block(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    waiting: Waiting,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    act(&server, &caller, (&key, KeyAct::Block), &why, waiting).await
}

/// Lets a blocked key work again; revoked tokens stay dead.
pub(in crate::admin) async fn unblock(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    let done = caller.acts(&server).act_on_key(&key, KeyAct::Unblock, &why).await?;
    Ok((etag(done.position), Json(KeyActed::of(&key, &done))).into_response())
}

/// Stops a key for ever and revokes its tokens.
pub(in crate::admin) async fn delete(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    waiting: Waiting,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    act(&server, &caller, (&key, KeyAct::Delete), &why, waiting).await
}

/// Revokes a key's tokens; the key works on.
pub(in crate::admin) async fn revoke_tokens(
    State(server): State<Arc<Server>>,
    caller: Caller<RevokeTokens>,
    One(key): One<KeyId>,
    waiting: Waiting,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    act(&server, &caller, (&key, KeyAct::RevokeTokens), &why, waiting).await
}

async fn act(
    server: &Server,
    caller: &Caller<impl Needs>,
    (key, act): (&KeyId, KeyAct),
    why: &Why,
    waiting: Waiting,
) -> Result<Response, Problem> {
    let done = caller.acts(server).act_on_key(key, act, why).await?;
    let told = waiting.until_applied(server, done.position, KeyActed::of(key, &done)).await;
    Ok((etag(done.position), Json(told)).into_response())
}

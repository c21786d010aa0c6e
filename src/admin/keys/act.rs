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
use crate::admin::why::Because;
use crate::domain::KeyId;
use crate::keys::acts::{KeyAct, Why};
use crate::web::Server;

/// Stops a key and revokes its tokens, until it is unblocked.
pub(in crate::admin) async fn block(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    act(&server, &caller, &key, KeyAct::Block, &why).await
}

/// Lets a blocked key work again; revoked tokens stay dead.
pub(in crate::admin) async fn unblock(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    act(&server, &caller, &key, KeyAct::Unblock, &why).await
}

/// Stops a key for ever and revokes its tokens.
pub(in crate::admin) async fn delete(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    act(&server, &caller, &key, KeyAct::Delete, &why).await
}

/// Revokes a key's tokens; the key works on.
pub(in crate::admin) async fn revoke_tokens(
    State(server): State<Arc<Server>>,
    caller: Caller<RevokeTokens>,
    One(key): One<KeyId>,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    act(&server, &caller, &key, KeyAct::RevokeTokens, &why).await
}

async fn act(
    server: &Server,
    caller: &Caller<impl Needs>,
    key: &KeyId,
    act: KeyAct,
    why: &Why,
) -> Result<Response, Problem> {
    let done = caller.acts(server).act_on_key(key, act, why).await?;
    Ok((etag(done.position), Json(KeyActed::of(key, &done))).into_response())
}

//! `POST /admin/v1/keys/{key}/clear-flags`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::admin::body::Body;
use crate::admin::caller::{Caller, WriteKeys};
use crate::admin::path::One;
use crate::admin::problem::Problem;
use crate::admin::view::FlagsCleared;
use crate::admin::why::Because;
use crate::domain::KeyId;
use crate::web::Server;

/// Clears what was reported of a key's secrets: somebody has looked into it. The key stays as it is.
pub(in crate::admin) async fn clear(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key_id): One<KeyId>,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    let cleared = caller.acts(&server).clear_flags(&key_id, &why).await?;
    Ok(Json(FlagsCleared { key_id, project: cleared.project, cleared: cleared.flags }).into_response())
}

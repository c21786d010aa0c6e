//! `PATCH /admin/v1/keys/{key}`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::admin::body::{Body, Fields, FromFields};
use crate::admin::caller::{Caller, WriteKeys};
use crate::admin::path::One;
use crate::admin::problem::Problem;
use crate::admin::tag::{Seen, etag};
use crate::admin::view::KeyActed;
use crate::admin::waiting::Waiting;
use crate::admin::why::take_why;
use crate::domain::KeyId;
use crate::keys::acts::{Acts, Why};
use crate::web::Server;

use super::details::Given;

/// What is to become of a key, and why.
pub(in crate::admin) struct Patch {
    given: Given,
    why: Why,
}

impl FromFields for Patch {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { given: Given::take(fields)?, why: take_why(fields)? })
    }
}

/// Changes what is given; what is not stays as it is.
pub(in crate::admin) async fn edit(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    (Seen(expecting), waiting): (Seen, Waiting),
    Body(Patch { given, why }): Body<Patch>,
) -> Result<Response, Problem> {
    given.check_end(server.clock.now())?;
    let acts = Acts { expecting, ..caller.acts(&server) };
    let done = acts.edit_key(&key, |before| given.over(before), &why).await.map_err(Problem::of_edit)?;
    let told = waiting.until_applied(&server, done.position, KeyActed::of(&key, &done)).await;
    Ok((etag(done.position), Json(told)).into_response())
}

//! `POST /admin/v1/keys`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::admin::body::{Body, Fields, FromFields};
use crate::admin::caller::{Caller, WriteKeys};
use crate::admin::problem::Problem;
use crate::admin::tag::etag;
use crate::admin::view::{KeyRow, Shown};
use crate::domain::{KeyDetails, ProjectId};
use crate::web::Server;

use super::details::Given;

/// A key to be made.
pub(in crate::admin) struct New {
    project: ProjectId,
    given: Given,
}

impl FromFields for New {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { project: fields.need("project")?, given: Given::take(fields)? })
    }
}

/// Makes a key; its secret is in this answer and nowhere else.
pub(in crate::admin) async fn create(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    Body(New { project, given }): Body<New>,
) -> Result<Response, Problem> {
    caller.check(Some(&project))?;
    given.check_end(server.clock.now())?;
    let (key, secret) = caller.acts(&server).create_key(&project, given.over(KeyDetails::default())).await?;
    let location = [(header::LOCATION, format!("/admin/v1/keys/{}", key.id))];
    let tag = etag(key.changed);
    let made = Shown { key: KeyRow::from(key), secret: secret.expose() };
    Ok((StatusCode::CREATED, location, tag, Json(made)).into_response())
}

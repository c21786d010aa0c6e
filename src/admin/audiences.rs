//! `/admin/v1/projects/{project}/audiences`: what a project's tokens may be meant for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};

use crate::domain::{Audience, ProjectId};
use crate::web::Server;

use super::caller::{Caller, ReadProjects, WriteProjects};
use super::path::{One, Two};
use super::problem::Problem;
use super::query::Query;
use super::tag::etag;
use super::view::{AudienceRow, Page, ProjectEdited};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/projects/{project}/audiences", get(list))
        .route("/admin/v1/projects/{project}/audiences/{audience}", put(add).delete(remove))
}

/// A project's own audiences.
async fn list(
    State(server): State<Arc<Server>>,
    _caller: Caller<ReadProjects>,
    One(id): One<ProjectId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let project = server.store.project(&id).await?.ok_or(Problem::Missing("project"))?;
    let audiences = server.store.audiences(&id).await?;
    let page = Page::whole(audiences.into_iter().map(|audience| AudienceRow { audience }).collect());
    Ok((etag(project.changed), Json(page)).into_response())
}

/// Gives a project an audience, which is no other's.
async fn add(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteProjects>,
    Two(id, audience): Two<ProjectId, Audience>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let done = caller.acts(&server).add_audience(&id, audience.clone()).await?;
    Ok((etag(done.position), Json(ProjectEdited::of(done, "audience", &audience))).into_response())
}

/// Takes an audience from a project; its outstanding tokens are revoked.
async fn remove(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteProjects>,
    Two(id, audience): Two<ProjectId, Audience>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let done = caller.acts(&server).remove_audience(&id, audience.clone()).await?;
    Ok((etag(done.position), Json(ProjectEdited::of(done, "audience", &audience))).into_response())
}

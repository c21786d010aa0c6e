//! `/admin/v1/projects/{project}/scopes`: the scope catalogue. It is edited as a whole's part: `If-Match`
//! takes the tag of the project, which the list has too.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};

use crate::domain::{CatalogueScope, ProjectId, Scope, ScopeSet};
use crate::keys::acts::Acts;
use crate::web::Server;

use super::body::{Body, Fields, FromFields};
use super::caller::{Caller, ReadProjects, WriteProjects};
use super::path::{One, Two};
use super::problem::Problem;
use super::query::Query;
use super::tag::{Seen, etag};
use super::view::{Page, ProjectEdited, ScopeRow};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/projects/{project}/scopes", get(list))
        .route("/admin/v1/projects/{project}/scopes/{scope}", put(set).delete(remove))
}

/// A project's scopes.
async fn list(
    State(server): State<Arc<Server>>,
    _caller: Caller<ReadProjects>,
    One(id): One<ProjectId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    // First: with what is read after it, the tag is rather too old than too young.
    let project = server.store.project(&id).await?.ok_or(Problem::Missing("project"))?;
    let catalogue = server.store.catalogue(&id).await?;
    let page = Page::whole(catalogue.iter().map(ScopeRow::of).collect());
    Ok((etag(project.changed), Json(page)).into_response())
}

impl FromFields for CatalogueScope {
    const MAY_BE_ABSENT: bool = true;

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let includes: Vec<Scope> = fields.take("includes")?.given().unwrap_or_default();
        if includes.len() > ScopeSet::MOST {
            return Err(Problem::value("includes", format!("there are more than {}", ScopeSet::MOST)));
        }
        let description = fields.take("description")?.given().unwrap_or_default();
        Ok(Self { description, includes: includes.into_iter().collect() })
    }
}

/// Defines a scope, in place of what it was.
async fn set(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteProjects>,
    Two(id, scope): Two<ProjectId, Scope>,
    Seen(expecting): Seen,
    Body(entry): Body<CatalogueScope>,
) -> Result<Response, Problem> {
    let acts = Acts { expecting, ..caller.acts(&server) };
    let done = acts.set_scope(&id, scope.clone(), entry).await.map_err(Problem::of_edit)?;
    Ok((etag(done.position), Json(ProjectEdited::of(done, "scope", &scope))).into_response())
}

/// Takes a scope out of the catalogue.
async fn remove(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteProjects>,
    Two(id, scope): Two<ProjectId, Scope>,
    (Seen(expecting), query): (Seen, Query),
) -> Result<Response, Problem> {
    query.end()?;
    let acts = Acts { expecting, ..caller.acts(&server) };
    let done = acts.remove_scope(&id, scope.clone()).await.map_err(Problem::of_edit)?;
    Ok((etag(done.position), Json(ProjectEdited::of(done, "scope", &scope))).into_response())
}

//! `GET /admin/v1/nodes`: the running servers, and how far each follows. It says nothing of any project, so
//! anybody who may do anything may see it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::web::Server;

use super::caller::{Anything, Caller};
use super::problem::Problem;
use super::query::Query;
use super::view::{NodeRow, Page};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/admin/v1/nodes", get(list))
}

async fn list(
    State(server): State<Arc<Server>>,
    _caller: Caller<Anything>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let nodes = server.store.nodes().await?;
    // Read after the signs of life: a node is never ahead of it.
    let position = server.store.position().await?;
    let rows = nodes.into_iter().map(|node| NodeRow::of(node, position)).collect();
    Ok(Json(Page::whole(rows)).into_response())
}

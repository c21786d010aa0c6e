//! `GET /admin/v1/audit`: who did what.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::domain::ProjectId;
use crate::store::WantedAudit;
use crate::web::Server;

use super::caller::{Caller, ReadAudit};
use super::problem::Problem;
use super::query::Query;
use super::view::AuditEntry;

/// The orders of the audit log.
pub const ORDERS: [&str; 2] = ["oldest", "newest"];

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/admin/v1/audit", get(list))
}

/// Rows of the log: the oldest first, unless `order=newest`.
async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadAudit>,
    mut query: Query,
) -> Result<Response, Problem> {
    let project: Option<ProjectId> = query.take("project", "`project` is no project's id")?;
    let within = caller.reach_in(project)?;
    let [actor, act, target] =
        [query.printable("actor")?, query.printable("act")?, query.printable("target")?];
    let (since, until) = (query.moment("since")?, query.moment("until")?);
    let newest_first = query.one_of("order", &ORDERS)?.is_some_and(|order| order == "newest");
    let part = query.part::<i64>(&server)?;
    let (after, limit) = (part.after, part.rows());
    let wanted = WantedAudit { within, actor, act, target, since, until, newest_first, after, limit };
    let rows = server.store.find_audit(&wanted).await?.into_iter().map(AuditEntry::from).collect();
    Ok(Json(part.page(&server, rows, |last: &AuditEntry| last.seq.to_string())).into_response())
}

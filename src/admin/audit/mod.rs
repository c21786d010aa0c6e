//! `/admin/v1/audit`: who did what, as a list; whole, as a file; and as it happens.

mod export;
mod follow;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::domain::ProjectId;
use crate::store::{SealedRow, WantedAudit};
use crate::web::Server;

use super::caller::{Caller, ReadAudit};
use super::problem::Problem;
use super::query::Query;
use super::view::{AuditEntry, AuditFormat};

/// The orders of the audit log.
pub const ORDERS: [&str; 2] = ["oldest", "newest"];

/// The forms of an export.
pub const FORMATS: [&str; 2] = [AuditFormat::JsonLines.as_str(), AuditFormat::Csv.as_str()];
/// Their media types.
pub const MEDIA_TYPES: &[&str] = &[AuditFormat::JsonLines.media_type(), AuditFormat::Csv.media_type()];

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/audit", get(list))
        .route("/admin/v1/audit/export", get(export::export))
        .route("/admin/v1/audit/follow", get(follow::follow))
}

/// Rows of the log: the oldest first, unless `order=newest`.
async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadAudit>,
    mut query: Query,
) -> Result<Response, Problem> {
    let wanted = filtered(&caller, &mut query)?;
    let newest_first = query.one_of("order", &ORDERS)?.is_some_and(|order| order == "newest");
    let part = query.part::<i64>(&server)?;
    let wanted = WantedAudit { newest_first, after: part.after, limit: part.rows(), ..wanted };
    let rows = server.store.find_audit(&wanted).await?.into_iter().map(AuditEntry::from).collect();
    Ok(Json(part.page(&server, rows, |last: &AuditEntry| last.seq.to_string())).into_response())
}

/// The rows that whoever asks may see and wants to see, from the first on.
fn filtered(caller: &Caller<ReadAudit>, query: &mut Query) -> Result<WantedAudit, Problem> {
    let project: Option<ProjectId> = query.take("project", "`project` is no project's id")?;
    let within = caller.reach_in(project)?;
    let [actor, act, target] =
        [query.printable("actor")?, query.printable("act")?, query.printable("target")?];
    let (since, until) = (query.moment("since")?, query.moment("until")?);
    Ok(WantedAudit { within, actor, act, target, since, until, newest_first: false, after: None, limit: 1 })
}

/// The newest of the rows that are wanted.
async fn newest(server: &Server, wanted: &WantedAudit) -> Result<Option<SealedRow>, Problem> {
    let newest = WantedAudit { newest_first: true, after: None, limit: 1, ..wanted.clone() };
    Ok(server.store.find_audit(&newest).await?.pop())
}

/// Takes the number of a row from which on those after it are wanted.
fn after(query: &mut Query) -> Result<Option<i64>, Problem> {
    const WHY: &str = "`after` is the number of a row";
    let after: Option<i64> = query.take("after", WHY)?;
    if after.is_none_or(|after| after >= 0) { Ok(after) } else { Err(Problem::InvalidRequest(WHY)) }
}

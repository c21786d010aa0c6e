//! `/admin/v1/hygiene`: keys that somebody might do without, wholly or in part.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::domain::hygiene::{Days, Terms};
use crate::domain::{KeyId, ProjectId};
use crate::keys::hygiene::{Question, examine};
use crate::web::Server;

use super::caller::{Caller, ReadKeys};
use super::problem::Problem;
use super::query::Query;
use super::view::HygieneRow;

/// So many rows of the issuance log are read for one answer: about a second of work.
const LOG_ROWS: u64 = 500_000;

/// Days without use after which a key is called unused, if nobody says.
pub const UNUSED_DAYS: u32 = 90;
/// Days to its end within which a key is said to expire, if nobody says.
pub const EXPIRING_DAYS: u32 = 14;
/// Days of the issuance log by which a key is called over-broad, if nobody says.
pub const OVER_BROAD_DAYS: u32 = 30;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/admin/v1/hygiene", get(report))
}

/// Keys of which there is something to say, by id.
async fn report(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadKeys>,
    mut query: Query,
) -> Result<Response, Problem> {
    let project: Option<ProjectId> = query.take("project", "`project` is no project's id")?;
    let within = caller.reach_in(project)?;
    let key: Option<KeyId> = query.take("key", "`key` is no key's id")?;
    let now = server.clock.now();
    let mut span = |name: &str, usual: u32| -> Result<_, Problem> {
        let days = query.days(name)?.or(Days::new(usual)).map(Days::span);
        Ok(days.unwrap_or_default())
    };
    let terms = Terms {
        unused_since: now.before(span("unused_days", UNUSED_DAYS)?),
        now,
        ends_by: now.after(span("expiring_days", EXPIRING_DAYS)?),
    };
    let log = span("over_broad_days", OVER_BROAD_DAYS)?.min(server.retention.span());
    let log_until = query.moment("log_until")?;
    let part = query.part::<KeyId>(&server)?;
    let question = Question {
        within,
        key,
        terms,
        log_since: now.before(log),
        log_until,
        log_rows: LOG_ROWS,
        after: part.after.clone(),
        limit: part.limit,
    };
    let report = examine(server.store.as_ref(), &question).await?;
    let rows = report.keys.into_iter().map(HygieneRow::from).collect();
    Ok(Json(part.page_up_to(&server, rows, report.next.map(|last| last.to_string()))).into_response())
}

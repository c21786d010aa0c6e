//! API keys: list, read; making, editing, stopping and their secrets have files of their own.

mod act;
mod create;
pub(super) mod details;
mod edit;
mod secret;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::domain::hygiene::Neglect;
use crate::domain::{KeyId, ProjectId, RoleName};
use crate::store::WantedKeys;
use crate::web::Server;

use super::caller::{Caller, ReadKeys};
use super::path::One;
use super::problem::Problem;
use super::query::Query;
use super::tag::etag;
use super::view::{KeyFound, KeyWhole};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/keys", get(list).post(create::create))
        .route("/admin/v1/keys/{key}", get(show).patch(edit::edit))
        .route("/admin/v1/keys/{key}/block", post(act::block))
        .route("/admin/v1/keys/{key}/unblock", post(act::unblock))
        .route("/admin/v1/keys/{key}/delete", post(act::delete))
        .route("/admin/v1/keys/{key}/revoke-tokens", post(act::revoke_tokens))
        .route("/admin/v1/keys/{key}/regenerate", post(secret::regenerate))
        .route("/admin/v1/keys/{key}/secrets", get(secret::list).post(secret::add))
        .route("/admin/v1/keys/{key}/secrets/{secret}/expire", post(secret::expire))
}

/// Keys by id, deleted ones too: of one project, or of all in which whoever asks may see them.
async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadKeys>,
    mut query: Query,
) -> Result<Response, Problem> {
    let project: Option<ProjectId> = query.take("project", "`project` is no project's id")?;
    let within = caller.reach_in(project.clone())?;
    let state = query.take("state", "`state` is active, blocked or deleted")?;
    let role: Option<RoleName> = query.take("role", "`role` is no role's name")?;
    let text = query.text()?;
    let now = server.clock.now();
    let neglect = Neglect {
        unused_since: query.days("unused_days")?.map(|days| now.before(days.span())),
        never_used: query.one_of("never_used", &["true"])?.is_some(),
        ends_within: query.days("expiring_days")?.map(|days| (now, now.after(days.span()))),
    };
    let part = query.part::<KeyId>(&server)?;
    let (after, limit) = (part.after.clone(), part.rows());
    let wanted = WantedKeys { within, key: None, state, role, text, neglect, after, limit };
    let rows: Vec<KeyFound> =
        server.store.find_keys(&wanted).await?.into_iter().map(KeyFound::from).collect();
    // Nothing of a project that is there is told from nothing of one that is not.
    if let Some(project) = project.filter(|_| rows.is_empty()) {
        server.store.project(&project).await?.ok_or(Problem::Missing("project"))?;
    }
    Ok(Json(part.page(&server, rows, |last| last.key.key_id.to_string())).into_response())
}

/// A key and its secrets' names.
async fn show(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadKeys>,
    One(key): One<KeyId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let record = caller.acts(&server).record(&key).await?;
    caller.check_key(&record.key)?;
    Ok((etag(record.key.changed), Json(KeyWhole::from(record))).into_response())
}

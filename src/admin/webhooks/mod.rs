//! `/admin/v1/webhooks`: who is told of acts on keys.

mod deliveries;
mod details;
mod secret;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::domain::ProjectId;
use crate::domain::webhook::WebhookId;
use crate::keys::acts::Acts;
use crate::store::WantedWebhooks;
use crate::web::Server;
use crate::webhooks::WebhookMade;

use super::body::Body;
use super::caller::{Caller, ReadWebhooks, WriteWebhooks};
use super::creation::Creation;
use super::path::One;
use super::problem::Problem;
use super::query::Query;
use super::tag::{Seen, etag};
use super::view::{Shown, WebhookActed, WebhookRow};
use details::{New, Patch};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/webhooks", get(list).post(create))
        .route("/admin/v1/webhooks/{webhook}", get(show).patch(edit).delete(delete))
        .route("/admin/v1/webhooks/{webhook}/rotate-secret", post(secret::rotate))
        .route("/admin/v1/webhooks/{webhook}/test", post(deliveries::test))
        .route("/admin/v1/webhooks/{webhook}/deliveries", get(deliveries::list))
        .route("/admin/v1/webhooks/{webhook}/deliveries/{message}/redeliver", post(deliveries::redeliver))
}

/// Webhooks by id, as far as whoever asks may see them.
async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadWebhooks>,
    mut query: Query,
) -> Result<Response, Problem> {
    let project: Option<ProjectId> = query.take("project", "`project` is no project's id")?;
    let within = caller.reach_in(project)?;
    let part = query.part::<WebhookId>(&server)?;
    let wanted = WantedWebhooks { within, after: part.after.clone(), limit: part.rows() };
    let found = server.store.find_webhooks(&wanted).await?;
    let rows: Vec<WebhookRow> = found.into_iter().map(WebhookRow::from).collect();
    Ok(Json(part.page(&server, rows, |last| last.webhook.to_string())).into_response())
}

/// Makes a webhook; its signing secret is in this answer and nowhere else.
async fn create(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteWebhooks>,
    Creation { body: New { project, details }, named }: Creation<New>,
) -> Result<Response, Problem> {
    if let Some(answer) = named.replayed(&server, &caller).await? {
        return Ok(answer);
    }
    let destinations = server.webhooks.transport().destinations();
    let made = named.acts(&server, &caller).create_webhook(project, details, destinations).await;
    let answer = |WebhookMade { webhook, secret }: WebhookMade| {
        let location = [(header::LOCATION, format!("/admin/v1/webhooks/{}", webhook.id))];
        let tag = etag(webhook.changed);
        let shown = Shown { key: WebhookRow::from(webhook), secret: &secret.expose() };
        (StatusCode::CREATED, location, tag, Json(shown)).into_response()
    };
    named.answer(made, (&server, &caller), answer).await
}

/// A webhook.
async fn show(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadWebhooks>,
    One(id): One<WebhookId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let webhook = caller.acts(&server).webhook(&id).await?;
    Ok((etag(webhook.changed), Json(WebhookRow::from(webhook))).into_response())
}

/// Changes what is given; what is not stays as it is.
async fn edit(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteWebhooks>,
    One(id): One<WebhookId>,
    Seen(expecting): Seen,
    Body(patch): Body<Patch>,
) -> Result<Response, Problem> {
    let acts = Acts { expecting, ..caller.acts(&server) };
    let destinations = server.webhooks.transport().destinations();
    let edited = acts.edit_webhook(&id, |before| patch.over(before), destinations).await;
    let edited = edited.map_err(Problem::of_edit)?;
    Ok((etag(edited.changed), Json(WebhookRow::from(edited))).into_response())
}

/// Deletes a webhook, and what was on its way to it.
async fn delete(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteWebhooks>,
    One(id): One<WebhookId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    caller.acts(&server).delete_webhook(&id).await?;
    Ok(Json(WebhookActed { webhook: id, seq: None }).into_response())
}

//! `/admin/v1/webhooks/{webhook}/deliveries`: what was sent, and what is sent again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::admin::caller::{Caller, ReadWebhooks, WriteWebhooks};
use crate::admin::path::{One, Two};
use crate::admin::problem::Problem;
use crate::admin::query::Query;
use crate::admin::view::{DeliveryRow, WebhookActed};
use crate::domain::webhook::{MessageId, WebhookId};
use crate::store::{DELIVERY_STATES, WantedDeliveries};
use crate::web::Server;

/// What was sent to a webhook and what is on its way, the newest first.
pub(super) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadWebhooks>,
    One(id): One<WebhookId>,
    mut query: Query,
) -> Result<Response, Problem> {
    let state = query.one_of("state", &DELIVERY_STATES)?;
    let part = query.part::<MessageId>(&server)?;
    let webhook = caller.acts(&server).webhook(&id).await?.id;
    let wanted = WantedDeliveries { webhook, state, before: part.after.clone(), limit: part.rows() };
    let found = server.store.find_deliveries(&wanted).await?;
    let rows: Vec<DeliveryRow> = found.into_iter().map(DeliveryRow::from).collect();
    Ok(Json(part.page(&server, rows, |last| last.message.to_string())).into_response())
}

/// Sends a webhook an event that is none, to see whether it arrives.
pub(super) async fn test(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteWebhooks>,
    One(id): One<WebhookId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let seq = caller.acts(&server).test_webhook(&id).await?;
    Ok((StatusCode::ACCEPTED, Json(WebhookActed { webhook: id, seq: Some(seq) })).into_response())
}

/// Sends a message again, under the id that it has.
pub(super) async fn redeliver(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteWebhooks>,
    Two(id, message): Two<WebhookId, MessageId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let seq = caller.acts(&server).redeliver(&id, &message).await?;
    Ok((StatusCode::ACCEPTED, Json(WebhookActed { webhook: id, seq: Some(seq) })).into_response())
}

//! `POST /admin/v1/webhooks/{webhook}/rotate-secret`

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::admin::body::{Body, Fields, FromFields};
use crate::admin::caller::{Caller, WriteWebhooks};
use crate::admin::path::One;
use crate::admin::problem::Problem;
use crate::admin::tag::etag;
use crate::admin::view::{Shown, WebhookRotated};
use crate::domain::webhook::{USUAL_OVERLAP, WebhookId};
use crate::web::Server;

/// For how long the old secret signs as well.
pub(super) struct Rotation(Duration);

impl FromFields for Rotation {
    const MAY_BE_ABSENT: bool = true;

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let secs: Option<u64> = fields.take("overlap_secs")?.given();
        Ok(Self(secs.map_or(USUAL_OVERLAP, Duration::from_secs)))
    }
}

/// Gives a webhook a new signing secret; it is in this answer and nowhere else.
pub(super) async fn rotate(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteWebhooks>,
    One(id): One<WebhookId>,
    Body(Rotation(overlap)): Body<Rotation>,
) -> Result<Response, Problem> {
    let (made, old_ends_at) = caller.acts(&server).rotate_webhook_secret(&id, overlap).await?;
    let seq = made.webhook.changed;
    let rotated = WebhookRotated { webhook: id, old_ends_at: old_ends_at.secs(), seq };
    Ok((etag(seq), Json(Shown { key: rotated, secret: &made.secret.expose() })).into_response())
}

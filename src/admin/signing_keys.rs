//! `/admin/v1/signing-keys`: list, rotate, retire. Private keys neither come nor go over HTTP: that is the
//! shell's, beside database and master key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::domain::signing_key::Line;
use crate::domain::{Reason, SigningAlgorithm, SigningKeyId};
use crate::keys::acts::Why;
use crate::web::Server;

use super::body::{Body, Field, Fields, FromFields};
use super::caller::{Caller, ReadSigning, WriteSigning};
use super::path::One;
use super::problem::Problem;
use super::query::Query;
use super::view::{Page, Rotated, SigningKeyRow};
use super::why::take_why_or;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/signing-keys", get(list))
        .route("/admin/v1/signing-keys/rotate", post(rotate))
        .route("/admin/v1/signing-keys/{kid}/retire", post(retire))
}

/// All of them, those that are gone too.
async fn list(
    State(server): State<Arc<Server>>,
    _caller: Caller<ReadSigning>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let (keys, now) = (server.store.signing_keys().await?, server.clock.now());
    let rows = keys.iter().map(|key| SigningKeyRow::of(key, now)).collect();
    Ok(Json(Page::whole(rows)).into_response())
}

/// Which line of keys gets a successor.
struct Which(Line);

impl FromFields for Which {
    const MAY_BE_ABSENT: bool = true;

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let algorithm = fields.take::<String>("algorithm")?.and_then(|name| {
            let known = name.parse::<SigningAlgorithm>();
            known.map_err(|_| Problem::value("algorithm", "it is ES256, EdDSA or RS256"))
        })?;
        let purpose: Option<String> = fields.take("purpose")?.given();
        match (purpose.as_deref(), algorithm) {
            (Some("feed"), Field::Absent | Field::Null) => Ok(Self(Line::FEED)),
            (Some("feed"), Field::Given(_)) => {
                Err(Problem::value("algorithm", "the feed is signed with EdDSA alone"))
            }
            (None | Some("tokens"), algorithm) => {
                Ok(Self(Line::tokens(algorithm.given().unwrap_or_default())))
            }
            (Some(_), _) => Err(Problem::value("purpose", "it is tokens or feed")),
        }
    }
}

/// Announces a successor: it signs ten minutes later, and the one before it retires then.
async fn rotate(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteSigning>,
    Body(Which(line)): Body<Which>,
) -> Result<Response, Problem> {
    let new = caller.acts(&server).rotate_signing_key(line).await?;
    follow(&server).await;
    let new = Some(SigningKeyRow::of(&new, server.clock.now()));
    Ok((StatusCode::CREATED, Json(Rotated { retired: None, new })).into_response())
}

/// Why a signing key is retired at once.
struct Emergency(Why);

impl FromFields for Emergency {
    const MAY_BE_ABSENT: bool = true;

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        take_why_or(fields, Reason::KeyCompromise).map(Self)
    }
}

/// The emergency: revokes all that a signing key signed, at once.
async fn retire(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteSigning>,
    One(kid): One<SigningKeyId>,
    Body(Emergency(why)): Body<Emergency>,
) -> Result<Response, Problem> {
    let new = caller.acts(&server).retire_signing_key(&kid, &why).await?;
    follow(&server).await;
    let new = new.map(|key| SigningKeyRow::of(&key, server.clock.now()));
    Ok(Json(Rotated { retired: Some(kid), new }).into_response())
}

/// This node signs with the new set as soon as it can. If it cannot now, the loop says so, and does it
/// later; what was revoked is known already.
async fn follow(server: &Server) {
    if let Err(error) = server.sync.step().await {
        let told = &error as &dyn std::error::Error;
        tracing::warn!(error = told, "the new set of signing keys could not be read yet");
    }
}

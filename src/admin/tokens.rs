//! `/admin/v1/tokens`: what the issuance log holds, and the end of one of them;
//! `/admin/v1/revocations`: what has ended so.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::domain::{KeyId, Position, ProjectId, Timestamp, TokenId};
use crate::store::{WantedRevocations, WantedTokens};
use crate::web::Server;

use super::body::Body;
use super::caller::{Caller, ReadKeys, RevokeTokens};
use super::path::One;
use super::problem::Problem;
use super::query::Query;
use super::view::{RevocationRow, TokenRevoked, TokenRow};
use super::waiting::Waiting;
use super::why::Because;

/// What may be revoked.
pub const KINDS: [&str; 6] = ["all", "project", "key", "subject", "token", "signing_key"];

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/tokens", get(list))
        .route("/admin/v1/tokens/{token}", get(show))
        .route("/admin/v1/tokens/{token}/revoke", post(revoke))
        .route("/admin/v1/revocations", get(revocations))
}

/// Issued tokens, the newest first.
async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadKeys>,
    mut query: Query,
) -> Result<Response, Problem> {
    let project: Option<ProjectId> = query.take("project", "`project` is no project's id")?;
    let within = caller.reach_in(project)?;
    let key: Option<KeyId> = query.take("key", "`key` is no key's id")?;
    let subject: Option<String> = query.printable("sub")?;
    let address: Option<IpAddr> = query.take("address", "`address` is no IP address")?;
    let (since, until) = (query.moment("since")?, query.moment("until")?);
    let part = query.part::<TokenId>(&server)?;
    let address = address.map(|address| address.to_canonical());
    let (before, limit) = (part.after, part.rows());
    let wanted = WantedTokens { within, key, subject, address, since, until, before, limit };
    let rows = server.store.find_tokens(&wanted).await?.into_iter().map(TokenRow::from).collect();
    Ok(Json(part.page(&server, rows, |last: &TokenRow| last.jti.to_string())).into_response())
}

/// One of them.
async fn show(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadKeys>,
    One(jti): One<TokenId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let found = server.store.issued_token(jti).await?;
    let seen = found.filter(|token| caller.reach().has(&token.project));
    Ok(Json(TokenRow::from(seen.ok_or(Problem::Missing("token"))?)).into_response())
}

/// Revokes one of them, and all that were exchanged from it.
async fn revoke(
    State(server): State<Arc<Server>>,
    caller: Caller<RevokeTokens>,
    One(jti): One<TokenId>,
    waiting: Waiting,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    let (project, position) = caller.acts(&server).revoke_token(jti, &why).await?;
    let revoked = TokenRevoked { jti, project, position };
    Ok(Json(waiting.until_applied(&server, position, revoked).await).into_response())
}

/// Revocations that have not ended, the newest first.
async fn revocations(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadKeys>,
    mut query: Query,
) -> Result<Response, Problem> {
    let project: Option<ProjectId> = query.take("project", "`project` is no project's id")?;
    let within = caller.reach_in(project)?;
    let kind = query.one_of("revoke", &KINDS)?;
    let part = query.part::<Place>(&server)?;
    let before = part.after.as_ref().map(|Place(position)| *position);
    let now: Timestamp = server.clock.now();
    let wanted = WantedRevocations { within, kind, now, before, limit: part.rows() };
    let found = server.store.find_revocations(&wanted).await?;
    let rows = found.iter().filter_map(RevocationRow::of).collect();
    Ok(Json(part.page(&server, rows, |last: &RevocationRow| last.position.to_string())).into_response())
}

/// A place in the feed, as a cursor names it.
struct Place(Position);

impl std::str::FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        raw.parse().map(|position| Self(Position::new(position)))
    }
}

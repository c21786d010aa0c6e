//! `POST /oauth/revoke`: a key takes back a token of its own (RFC 7009).
//!
//! An unknown token gets 200 (§2.2): there is nothing left to revoke. A token of another key gets
//! an error, never a 200 while it lives (threat S26).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use portcullis_guard::VerifiedClaims;
use serde_json::json;

use super::caller::Caller;
use super::error::{Error, no_store};
use crate::domain::Target;
use crate::domain::audit::{Act, Actor};
use crate::domain::feed::{FeedDraft, Published};
use crate::store::TokenRevocation;
use crate::web::Server;

/// How many live revocations of tokens a project may have.
const MOST_LIVE: u32 = 100_000;

/// The endpoint.
///
/// # Errors
/// See [`Error`].
pub(super) async fn revoke(State(server): State<Arc<Server>>, caller: Caller) -> Result<Response, Error> {
    let token = caller.form.get("token").ok_or(Error::InvalidRequest("`token` is missing"))?;
    take_back(&server, &caller, token).await?;
    Ok((StatusCode::OK, no_store()).into_response())
}

/// Revokes a token of the caller's own; one that is worth nothing any more is left alone.
///
/// # Errors
/// See [`Error`].
pub(super) async fn take_back(server: &Server, caller: &Caller, token: &str) -> Result<(), Error> {
    let Some(live) = live(server, token) else { return Ok(()) };
    if live.claims().client_id != caller.record.key.id {
        return Err(Error::InvalidRequest("the token was minted by another key"));
    }
    server.revoking.check(&caller.record.key.id).map_err(Error::TooMany)?;
    publish(server, caller, &live).await
}

/// The token, if it is one of ours and neither expired nor known to be dead.
fn live(server: &Server, token: &str) -> Option<Arc<VerifiedClaims>> {
    let verified = server.check_signature(token).ok()?;
    let ours = *verified.claims().iss == *server.issuer && server.clock.now() < verified.claims().exp;
    let alive = server.copy.list().check(verified.kid(), verified.claims()).is_ok();
    (ours && alive).then_some(verified)
}

/// Commit, then our own memory, then the answer.
async fn publish(server: &Server, caller: &Caller, token: &VerifiedClaims) -> Result<(), Error> {
    let claims = token.claims();
    let acts = server.acts(Actor::Key(caller.record.key.id.clone()), caller.address);
    let target = Target::Token { project: claims.prj.clone(), jti: claims.jti };
    let feed = FeedDraft::revoke(target, Some(claims.exp), acts.tag());
    let audit = acts.audit(Act::RevokeToken, Some(&claims.prj), &claims.jti.to_string(), json!({}));
    let ends = feed.ends.at(audit.at);
    let (tag, entry) = (feed.tag, feed.entry.clone());
    let revocation = TokenRevocation { project: claims.prj.clone(), limit: MOST_LIVE, feed, audit };
    let position = server.store.revoke_token(&revocation).await?;
    server.copy.apply_own(&Published { position, tag, entry, ends });
    Ok(())
}

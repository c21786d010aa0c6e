//! `POST /v1/key/block`: whoever presents a full secret blocks its key, from anywhere (design section 3).
//!
//! In any way in which the key may authenticate, and with the secret alone, which every key may be stopped with.
//! The answer is sent after the commit; a key that is blocked already is as it should be.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::HttpBody as _;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::client_auth;
use super::error::{Error, no_store};
use super::request::KeyRequest;
use crate::domain::audit::Actor;
use crate::domain::grant::Refusal;
use crate::domain::{AuthMethod, KeyId, KeyState, Reason};
use crate::keys::Use;
use crate::keys::acts::{Error as ActError, Why};
use crate::web::{Form, Server};

/// The endpoint.
///
/// # Errors
/// See [`Error`].
pub(super) async fn block(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Error> {
    let asked = KeyRequest::from_request(with_a_form(request), &server).await?;
    let why = Why { reason: reason(&asked.form)?, note: None };
    let key = prove(&server, &asked).await?;
    act(&server, &key, asked.address, &why).await?;
    Ok((no_store(), Json(json!({ "key_id": key, "state": KeyState::Blocked }))).into_response())
}

/// Nobody has to send an empty form: this is done in a hurry.
fn with_a_form(mut request: Request) -> Request {
    if request.body().is_end_stream() && !request.headers().contains_key(header::CONTENT_TYPE) {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form);
    }
    request
}

fn reason(form: &Form) -> Result<Reason, Error> {
    let given = form.get("reason").map(str::parse).transpose();
    let unknown = |_| Error::InvalidRequest("`reason` is none of the reasons that there are");
    Ok(given.map_err(unknown)?.unwrap_or(Reason::KeyCompromise))
}

/// The key that the credentials prove, whether it may be used or not, and wherever they come from.
async fn prove(server: &Server, asked: &KeyRequest) -> Result<KeyId, Error> {
    let presented = &asked.presented;
    let proven = server.authenticator.authenticate(&presented.credentials, asked.address, Use::Fresh).await;
    let proven = proven.map_err(|denied| Error::denied(denied, presented.challenge))?;
    let key = &proven.record.key;
    client_auth::check_client_id(&asked.form, &key.id)?;
    let admitted =
        presented.method == AuthMethod::Bearer || key.details.auth_methods.admits(presented.method);
    if admitted { Ok(key.id.clone()) } else { Err(Error::refused(&Refusal::Method, presented.challenge)) }
}

async fn act(server: &Server, key: &KeyId, address: Option<IpAddr>, why: &Why) -> Result<(), Error> {
    let blocked = server.acts(Actor::Key(key.clone()), address).block_own(key, why).await;
    blocked.map_err(|error| match error {
        ActError::Store(error) => error.into(),
        // Deleted since the secret was looked at.
        ActError::Edit(_) => Error::unauthenticated(super::error::Challenge::default()),
        _ => Error::Server,
    })
}

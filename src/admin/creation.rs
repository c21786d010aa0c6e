//! A request that makes something: with an `Idempotency-Key` it makes it once, and whoever asks again within
//! 24 hours is answered as the first time, but for the secret, which nobody has any more.

use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::domain::{ProjectId, Timestamp};
use crate::keys::acts::{Acts, Error as ActError, Made, Naming};
use crate::store::Error as StoreError;
use crate::web::Server;

use super::body::{Fields, FromFields, MAX_BODY_BYTES};
use super::caller::{Caller, Needs};
use super::problem::Problem;
use super::query::check_untaken;
use super::tag::etag;
use super::view::{KeyActed, KeyRow, ProjectWhole, RoleRow, SecretAdded, WebhookRow};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest name of a request, in bytes.
const LONGEST_NAME: usize = 255;

/// A body of which something is made, and what the request is called.
pub(super) struct Creation<T> {
    /// The body.
    pub(super) body: T,
    /// The request.
    pub(super) named: Named,
}

/// What a request is called, if anything, and what it asks for.
pub(super) struct Named {
    /// A mark of the name.
    name: Option<String>,
    request: [u8; 16],
}

impl<T: FromFields> FromRequest<Arc<Server>> for Creation<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_untaken(&parts)?;
        let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Problem::TooLong)?;
        let mut fields = Fields::of_bytes(&parts.headers, &bytes, T::MAY_BE_ABSENT)?;
        let body = T::from_fields(&mut fields)?;
        fields.end()?;
        Ok(Self { body, named: Named::of(&parts, &bytes, server)? })
    }
}

impl Named {
    fn of(parts: &Parts, body: &[u8], server: &Server) -> Result<Self, Problem> {
        let mut lines = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let (line, more) = (lines.next(), lines.next());
        let fits = |line: &HeaderValue| {
            (1..=LONGEST_NAME).contains(&line.len()) && line.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        if more.is_some() || line.is_some_and(|line| !fits(line)) {
            return Err(Problem::InvalidRequest(
                "an Idempotency-Key is one word of 1 to 255 visible characters",
            ));
        }
        // Kept for a day: and somebody may take for a name what is none of ours to keep.
        let kept =
            |line: &HeaderValue| URL_SAFE_NO_PAD.encode(server.mark("name of a request", &[line.as_bytes()]));
        let name = line.map(kept);
        let request =
            server.mark("request", &[parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), body]);
        Ok(Self { name, request })
    }

    /// What was made under this name before, answered again.
    ///
    /// # Errors
    /// [`Problem::Renamed`] if it was something else; [`Problem::Token`] if whoever asks may no longer.
    pub(super) async fn replayed<N: Needs>(
        &self,
        server: &Server,
        caller: &Caller<N>,
    ) -> Result<Option<Response>, Problem> {
        let Some(name) = &self.name else { return Ok(None) };
        let now = server.clock.now();
        let Some(replay) = server.store.replay(caller.key(), name, now).await? else { return Ok(None) };
        if replay.request != self.request {
            return Err(Problem::Renamed);
        }
        let damaged = |_| Problem::Server;
        let mut answer: Value = serde_json::from_str(&replay.answer).map_err(damaged)?;
        let project: Option<ProjectId> = answer["body"]["project"].as_str().and_then(|id| id.parse().ok());
        caller.check_made(project.as_ref())?;
        for name in ["position", "seq"] {
            if let Some(place) = answer["body"].get_mut(name) {
                *place = json!(replay.position);
            }
        }
        let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
        let told = [(REPLAYED, HeaderValue::from_static("true"))];
        let mut response = (status, etag(replay.position), told, Json(answer["body"].take())).into_response();
        if let Some(location) = answer["location"].as_str().and_then(|it| HeaderValue::from_str(it).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(Some(response))
    }

    /// The acts of a request of this name.
    pub(super) fn acts<N: Needs>(&self, server: &Server, caller: &Caller<N>) -> Acts {
        let naming = self.name.as_ref().map(|name| Naming {
            actor: caller.key().clone(),
            name: name.clone(),
            request: self.request,
            describe: described,
        });
        Acts { naming, ..caller.acts(server) }
    }

    /// What became of an act: what it was answered with, or with what the one was that was quicker.
    ///
    /// # Errors
    /// See [`Problem`].
    pub(super) async fn answer<N: Needs, T>(
        &self,
        made: Result<T, ActError>,
        (server, caller): (&Server, &Caller<N>),
        answer: impl FnOnce(T) -> Response,
    ) -> Result<Response, Problem> {
        match made {
            Ok(made) => Ok(answer(made)),
            // Of two at the same instant the slower may fail of whatever the quicker has done.
            Err(error) => match self.replayed(server, caller).await? {
                Some(answer) => Ok(answer),
                None if matches!(error, ActError::Store(StoreError::Taken("idempotency key"))) => {
                    Err(Problem::Conflict)
                }
                None => Err(error.into()),
            },
        }
    }
}

/// What is answered to whoever makes this, without the secret; the position is not known yet.
fn described(made: &Made<'_>) -> Value {
    let done = |key: &crate::domain::ApiKey| KeyActed {
        key_id: key.id.clone(),
        project: key.project.clone(),
        position: key.changed,
        tokens_revoked: false,
    };
    match made {
        Made::Key(key) => json!({
            "status": 201,
            "location": format!("/admin/v1/keys/{}", key.id),
            "body": KeyRow::from((*key).clone()),
        }),
        Made::Project(project, issuer) => json!({
            "status": 201,
            "location": format!("/admin/v1/projects/{}", project.id),
            "body": ProjectWhole::of((*project).clone(), Vec::new(), issuer),
        }),
        Made::Role(project, role) => json!({
            "status": 201,
            "location": format!("/admin/v1/projects/{project}/roles/{}", role.name),
            "body": RoleRow::of(project, (*role).clone()),
        }),
        Made::Secret { key, id, expires_at } => {
            let expires_at = expires_at.map(Timestamp::secs);
            json!({ "status": 201, "body": SecretAdded { done: done(key), secret_id: id.clone(), expires_at } })
        }
        Made::SecretInPlace(key) => json!({ "status": 200, "body": done(key) }),
        Made::Webhook(webhook) => json!({
            "status": 201,
            "location": format!("/admin/v1/webhooks/{}", webhook.id),
            "body": WebhookRow::from((*webhook).clone()),
        }),
    }
}

//! `/admin/v1/keys/{key}/secrets` and `POST /admin/v1/keys/{key}/regenerate`

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::admin::body::{Body, Field, Fields, FromFields};
use crate::admin::caller::{Caller, ReadKeys, WriteKeys};
use crate::admin::path::{One, Two};
use crate::admin::problem::Problem;
use crate::admin::query::Query;
use crate::admin::tag::etag;
use crate::admin::view::{KeyActed, Page, SecretAdded, SecretEnded, SecretRow, Shown};
use crate::admin::why::take_why;
use crate::domain::api_key::check_end;
use crate::domain::{KeyId, SecretId, Timestamp};
use crate::keys::acts::Why;
use crate::web::Server;

/// The longest that something is put off, in seconds: a hundred years.
const FARTHEST: u64 = 36_525 * 24 * 3600;

/// When a further secret ends, and why there is one.
pub(in crate::admin) struct NewSecret {
    expires_at: Option<Timestamp>,
    why: Why,
}

impl FromFields for NewSecret {
    const MAY_BE_ABSENT: bool = true;

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let expires_at = fields.take::<i64>("expires_at")?.given().map(Timestamp::from_secs);
        Ok(Self { expires_at, why: take_why(fields)? })
    }
}

/// How long old secrets work on, and why they end.
pub(in crate::admin) struct Regeneration {
    overlap: Duration,
    why: Why,
}

impl FromFields for Regeneration {
    const MAY_BE_ABSENT: bool = true;

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { overlap: span(fields, "overlap_secs")?, why: take_why(fields)? })
    }
}

/// How long a secret works on, and why it ends.
pub(in crate::admin) struct End {
    delay: Duration,
    why: Why,
}

impl FromFields for End {
    const MAY_BE_ABSENT: bool = true;

    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { delay: span(fields, "in_secs")?, why: take_why(fields)? })
    }
}

fn span(fields: &mut Fields, name: &'static str) -> Result<Duration, Problem> {
    match fields.take::<u64>(name)? {
        Field::Given(secs) if secs > FARTHEST => Err(Problem::value(name, "more than a hundred years")),
        given => Ok(Duration::from_secs(given.given().unwrap_or_default())),
    }
}

/// A key's secrets by their public names.
pub(in crate::admin) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadKeys>,
    One(key): One<KeyId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let record = caller.acts(&server).record(&key).await?;
    caller.check_key(&record.key)?;
    let rows = record.secrets.iter().map(SecretRow::of).collect();
    Ok((etag(record.key.changed), Json(Page::whole(rows))).into_response())
}

/// Gives a key a further secret, beside those that it has; it is in this answer and nowhere else.
pub(in crate::admin) async fn add(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    Body(NewSecret { expires_at, why }): Body<NewSecret>,
) -> Result<Response, Problem> {
    let checked = expires_at.map(|end| check_end(end, server.clock.now())).transpose();
    checked.map_err(|why| Problem::value("expires_at", format!("it is {why}")))?;
    let (done, made) = caller.acts(&server).add_secret(&key, expires_at, &why).await?;
    let (tag, done) = (etag(done.position), KeyActed::of(&key, &done));
    let added = SecretAdded { done, secret_id: made.id, expires_at: expires_at.map(Timestamp::secs) };
    let shown = Shown { key: added, secret: made.secret.expose() };
    Ok((StatusCode::CREATED, tag, Json(shown)).into_response())
}

/// Gives a key a new secret in place of those that it has; it is in this answer and nowhere else.
pub(in crate::admin) async fn regenerate(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(key): One<KeyId>,
    Body(Regeneration { overlap, why }): Body<Regeneration>,
) -> Result<Response, Problem> {
    let (done, secret) = caller.acts(&server).regenerate(&key, overlap, &why).await?;
    let (tag, done) = (etag(done.position), KeyActed::of(&key, &done));
    Ok((tag, Json(Shown { key: done, secret: secret.expose() })).into_response())
}

/// Ends one of a key's secrets; tokens live on.
pub(in crate::admin) async fn expire(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    Two(key, secret): Two<KeyId, SecretId>,
    Body(End { delay, why }): Body<End>,
) -> Result<Response, Problem> {
    let acts = caller.acts(&server);
    let done = acts.expire_secret(&key, &secret, delay, &why).await?;
    let left = acts.record(&key).await?.secrets;
    let end = left.iter().find(|left| left.digest.id() == secret).and_then(|left| left.expires_at);
    let (tag, done) = (etag(done.position), KeyActed::of(&key, &done));
    let ended = SecretEnded { done, secret_id: secret, expires_at: end.map(Timestamp::secs) };
    Ok((tag, Json(ended)).into_response())
}

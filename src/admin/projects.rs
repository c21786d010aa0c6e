//! `/admin/v1/projects`

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::domain::{Project, ProjectId, ProjectKind, ProjectPatch};
use crate::keys::acts::Acts;
use crate::store::WantedProjects;
use crate::web::Server;

use super::body::{Body, Field, Fields, FromFields};
use super::caller::{Caller, MakeProjects, ReadProjects, WriteProjects};
use super::creation::Creation;
use super::path::One;
use super::problem::Problem;
use super::query::Query;
use super::tag::{Seen, etag};
use super::view::{ProjectEdited, ProjectRow, ProjectWhole};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/projects", get(list).post(create))
        .route("/admin/v1/projects/{project}", get(show).patch(edit))
}

/// Projects by id, as far as whoever asks may see them.
async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller<ReadProjects>,
    mut query: Query,
) -> Result<Response, Problem> {
    let text = query.text()?;
    let part = query.part::<ProjectId>(&server)?;
    let wanted =
        WantedProjects { within: caller.reach(), text, after: part.after.clone(), limit: part.rows() };
    let found = server.store.find_projects(&wanted).await?;
    let rows: Vec<ProjectRow> = found.into_iter().map(ProjectRow::from).collect();
    Ok(Json(part.page(&server, rows, |last| last.project.to_string())).into_response())
}

/// A project to be made.
struct New {
    name: String,
    kind: ProjectKind,
    live_tokens: Option<NonZeroU32>,
}

impl FromFields for New {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let kind: Option<String> = fields.take("kind")?.given();
        let kind = kind.map_or(Ok(ProjectKind::Live), |word| word.parse());
        Ok(Self {
            name: fields.need("name")?,
            kind: kind.map_err(|error| Problem::value("kind", error.to_string()))?,
            live_tokens: fields.take("live_tokens")?.given(),
        })
    }
}

/// Makes a project.
async fn create(
    State(server): State<Arc<Server>>,
    caller: Caller<MakeProjects>,
    Creation { body: New { name, kind, live_tokens }, named }: Creation<New>,
) -> Result<Response, Problem> {
    if let Some(answer) = named.replayed(&server, &caller).await? {
        return Ok(answer);
    }
    let made = named.acts(&server, &caller).create_limited_project(&name, kind, live_tokens).await;
    let answer = |project: Project| {
        let location = [(header::LOCATION, format!("/admin/v1/projects/{}", project.id))];
        let made = (etag(project.changed), Json(ProjectWhole::of(project, Vec::new(), &server.issuer)));
        (StatusCode::CREATED, location, made).into_response()
    };
    named.answer(made, (&server, &caller), answer).await
}

/// A project and its audiences.
async fn show(
    State(server): State<Arc<Server>>,
    _caller: Caller<ReadProjects>,
    One(id): One<ProjectId>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    // First: with what is read after it, the tag is rather too old than too young.
    let project = server.store.project(&id).await?.ok_or(Problem::Missing("project"))?;
    let audiences = server.store.audiences(&id).await?;
    let tag = etag(project.changed);
    Ok((tag, Json(ProjectWhole::of(project, audiences, &server.issuer))).into_response())
}

impl FromFields for ProjectPatch {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let name = match fields.take("name")? {
            Field::Null => return Err(Problem::value("name", "a project has a name")),
            name => name.given(),
        };
        let algorithm = fields.take::<String>("algorithm")?.and_then(|name| {
            name.parse().map_err(|_| Problem::value("algorithm", "it is ES256, EdDSA or RS256"))
        })?;
        let on_leak = fields.take::<String>("on_leak")?.and_then(|policy| {
            policy.parse().map_err(|_| Problem::value("on_leak", "it is `block` or `flag`"))
        })?;
        let patch = Self {
            name,
            algorithm: algorithm.or_default(),
            live_tokens: fields.take("live_tokens")?.map(Some).or_default(),
            raw_keys: fields.take("raw_keys")?.or_default(),
            on_leak: on_leak.or_default(),
        };
        if patch.is_empty() {
            return Err(Problem::value(
                "",
                "name what is to change: name, algorithm, live_tokens, raw_keys, on_leak",
            ));
        }
        Ok(patch)
    }
}

/// Changes what is named of a project, all of it or nothing.
async fn edit(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteProjects>,
    One(id): One<ProjectId>,
    Seen(expecting): Seen,
    Body(patch): Body<ProjectPatch>,
) -> Result<Response, Problem> {
    let acts = Acts { expecting, ..caller.acts(&server) };
    let done = acts.edit_project(&id, patch.clone()).await.map_err(Problem::of_edit)?;
    Ok((etag(done.position), Json(ProjectEdited::patched(done, &patch))).into_response())
}

//! `/admin/v1/projects/{project}/roles`: named sets of permissions that keys share. To edit one is to edit
//! every key that has it, so it takes the rights of keys.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::domain::{ProjectId, Role, RoleDetails, RoleName, ScopeSet};
use crate::keys::acts::{Acts, Why};
use crate::web::Server;

use super::body::{Body, Field, Fields, FromFields};
use super::caller::{Caller, ReadKeys, WriteKeys};
use super::creation::Creation;
use super::keys::details::scopes;
use super::path::{One, Two};
use super::problem::Problem;
use super::query::Query;
use super::tag::{Seen, etag};
use super::view::{RoleActed, RoleRow, RoleWhole};
use super::waiting::Waiting;
use super::why::{Because, take_why};

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/admin/v1/projects/{project}/roles", get(list).post(create))
        .route("/admin/v1/projects/{project}/roles/{role}", get(show).patch(edit))
        .route("/admin/v1/projects/{project}/roles/{role}/delete", post(delete))
}

/// A project's roles by name.
async fn list(
    State(server): State<Arc<Server>>,
    _caller: Caller<ReadKeys>,
    One(project): One<ProjectId>,
    query: Query,
) -> Result<Response, Problem> {
    let part = query.part::<RoleName>(&server)?;
    server.store.project(&project).await?.ok_or(Problem::Missing("project"))?;
    let found = server.store.roles(&project, part.after.as_ref(), part.rows()).await?;
    let rows: Vec<RoleRow> = found.into_iter().map(|role| RoleRow::of(&project, role)).collect();
    Ok(Json(part.page(&server, rows, |last| last.role.to_string())).into_response())
}

/// A role to be made.
struct New {
    name: RoleName,
    details: RoleDetails,
}

impl FromFields for New {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { name: fields.need("role")?, details: Given::take(fields)?.over(RoleDetails::default()) })
    }
}

/// What of a role may be given.
struct Given {
    description: Field<String>,
    permissions: Field<ScopeSet>,
}

impl Given {
    fn take(fields: &mut Fields) -> Result<Self, Problem> {
        let permissions = fields.take("permissions")?.and_then(scopes)?;
        Ok(Self { description: fields.take("description")?, permissions })
    }

    /// `before`, with what is given in place of what was there.
    fn over(self, before: RoleDetails) -> RoleDetails {
        RoleDetails {
            description: self.description.over(before.description, String::new),
            permissions: self.permissions.over(before.permissions, ScopeSet::default),
        }
    }
}

/// Makes a role, which no key has yet.
async fn create(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    One(project): One<ProjectId>,
    Creation { body: New { name, details }, named }: Creation<New>,
) -> Result<Response, Problem> {
    if let Some(answer) = named.replayed(&server, &caller).await? {
        return Ok(answer);
    }
    let made = named.acts(&server, &caller).create_role(&project, name, details).await;
    let answer = |role: Role| {
        let at = format!("/admin/v1/projects/{project}/roles/{}", role.name);
        let (tag, row) = (etag(role.changed), RoleRow::of(&project, role));
        (StatusCode::CREATED, [(header::LOCATION, at)], tag, Json(row)).into_response()
    };
    named.answer(made, (&server, &caller), answer).await
}

/// A role, and how many keys have it.
async fn show(
    State(server): State<Arc<Server>>,
    _caller: Caller<ReadKeys>,
    Two(project, name): Two<ProjectId, RoleName>,
    query: Query,
) -> Result<Response, Problem> {
    query.end()?;
    let role = server.store.role(&project, &name).await?.ok_or(Problem::Missing("role"))?;
    let keys = server.store.keys_with_role(&project, &name).await?;
    let (tag, row) = (etag(role.changed), RoleRow::of(&project, role));
    Ok((tag, Json(RoleWhole { row, keys })).into_response())
}

/// What is to become of a role, and why.
struct Patch {
    given: Given,
    why: Why,
}

impl FromFields for Patch {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { given: Given::take(fields)?, why: take_why(fields)? })
    }
}

/// Changes what is given, for every key that has the role.
async fn edit(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    Two(project, name): Two<ProjectId, RoleName>,
    (Seen(expecting), waiting): (Seen, Waiting),
    Body(Patch { given, why }): Body<Patch>,
) -> Result<Response, Problem> {
    let acts = Acts { expecting, ..caller.acts(&server) };
    let done = acts.edit_role(&project, &name, |before| given.over(before), &why).await;
    let done = done.map_err(Problem::of_edit)?;
    let position = done.position;
    let told = waiting.until_applied(&server, position, RoleActed::of(&name, done)).await;
    Ok((etag(position), Json(told)).into_response())
}

/// Deletes a role that no key has.
async fn delete(
    State(server): State<Arc<Server>>,
    caller: Caller<WriteKeys>,
    Two(project, name): Two<ProjectId, RoleName>,
    Body(Because(why)): Body<Because>,
) -> Result<Response, Problem> {
    let done = caller.acts(&server).delete_role(&project, &name, &why).await?;
    Ok(Json(RoleActed::of(&name, done)).into_response())
}

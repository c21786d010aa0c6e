//! The administrators' REST API, one file per resource.
//!
//! Not here: what an act does (`keys::acts`, which the commands of the shell call as well) and who may
//! carry it out (`domain::authority`).

mod audiences;
mod audit;
mod body;
mod caller;
mod creation;
mod hygiene;
mod keys;
mod nodes;
mod path;
mod problem;
mod projects;
mod query;
mod roles;
mod scopes;
mod signing_keys;
mod tag;
mod tokens;
pub mod view;
mod waiting;
mod webhooks;
mod why;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;

use crate::web::{Server, no_store};

pub use audit::{FORMATS as AUDIT_FORMATS, MEDIA_TYPES as AUDIT_MEDIA_TYPES, ORDERS as AUDIT_ORDERS};
pub use hygiene::{EXPIRING_DAYS, OVER_BROAD_DAYS, UNUSED_DAYS};
pub use problem::{problem, problem_codes};
pub use tokens::KINDS as REVOCATION_KINDS;
pub use waiting::{LONGEST as LONGEST_WAIT, WORD as WAIT_WORD, longest_wait};

/// The routes. Nothing that they answer is for a cache.
pub fn routes() -> Router<Arc<Server>> {
    let resources = [
        keys::routes(),
        hygiene::routes(),
        projects::routes(),
        roles::routes(),
        scopes::routes(),
        audiences::routes(),
        tokens::routes(),
        signing_keys::routes(),
        audit::routes(),
        nodes::routes(),
        webhooks::routes(),
    ];
    resources.into_iter().fold(Router::new(), Router::merge).layer(map_response(
        async |mut response: Response| {
            response.headers_mut().extend(no_store());
            response
        },
    ))
}

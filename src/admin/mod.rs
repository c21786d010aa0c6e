//! The administrators' REST API, one file per resource.
//!
//! Not here: what an act does (`keys::acts`, which the commands of the shell call as well) and who may
//! carry it out (`domain::authority`).

mod body;
mod caller;
mod keys;
mod path;
mod problem;
mod query;
mod tag;
pub mod view;
mod why;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;

use crate::web::{Server, no_store};

pub use problem::problem;

/// The routes. Nothing that they answer is for a cache.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().merge(keys::routes()).layer(map_response(async |mut response: Response| {
        response.headers_mut().extend(no_store());
        response
    }))
}

//! Reports of leaked secrets: `POST /v1/leaks` takes them from anybody, because a full secret is its own proof,
//! and says the same whatever they are; `POST /v1/leaks/signed` takes those that scanners of public repositories
//! sign, and says which were right.
//!
//! Not here: what a report does (`domain::leak`), how it is done (`keys::leak_acts`).

mod body;
mod error;
mod signed;

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use crate::config::{Error as ConfigError, NamedFile};
use crate::domain::SecretDigest;
use crate::domain::audit::Actor;
use crate::domain::leak::report::{MAX_BYTES, Report};
use crate::domain::leak::{Outcome, Place, Signers};
use crate::keys::leak_acts::Find;
use crate::web::{ClientAddress, Server, no_store};

use error::Error;

pub use error::error_codes;
pub use signed::{IDENTIFIER, SIGNATURE};

/// Where anybody reports.
pub const PATH: &str = "/v1/leaks";
/// Where those report who sign.
pub const SIGNED_PATH: &str = "/v1/leaks/signed";
/// What everybody is answered whose report could be read.
pub const RECEIVED: &str = "received";

/// The routes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(PATH, post(report)).route(SIGNED_PATH, post(signed::report))
}

/// Whose signed reports are taken, as the file says that a setting names.
///
/// # Errors
/// What is wrong with the file.
pub fn signers(file: Option<&NamedFile>) -> Result<Signers, ConfigError> {
    let Some(file) = file else { return Ok(Signers::default()) };
    let text = fs::read_to_string(&file.path)
        .map_err(|error| file.blame(&error.to_string(), "name a file that the server may read"))?;
    let fix = "write what the scanner publishes, or public keys on P-256 as PEM";
    Signers::read(&text).map_err(|why| file.blame(&why.to_string(), fix))
}

/// `POST /v1/leaks`. The answer is the same whatever the texts are, and so is all that is computed before it is
/// known what they are.
async fn report(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Error> {
    let ClientAddress(address) = ClientAddress::of(request.headers(), request.extensions(), &server);
    let report = Report::read(&body::read(request, MAX_BYTES).await?)?;
    let digests = server.authenticator.digests_of_reported(report.secrets.iter(), address)?;
    let finds: Vec<_> = digests.iter().map(|digest| Found { digest, place: &report.place }).collect();
    answer(&server, address, None, &finds).await?;
    Ok((StatusCode::ACCEPTED, no_store(), Json(json!({ "status": RECEIVED }))).into_response())
}

/// A text that was reported.
struct Found<'a> {
    digest: &'a SecretDigest,
    place: &'a Place,
}

/// Does what is to be done about each of them. What cannot be done about one keeps nobody from the others.
///
/// # Errors
/// The last that there was.
async fn answer(
    server: &Server,
    address: Option<IpAddr>,
    signer: Option<&str>,
    found: &[Found<'_>],
) -> Result<Vec<Outcome>, Error> {
    let digests: Vec<_> =
        found.iter().map(|each| SecretDigest::from_bytes(*each.digest.as_bytes())).collect();
    let owners = server.store.owners(&digests).await?;
    let acts = server.acts(Actor::LeakReport, address);
    let (mut outcomes, mut failed) = (Vec::with_capacity(found.len()), None);
    for (Found { digest, place }, owner) in found.iter().zip(&owners) {
        let outcome = match owner {
            None => Outcome::Unknown,
            Some(key) => match acts.answer_leak(key, &Find { digest, place, signer }).await {
                Ok(response) => {
                    if response.blocks {
                        tracing::info!(key.id = %key, "an API key was blocked: its secret was reported as leaked");
                    }
                    Outcome::of(response)
                }
                Err(error) => {
                    failed = Some(Error::from(error));
                    continue;
                }
            },
        };
        server.metrics.reported(outcome);
        outcomes.push(outcome);
    }
    failed.map_or(Ok(outcomes), Err)
}

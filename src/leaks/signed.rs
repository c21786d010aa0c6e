//! `POST /v1/leaks/signed`: reports in the format of GitHub's secret scanning partner program, signed by a key
//! that the operator has named (setting `leaks.signers`). Nothing is fetched.
//!
//! Whoever signs is told which of their matches were secrets of ours, in the format's own form. Strangers are
//! not: without a signature that fits, nothing is read of what they say.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::body::{self, one};
use super::error::Error;
use super::{Found, answer};
use crate::domain::leak::Outcome;
use crate::domain::leak::report::{MAX_SIGNED_BYTES, Match, read_matches};
use crate::web::{ClientAddress, Server, no_store};

/// The header with the id of the key that has signed.
pub const IDENTIFIER: HeaderName = HeaderName::from_static("github-public-key-identifier");
/// The header with the signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("github-public-key-signature");

/// The endpoint.
pub(super) async fn report(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Error> {
    let ClientAddress(address) = ClientAddress::of(request.headers(), request.extensions(), &server);
    let (signer, signature) = signed_by(request.headers())?;
    // Guessing is slowed down like any other; who signs is not.
    let refused =
        || server.authenticator.count_failure(address).err().map_or(Error::InvalidSignature, Error::from);
    if !server.leak_signers.has(&signer) {
        return Err(refused());
    }
    let body = body::read(request, MAX_SIGNED_BYTES).await?;
    if !server.leak_signers.have_signed(&signer, &signature, &body) {
        return Err(refused());
    }
    let matches = read_matches(&body)?;
    let digests = server.authenticator.digests_of(matches.iter().map(|each| &each.secret));
    let found = matches.iter().zip(&digests);
    let found: Vec<_> = found.map(|(each, digest)| Found { digest, place: &each.place }).collect();
    let outcomes = answer(&server, address, Some(&signer), &found).await?;
    let told: Vec<_> = matches.iter().zip(outcomes).map(|(each, outcome)| Told::of(each, outcome)).collect();
    Ok((no_store(), Json(told)).into_response())
}

/// The id of the key that has signed, and the signature.
fn signed_by(headers: &HeaderMap) -> Result<(String, String), Error> {
    let missing = || Error::InvalidRequest("the request must carry the id of a key, and one signature");
    let header = |name| one(headers, name).map(str::to_owned).ok_or_else(missing);
    Ok((header(IDENTIFIER)?, header(SIGNATURE)?))
}

/// Whether a match was right.
#[derive(Serialize)]
struct Told<'a> {
    /// SHA-256 of what was matched, in hexadecimal digits.
    token_hash: String,
    token_type: &'a str,
    label: &'static str,
}

impl<'a> Told<'a> {
    fn of(each: &'a Match, outcome: Outcome) -> Self {
        let label = if outcome == Outcome::Unknown { "false_positive" } else { "true_positive" };
        Self { token_hash: each.secret.sha256().to_hex(), token_type: &each.kind, label }
    }
}

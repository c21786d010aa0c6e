//! `/verify`, any method: may the request pass that a proxy asks about?
//!
//! What is needed comes from the proxy's URL (`needed.rs`), who asks from the headers of the request
//! that it passes on (`presented.rs`), and the answer tells it whom it lets through (`answer.rs`).
//! Bodies are not read. Whatever is answered, every identity header is set, so that what a client
//! wrote there never passes; a verdict is never kept. Tokens are judged without the database; API
//! keys themselves (`raw_key.rs`), where their project lets them pass, on a record of them.

mod answer;
mod needed;
mod presented;
mod raw_key;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::any;
use portcullis_guard::{Place, Required, VerifiedClaims, Whose};

use answer::Identity;
use needed::Needed;
use presented::Presented;
use raw_key::No;

use crate::domain::{AuthMethod, TokenRefusal};
use crate::keys::Credentials;
use crate::web::{ClientAddress, Refused, Server, origin};

pub use answer::IDENTITY_HEADERS;

/// Where proxies ask.
pub const PATH: &str = "/verify";

/// The route.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(PATH, any(verify))
}

async fn verify(
    State(server): State<Arc<Server>>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let needed = match Needed::read(query.as_deref(), &headers, &server) {
        Ok(needed) => needed,
        Err(why) => return answer::misconfigured(why),
    };
    match Presented::read(&headers) {
        Err(refused) => answer::refuse(refused),
        Ok(Presented::Token(token)) => by_token(&server, token, &needed, address, origin(&headers)),
        Ok(Presented::RawKey(credentials, method)) => {
            by_raw_key(&server, (&credentials, method), &needed, address).await
        }
    }
}

fn by_token(
    server: &Server,
    token: &str,
    needed: &Needed,
    address: Option<IpAddr>,
    origin: Option<&str>,
) -> Response {
    match judge(server, token, needed, address, origin) {
        Ok(token) => answer::admit(&Identity::of_token(&token), server),
        Err(refusal) => {
            let refused = Refused::token(refusal, &needed.scope);
            refused.map_or_else(answer::unavailable, answer::refuse)
        }
    }
}

async fn by_raw_key(
    server: &Server,
    presented: (&Credentials, AuthMethod),
    needed: &Needed,
    address: Option<IpAddr>,
) -> Response {
    match raw_key::judge(server, presented, needed, address).await {
        Ok(key) => answer::admit(&Identity::of_key(&key), server),
        Err(No::Unknown) => answer::unavailable(),
        Err(No::TooMany(wait)) => answer::too_many(wait),
        Err(No::Refused(no)) => {
            let refused = Refused::of(no.class(), no.reason(), no.to_string(), &needed.scope);
            refused.map_or_else(answer::unavailable, answer::refuse)
        }
    }
}

fn judge(
    server: &Server,
    token: &str,
    needed: &Needed,
    address: Option<IpAddr>,
    origin: Option<&str>,
) -> Result<Arc<VerifiedClaims>, TokenRefusal> {
    let verified = server.check_signature(token)?;
    let audience = Whose::OneOf(&needed.audiences);
    let required = Required { scope: &needed.scope, audience, address: Place::From(address), origin };
    server.verifier(&needed.project).judge_verified(&verified, &required, &server.copy.view().gate())?;
    Ok(verified)
}

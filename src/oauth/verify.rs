//! `GET /v1/auth/verify`: what the judge says of the token in the request, as JSON, for people
//! and integrations (RFC 6750). Judged against the token's own project and audiences.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use portcullis_guard::{Place, Required, VerifiedClaims, Whose};
use serde_json::{Value, json};

use super::error::Error;
use crate::domain::{ScopeSet, TokenRefusal};
use crate::web::{Bearer, ClientAddress, Form, NoBearer, Refused, Server, no_store, origin};

/// The longest query, in bytes: the scope in it comes back in a header.
const MAX_QUERY_BYTES: usize = 2048;

/// The endpoint.
pub(super) async fn verify(
    State(server): State<Arc<Server>>,
    ClientAddress(address): ClientAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let required = match read_scope(query.as_deref()) {
        Ok(scope) => scope,
        Err(why) => return Refused::malformed(StatusCode::BAD_REQUEST, why).into_response(),
    };
    match Bearer::read(&headers) {
        Err(NoBearer::Absent) => Refused::absent().into_response(),
        Err(NoBearer::Malformed) => {
            let why = "the request must carry exactly one bearer token";
            Refused::malformed(StatusCode::BAD_REQUEST, why).into_response()
        }
        Ok(Bearer(token)) => match judge(&server, token, &required, address, origin(&headers)) {
            Ok(token) => accept(&token),
            Err(refusal) => refuse(refusal, &required),
        },
    }
}

fn judge(
    server: &Server,
    token: &str,
    scope: &ScopeSet,
    address: Option<IpAddr>,
    origin: Option<&str>,
) -> Result<Arc<VerifiedClaims>, TokenRefusal> {
    let verified = server.check_signature(token)?;
    let required = Required { scope, audience: Whose::Any, address: Place::From(address), origin };
    let judge = server.verifier(&verified.claims().prj);
    judge.judge_verified(&verified, &required, &server.copy.view().gate())?;
    Ok(verified)
}

fn read_scope(query: Option<&str>) -> Result<ScopeSet, &'static str> {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        return Err("the query is too long");
    }
    let form = Form::read(query.as_bytes()).map_err(|_| "the query cannot be read")?;
    form.get("scope").unwrap_or_default().parse().map_err(|_| "`scope` is not a list of scope values")
}

fn accept(token: &VerifiedClaims) -> Response {
    let claims = token.claims();
    let mut body: Value = serde_json::to_value(claims).expect("claims are JSON");
    body["active"] = json!(true);
    (no_store(), Json(body)).into_response()
}

fn refuse(refusal: TokenRefusal, required: &ScopeSet) -> Response {
    let refused = Refused::token(refusal, required);
    refused.map_or_else(|| Error::Unavailable.into_response(), Refused::into_response)
}

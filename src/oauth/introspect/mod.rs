//! `POST /oauth/introspect`: is this token worth anything? (RFC 7662) Said in JSON, or as a JWT to whoever
//! accepts that (RFC 9701, `signed.rs`).
//!
//! Whoever may not ask, and whatever is not a live token of theirs, gets exactly
//! `{"active":false}`: expired, revoked, unknown and foreign look the same (threat S27).

mod signed;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use portcullis_guard::{Claims, Class, Freshness, Place, Required, VerifiedClaims, Whose};
use serde::Serialize;

use super::caller::Caller;
use super::error::{Error, no_store};
use crate::domain::grant::audiences_of;
use crate::domain::{Scope, ScopeSet, TokenRefusal};
use crate::web::{RefusedFor, Server};

pub use signed::MEDIA_TYPE as SIGNED_MEDIA_TYPE;
use signed::Shape;

/// The permission that lets a key ask about tokens that it did not mint.
const PERMISSION: &str = "portcullis:introspect";

/// The endpoint.
///
/// # Errors
/// See [`Error`].
pub(super) async fn introspect(
    State(server): State<Arc<Server>>,
    shape: Shape,
    caller: Caller,
) -> Result<Response, Error> {
    let token = caller.form.get("token").ok_or(Error::InvalidRequest("`token` is missing"))?;
    match shape {
        Shape::Plain => answer(&server, &caller, token),
        Shape::Signed => {
            let known = look_at(&server, &caller, token)?;
            let said = signed::answer(&server, &caller, Introspection::of(&known))?;
            Ok((counted(&known), said).into_response())
        }
    }
}

/// What is said of a token, in JSON.
///
/// # Errors
/// See [`Error`].
pub(super) fn answer(server: &Server, caller: &Caller, token: &str) -> Result<Response, Error> {
    let known = look_at(server, caller, token)?;
    Ok((no_store(), counted(&known), Json(Introspection::of(&known))).into_response())
}

/// What the caller may know of a token, or why it is worth nothing to the caller, which is not told.
type Known = Result<Arc<VerifiedClaims>, TokenRefusal>;

fn look_at(server: &Server, caller: &Caller, token: &str) -> Result<Known, Error> {
    let (scope, place) = (read_scope(caller)?, read_place(caller)?);
    match judge(server, caller, token, &scope, place) {
        Err(refusal) if refusal.class() == Class::Unknown => Err(Error::Unavailable),
        known => Ok(known),
    }
}

/// For whoever counts.
fn counted(known: &Known) -> Option<Extension<RefusedFor>> {
    known.as_ref().err().map(|refusal| Extension(RefusedFor(refusal.reason())))
}

fn judge(
    server: &Server,
    caller: &Caller,
    token: &str,
    scope: &ScopeSet,
    address: Place,
) -> Result<Arc<VerifiedClaims>, TokenRefusal> {
    // Before all else: while the list is too old, not even "inactive" may be said of a token.
    let view = server.copy.view();
    if view.gate().freshness == Freshness::Stale {
        return Err(TokenRefusal::Stale);
    }
    let verified = server.check_signature(token)?;
    let serves;
    let audience = if verified.claims().client_id == caller.record.key.id {
        Whose::Any
    } else if caller.record.permissions().contains(&permission()) {
        serves = audiences_of(&caller.record, &server.issuer);
        Whose::OneOf(&serves)
    } else {
        return Err(TokenRefusal::Audience);
    };
    let required = Required { scope, audience, address, origin: origin_of(&verified) };
    server.verifier(&caller.record.project.id).judge_verified(&verified, &required, &view.gate())?;
    Ok(verified)
}

/// Like the address, the origin is the asker's to judge: `org` is in the answer.
fn origin_of(token: &VerifiedClaims) -> Option<&str> {
    token.claims().org.as_deref().and_then(|origins| origins.first()).map(AsRef::as_ref)
}

fn permission() -> Scope {
    PERMISSION.parse().expect("a constant scope")
}

fn read_scope(caller: &Caller) -> Result<ScopeSet, Error> {
    let scope = caller.form.get("scope").unwrap_or_default().parse();
    scope.map_err(|_| Error::InvalidRequest("`scope` is not a list of scope values"))
}

/// An empty `client_ip` is a resource server that could not tell: it is refused, not left unjudged.
fn read_place(caller: &Caller) -> Result<Place, Error> {
    let named = caller.form.is_named("client_ip");
    match named.then(|| caller.form.get("client_ip").unwrap_or_default().parse()) {
        None => Ok(Place::NotJudged),
        Some(Ok(address)) => Ok(Place::From(Some(address))),
        Some(Err(_)) => Err(Error::InvalidRequest("`client_ip` is not an IP address")),
    }
}

/// What is said of a token.
#[derive(Serialize)]
#[serde(untagged)]
enum Introspection<'a> {
    /// The members of RFC 7662 §2.2 and RFC 9068, as the token has them.
    Live {
        active: bool,
        #[serde(flatten)]
        claims: &'a Claims,
        token_type: &'static str,
    },
    /// That it is worth nothing to the caller.
    Dead { active: bool },
}

impl<'a> Introspection<'a> {
    fn of(known: &'a Known) -> Self {
        match known {
            Ok(token) => Self::Live { active: true, claims: token.claims(), token_type: "Bearer" },
            Err(_) => Self::Dead { active: false },
        }
    }
}

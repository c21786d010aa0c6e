//! The names in a path. What cannot be a name of its kind is as if nothing had that name.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::domain::webhook::{MessageId, WebhookId};
use crate::domain::{Audience, KeyId, ProjectId, RoleName, Scope, SecretId, SigningKeyId, TokenId};

use super::problem::Problem;

/// What may be named in a path.
pub(super) trait Named: FromStr {
    /// What it is.
    const WHAT: &'static str;
}

macro_rules! named {
    ($($name:ident = $what:literal),*) => {$(
        impl Named for $name {
            const WHAT: &'static str = $what;
        }
    )*};
}

named!(
    KeyId = "API key",
    SecretId = "secret",
    ProjectId = "project",
    RoleName = "role",
    Scope = "scope",
    Audience = "audience",
    TokenId = "token",
    SigningKeyId = "signing key",
    WebhookId = "webhook",
    MessageId = "message"
);

/// The only name in the path.
#[derive(Debug)]
pub(super) struct One<A>(pub(super) A);

/// The two names in the path.
#[derive(Debug)]
pub(super) struct Two<A, B>(pub(super) A, pub(super) B);

impl<S: Send + Sync, A: Named> FromRequestParts<S> for One<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let names = names(parts, state).await?;
        Ok(Self(nth(&names, 0)?))
    }
}

impl<S: Send + Sync, A: Named, B: Named> FromRequestParts<S> for Two<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let names = names(parts, state).await?;
        Ok(Self(nth(&names, 0)?, nth(&names, 1)?))
    }
}

async fn names<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    let names = RawPathParams::from_request_parts(parts, state).await;
    names.map_err(|_| Problem::InvalidRequest("the path is not UTF-8"))
}

fn nth<T: Named>(names: &RawPathParams, at: usize) -> Result<T, Problem> {
    let (_, name) = names.iter().nth(at).expect("the route of the operation names it");
    name.parse().map_err(|_| Problem::Missing(T::WHAT))
}

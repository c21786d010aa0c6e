//! Who asks: a key of the project with the permission to follow, or a token that it got for this (design
//! section 4); credentials are in headers.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use portcullis_guard::{Place, Required, Unverified, VerifiedClaims, Whose};

use crate::domain::grant::{FOLLOW, MintRecord, feed_audience, may_follow};
use crate::domain::{KeyId, ProjectId, ScopeSet, Secret, Timestamp, TokenRefusal};
use crate::keys::{Credentials, Use};
use crate::oauth::caller::prove;
use crate::oauth::client_auth::{self, Presented};
use crate::oauth::error::Error;
use crate::web::{Form, Refused, Server, origin};

/// What a token must cover.
static NEEDED: LazyLock<ScopeSet> = LazyLock::new(|| FOLLOW.parse().expect("a constant scope"));

/// An asker that may follow, and what proved it: a stream asks again.
pub(super) struct Asker {
    proof: Proof,
    address: Option<IpAddr>,
    project: ProjectId,
    key: KeyId,
}

enum Proof {
    Key(Presented),
    Token {
        token: Secret,
        /// The web origin that the request named.
        origin: Option<Box<str>>,
        ends: Timestamp,
    },
}

/// Why nothing is told.
#[derive(Debug)]
pub(in crate::oauth) enum No {
    /// What the OAuth endpoints say to keys.
    Key(Error),
    /// What protected resources say of tokens.
    Token(Refused),
}

impl From<Error> for No {
    fn from(error: Error) -> Self {
        Self::Key(error)
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        match self {
            Self::Key(error) => error.into_response(),
            Self::Token(refused) => refused.into_response(),
        }
    }
}

impl Asker {
    /// # Errors
    /// `invalid_client`, and `insufficient_scope` for a key without the permission; for a token, what the
    /// judge says.
    pub(super) async fn admit(
        server: &Server,
        headers: &HeaderMap,
        address: Option<IpAddr>,
    ) -> Result<Self, No> {
        let presented = client_auth::read(headers, &Form::default())?;
        match presented.credentials {
            Credentials::SecretAlone(token) if is_token(token.expose()) => {
                let origin = origin(headers).map(Box::from);
                let claims = judge(server, token.expose(), address, origin.as_deref()).map_err(refuse)?;
                let (project, key) = (claims.claims().prj.clone(), claims.claims().client_id.clone());
                let proof = Proof::Token { token, origin, ends: claims.claims().exp };
                Ok(Self { proof, address, project, key })
            }
            _ => {
                let record = prove_follower(server, &presented, address).await?;
                let (project, key) = (record.project.id.clone(), record.key.id.clone());
                Ok(Self { proof: Proof::Key(presented), address, project, key })
            }
        }
    }

    /// Whether it may follow still.
    ///
    /// # Errors
    /// As [`Asker::admit`].
    pub(super) async fn is_still_admitted(&self, server: &Server) -> Result<(), No> {
        match &self.proof {
            Proof::Token { token, origin, .. } => {
                judge(server, token.expose(), self.address, origin.as_deref()).map_err(refuse)?;
            }
            Proof::Key(presented) => {
                let record = prove_follower(server, presented, self.address).await?;
                if record.project.id != self.project {
                    return Err(Error::NotPermitted.into());
                }
            }
        }
        Ok(())
    }

    /// For how long it may follow at most; a key has no end that anybody waits for.
    pub(super) fn is_left(&self, now: Timestamp) -> Duration {
        match &self.proof {
            Proof::Token { ends, .. } => ends.since(now),
            Proof::Key(_) => Duration::MAX,
        }
    }

    /// Whose entries it may see.
    pub(super) fn project(&self) -> &ProjectId {
        &self.project
    }

    /// Which key it is, or has its token.
    pub(super) fn key(&self) -> &KeyId {
        &self.key
    }
}

async fn prove_follower(
    server: &Server,
    presented: &Presented,
    address: Option<IpAddr>,
) -> Result<Arc<MintRecord>, Error> {
    // Permitted meanwhile, perhaps: only a fresh record refuses.
    for how in [Use::Remembered, Use::Fresh] {
        let record = prove(server, presented, &Form::default(), address, how).await?;
        if may_follow(&record) {
            return Ok(record);
        }
    }
    Err(Error::NotPermitted)
}

/// Whether a bearer's value has the shape of a token: then it is one, and never tried as a secret.
fn is_token(value: &str) -> bool {
    !matches!(Unverified::read(value), Err(TokenRefusal::Malformed | TokenRefusal::TooLong))
}

fn judge(
    server: &Server,
    token: &str,
    address: Option<IpAddr>,
    origin: Option<&str>,
) -> Result<Arc<VerifiedClaims>, TokenRefusal> {
    let verified = server.check_signature(token)?;
    let ours = [feed_audience(&server.issuer)];
    let (audience, address) = (Whose::OneOf(&ours), Place::From(address));
    let required = Required { scope: &NEEDED, audience, address, origin };
    let judge = server.verifier(&verified.claims().prj);
    judge.judge_verified(&verified, &required, &server.copy.view().gate())?;
    Ok(verified)
}

fn refuse(refusal: TokenRefusal) -> No {
    Refused::token(refusal, &NEEDED).map_or(No::Key(Error::Unavailable), No::Token)
}

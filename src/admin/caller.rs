//! Who is asking, and that they may: an extractor whose value is the proof.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;
use portcullis_guard::{Claims, Place, Required, VerifiedClaims, Whose};

use crate::domain::audit::Actor;
use crate::domain::authority::{Authority, Beyond, Reach, Right};
use crate::domain::grant::default_audience;
use crate::domain::{ApiKey, KeyId, ProjectId, Scope, ScopeSet, TokenRefusal};
use crate::keys::acts::Acts;
use crate::web::{Bearer, ClientAddress, NoBearer, Refused, Server, origin};

use super::problem::Problem;

/// What an operation needs of whoever asks for it.
pub(super) trait Needs: Send + Sync {
    /// The right; none, if any right will do.
    const RIGHT: Option<Right>;
    /// Whether it has to be held everywhere. Otherwise it has to be held in the project that the path names;
    /// where it names none, somewhere, and the operation itself looks where.
    const EVERYWHERE: bool = false;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $right:expr $(, $everywhere:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name;

        impl Needs for $name {
            const RIGHT: Option<Right> = $right;
            $(const $everywhere: bool = true;)?
        }
    )*};
}

needs! {
    /// To see API keys.
    ReadKeys = Some(Right::ReadKeys);
    /// To make, change and stop them.
    WriteKeys = Some(Right::WriteKeys);
    /// To revoke tokens.
    RevokeTokens = Some(Right::RevokeTokens);
    /// To see projects.
    ReadProjects = Some(Right::ReadProjects);
    /// To change them.
    WriteProjects = Some(Right::WriteProjects);
    /// To make them.
    MakeProjects = Some(Right::WriteProjects), EVERYWHERE;
    /// To see who did what.
    ReadAudit = Some(Right::ReadAudit);
    /// To see signing keys.
    ReadSigning = Some(Right::ReadSigning), EVERYWHERE;
    /// To rotate and retire them.
    WriteSigning = Some(Right::WriteSigning), EVERYWHERE;
    /// To see webhooks.
    ReadWebhooks = Some(Right::ReadWebhooks);
    /// To make and change them.
    WriteWebhooks = Some(Right::WriteWebhooks);
    /// To do anything at all.
    Anything = None;
}

/// Somebody who may do what they ask for, as far as their token goes.
#[derive(Debug)]
pub(super) struct Caller<N> {
    token: Arc<VerifiedClaims>,
    address: Option<IpAddr>,
    /// The web origin that the request named.
    origin: Option<Box<str>>,
    authority: Authority,
    needs: PhantomData<N>,
}

impl<N: Needs> Caller<N> {
    /// Acts in their name and with their authority.
    pub(super) fn acts(&self, server: &Server) -> Acts {
        let acts = server.acts(Actor::Key(self.key().clone()), self.address);
        Acts { authority: self.authority.clone(), ..acts }
    }

    /// Their key.
    pub(super) fn key(&self) -> &KeyId {
        &self.token.claims().client_id
    }

    /// Whether they may still ask for anything, whose answer goes on: their token has not ended, and nothing has
    /// ended it. What it allows is what it was.
    ///
    /// # Errors
    /// [`Problem::Token`], [`Problem::Unavailable`].
    pub(super) fn check_still(&self, server: &Server) -> Result<(), Problem> {
        judge(server, &self.token, self.address, self.origin.as_deref())
    }

    /// Whether they have the right to what they made before, of which this is the project.
    ///
    /// # Errors
    /// [`Problem::Token`].
    pub(super) fn check_made(&self, project: Option<&ProjectId>) -> Result<(), Problem> {
        self.check(if N::EVERYWHERE { None } else { project })
    }

    /// Where they have the right.
    pub(super) fn reach(&self) -> Reach {
        N::RIGHT.map_or(Reach::Everywhere, |right| self.authority.reach(right))
    }

    /// Where they have the right, in the project alone that they ask for, if they ask for one.
    ///
    /// # Errors
    /// [`Problem::Token`] if they do not have it there.
    pub(super) fn reach_in(&self, project: Option<ProjectId>) -> Result<Reach, Problem> {
        let Some(project) = project else { return Ok(self.reach()) };
        self.check(Some(&project))?;
        Ok(Reach::Within([project].into()))
    }

    /// Whether they have the right to this key; one to which they have none is as if it were not there.
    ///
    /// # Errors
    /// [`Problem::Missing`].
    pub(super) fn check_key(&self, key: &ApiKey) -> Result<(), Problem> {
        let has = self.reach().has(&key.project);
        if has { Ok(()) } else { Err(Problem::Missing("API key")) }
    }

    /// Whether they have the right in this project.
    ///
    /// # Errors
    /// [`Problem::Token`].
    pub(super) fn check(&self, project: Option<&ProjectId>) -> Result<(), Problem> {
        let checked = N::RIGHT.map_or(Ok(()), |right| self.authority.check(right, project));
        checked.map_err(Problem::from)
    }
}

impl<N: Needs> FromRequestParts<Arc<Server>> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Problem> {
        let ClientAddress(address) = ClientAddress::of(&parts.headers, &parts.extensions, server);
        let origin = origin(&parts.headers);
        let token = match Bearer::read(&parts.headers) {
            Ok(Bearer(token)) => server.check_signature(token).map_err(refused)?,
            Err(NoBearer::Absent) => return Err(Refused::absent().into()),
            Err(NoBearer::Malformed) => {
                let why = "the request must carry exactly one bearer token";
                return Err(Refused::malformed(StatusCode::BAD_REQUEST, why).into());
            }
        };
        judge(server, &token, address, origin)?;
        let caller = Self::of(token, address, origin);
        if !N::EVERYWHERE
            && let Some(project) = project_of(parts, server).await?
        {
            caller.check(Some(&project))?;
        } else if N::EVERYWHERE {
            caller.check(None)?;
        } else if N::RIGHT.is_none() && !caller.authority.is_administrative() {
            return Err(Beyond::Right(Right::ReadKeys).into());
        } else if let Some(right) = N::RIGHT
            && caller.reach().is_nowhere()
        {
            return Err(Beyond::Right(right).into());
        }
        Ok(caller)
    }
}

impl<N: Needs> Caller<N> {
    fn of(token: Arc<VerifiedClaims>, address: Option<IpAddr>, origin: Option<&str>) -> Self {
        let Claims { scope, ips, .. } = token.claims();
        let authority = Authority::OfToken { scope: scope.clone(), networks: ips.clone() };
        Self { token, address, origin: origin.map(Box::from), authority, needs: PhantomData }
    }
}

/// A token of an administrator's key for this surface, by the same judge as everywhere. What it may do is
/// looked at afterwards.
fn judge(
    server: &Server,
    token: &VerifiedClaims,
    address: Option<IpAddr>,
    origin: Option<&str>,
) -> Result<(), Problem> {
    let administration = ProjectId::administration();
    let ours = [default_audience(&administration, &server.issuer)];
    let (scope, audience) = (&ScopeSet::default(), Whose::OneOf(&ours));
    let required = Required { scope, audience, address: Place::From(address), origin };
    let judged =
        server.verifier(&administration).judge_verified(token, &required, &server.copy.view().gate());
    judged.map_err(refused)
}

fn refused(refusal: TokenRefusal) -> Problem {
    Refused::token(refusal, &ScopeSet::default()).map_or(Problem::Unavailable, Problem::from)
}

/// The project that the path names, if it names one.
async fn project_of(parts: &mut Parts, server: &Arc<Server>) -> Result<Option<ProjectId>, Problem> {
    let named = RawPathParams::from_request_parts(parts, server).await;
    let named = named.map_err(|_| Problem::InvalidRequest("the path is not UTF-8"))?;
    let project = named.iter().find(|(name, _)| *name == "project").map(|(_, project)| project);
    project.map(|project| project.parse().map_err(|_| Problem::Missing("project"))).transpose()
}

impl From<Beyond> for Problem {
    /// In the words of RFC 6750 §3.1, so that a client knows what to ask for.
    fn from(beyond: Beyond) -> Self {
        let needed: Option<Scope> = match &beyond {
            Beyond::Right(right) => Some(right.everywhere()),
            Beyond::Permission(scope) => Some(scope.clone()),
            Beyond::Networks | Beyond::End => None,
        };
        Self::Token(Refused {
            status: StatusCode::FORBIDDEN,
            error: "insufficient_scope",
            reason: TokenRefusal::Scope.reason(),
            why: beyond.to_string().into(),
            scope: needed.map(|scope| ScopeSet::from_iter([scope])),
        })
    }
}

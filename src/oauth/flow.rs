//! The client credentials grant (RFC 6749 §4.4), driven through oxide-auth's state machine: no
//! token without authentication, then binding, then negotiation, in this order. The only file
//! that names `oxide_auth`.
//!
//! What the machine is not asked: to decode requests, to compare secrets, to know scopes. Its own
//! answers to those are too strict or too lax; the secret does not pass through it either.

use std::borrow::Cow;
use std::sync::LazyLock;

use oxide_auth::code_grant::client_credentials::{
    ClientCredentials, Error as MachineError, Input, Output, Request,
};
use oxide_auth::code_grant::error::AccessTokenErrorType;
use oxide_auth::primitives::grant::Extensions;
use oxide_auth::primitives::registrar::{BoundClient, PreGrant, RegisteredUrl};

use super::client_auth;
use super::error::Error;
use super::request::{KeyRequest, read_ask};
use crate::domain::TokenId;
use crate::domain::grant::{Grant, Moment, Refusal, decide as decide_grant};
use crate::keys::{Proven, Use};
use crate::web::Server;

/// The machine insists on a redirect URI; this grant has none.
static NO_REDIRECT: LazyLock<RegisteredUrl> = LazyLock::new(|| {
    RegisteredUrl::Semantic("urn:ietf:wg:oauth:2.0:oob".parse().expect("a constant URN is a URL"))
});

/// Authenticates the key and decides what it gets. Nothing, if a remembered record would have the
/// key refused: what was widened meanwhile must not be, so only a fresh record refuses.
///
/// # Errors
/// The refusal, as RFC 6749 §5.2 has it.
pub(super) async fn decide(server: &Server, request: &KeyRequest, how: Use) -> Result<Option<Grant>, Error> {
    let mut machine = ClientCredentials::new(&Seen(request));
    let (mut input, mut proven, mut grant) = (Input::None, None, None);
    loop {
        input = match machine.advance(input) {
            Output::Authenticate { .. } => {
                proven = Some(authenticate(server, request, how).await?);
                Input::Authenticated
            }
            Output::Binding { client_id } => Input::Bound {
                bound_client: BoundClient {
                    client_id: Cow::Owned(client_id.to_owned()),
                    redirect_uri: Cow::Borrowed(&*NO_REDIRECT),
                },
            },
            Output::Extend => Input::Extended { extensions: Extensions::new() },
            Output::Negotiate { bound_client, .. } => {
                let proven = proven.as_ref().ok_or(Error::Server)?;
                let decided = match negotiate(server, request, proven)? {
                    Ok(decided) => decided,
                    Err(_) if how == Use::Remembered => return Ok(None),
                    Err(refusal) => return Err(Error::refused(&refusal, request.presented.challenge)),
                };
                let scope = decided.scope.to_string().parse().map_err(|_| Error::Server)?;
                grant = Some(decided);
                let client_id = bound_client.client_id.to_string();
                Input::Negotiated {
                    pre_grant: PreGrant { client_id, redirect_uri: NO_REDIRECT.clone(), scope },
                }
            }
            Output::Ok { .. } => return Ok(grant),
            Output::Err(error) => return Err(from_machine(*error)),
        };
    }
}

/// What the key gets for the request. Whether it may be used at all comes before what it asks.
fn negotiate(
    server: &Server,
    request: &KeyRequest,
    proven: &Proven,
) -> Result<Result<Grant, Refusal>, Error> {
    if let Err(refusal) = server.authenticator.admit(proven, request.presented.method, request.address) {
        return Ok(Err(refusal));
    }
    let now = server.clock.now();
    let ask = read_ask(&request.form)?;
    let jti = TokenId::new(now, server.entropy.bytes());
    let moment = Moment { issuer: &server.issuer, now, jti };
    Ok(decide_grant(&proven.record, &ask, request.address, &moment))
}

async fn authenticate(server: &Server, request: &KeyRequest, how: Use) -> Result<Proven, Error> {
    let (presented, address) = (&request.presented, request.address);
    let found = server.authenticator.authenticate(&presented.credentials, address, how).await;
    let proven = found.map_err(|denied| Error::denied(denied, presented.challenge))?;
    client_auth::check_client_id(&request.form, &proven.record.key.id)?;
    Ok(proven)
}

/// The request as the machine sees it: that there are credentials, and which grant is wanted.
struct Seen<'a>(&'a KeyRequest);

impl Request for Seen<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((Cow::Borrowed("presented"), Cow::Borrowed(b"")))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.0.form.get("grant_type").map(Cow::Borrowed)
    }

    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

fn from_machine(error: MachineError) -> Error {
    match error {
        MachineError::Invalid(mut description) => match description.description().kind() {
            AccessTokenErrorType::UnsupportedGrantType => Error::UnsupportedGrantType,
            _ => Error::InvalidRequest("`grant_type` is missing"),
        },
        MachineError::Unauthorized(..) | MachineError::Ignore | MachineError::Primitive(_) => Error::Server,
    }
}

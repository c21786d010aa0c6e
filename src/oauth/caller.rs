//! The key that speaks: its value is the proof of authentication.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};

use super::client_auth::{self, Presented};
use super::error::Error;
use super::request::KeyRequest;
use crate::domain::grant::MintRecord;
use crate::keys::{Proven, Use};
use crate::web::{Form, Server};

/// An authenticated, usable key, and the form that it sent.
#[derive(Debug)]
pub(super) struct Caller {
    /// What is known of the key.
    pub record: Arc<MintRecord>,
    /// Where it spoke from.
    pub address: Option<IpAddr>,
    /// What it sent.
    pub form: Form,
}

impl FromRequest<Arc<Server>> for Caller {
    type Rejection = Error;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Error> {
        let KeyRequest { presented, address, form } = KeyRequest::from_request(request, server).await?;
        let record = prove(server, &presented, &form, address, Use::Remembered).await?;
        Ok(Self { record, address, form })
    }
}

/// The key that these credentials prove, if it may be used now and from there.
///
/// # Errors
/// As RFC 6749 §5.2 has it.
pub(super) async fn prove(
    server: &Server,
    presented: &Presented,
    form: &Form,
    address: Option<IpAddr>,
    how: Use,
) -> Result<Arc<MintRecord>, Error> {
    let challenge = presented.challenge;
    let authenticate = |how| server.authenticator.authenticate(&presented.credentials, address, how);
    let admit = |proven: &Proven| server.authenticator.admit(proven, presented.method, address);
    let denied = |denied| Error::denied(denied, challenge);
    let mut proven = authenticate(how).await.map_err(denied)?;
    client_auth::check_client_id(form, &proven.record.key.id)?;
    // Unblocked meanwhile, perhaps: only a fresh record refuses.
    if admit(&proven).is_err() {
        proven = authenticate(Use::Fresh).await.map_err(denied)?;
        admit(&proven).map_err(|refusal| Error::refused(&refusal, challenge))?;
    }
    Ok(proven.record)
}

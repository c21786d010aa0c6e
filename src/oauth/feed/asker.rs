//! Who asks: a key of the project with the permission to follow, by credentials in headers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;

use super::PERMISSION;
use crate::domain::grant::MintRecord;
use crate::domain::{ProjectId, Scope};
use crate::keys::Use;
use crate::oauth::caller::prove;
use crate::oauth::client_auth::{self, Presented};
use crate::oauth::error::Error;
use crate::web::{Form, Server};

/// An authenticated key that may follow, and what it was authenticated by: a stream asks again.
pub(super) struct Asker {
    presented: Presented,
    address: Option<IpAddr>,
    record: Arc<MintRecord>,
}

impl Asker {
    /// # Errors
    /// `invalid_client`, and `insufficient_scope` for a key without the permission.
    pub(super) async fn admit(
        server: &Server,
        headers: &HeaderMap,
        address: Option<IpAddr>,
    ) -> Result<Self, Error> {
        let presented = client_auth::read(headers, &Form::default())?;
        let record = may_follow(server, &presented, address).await?;
        Ok(Self { presented, address, record })
    }

    /// Whether it may follow still.
    ///
    /// # Errors
    /// As [`Asker::admit`].
    pub(super) async fn is_still_admitted(&self, server: &Server) -> Result<(), Error> {
        let record = may_follow(server, &self.presented, self.address).await?;
        if record.project.id == self.record.project.id { Ok(()) } else { Err(Error::NotPermitted) }
    }

    /// Whose entries it may see.
    pub(super) fn project(&self) -> &ProjectId {
        &self.record.project.id
    }
}

async fn may_follow(
    server: &Server,
    presented: &Presented,
    address: Option<IpAddr>,
) -> Result<Arc<MintRecord>, Error> {
    // Permitted meanwhile, perhaps: only a fresh record refuses.
    for how in [Use::Remembered, Use::Fresh] {
        let record = prove(server, presented, &Form::default(), address, how).await?;
        if record.key.details.permissions.contains(&permission()) {
            return Ok(record);
        }
    }
    Err(Error::NotPermitted)
}

fn permission() -> Scope {
    PERMISSION.parse().expect("a constant scope")
}

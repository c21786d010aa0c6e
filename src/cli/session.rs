//! An opened installation, in the name of whoever runs the command.

use std::time::Duration;

use crate::config::Settings;
use crate::domain::audit::Actor;
use crate::domain::webhook::Destinations;
use crate::domain::{Project, ProjectId};
use crate::entropy::SystemEntropy;
use crate::installation::{Installation, Surroundings, Terms};
use crate::keys::acts::Acts;
use crate::store::{Error as StoreError, Store};
use crate::time::SystemClock;

use super::failure::Failure;
use super::output::Output;

/// What every command but `init`, `serve` and `demo` begins with.
pub(super) struct Session {
    /// What can be done.
    pub(super) acts: Acts,
    /// Where webhooks may be sent.
    pub(super) destinations: Destinations,
    /// Beyond which age servers with these settings admit nobody.
    pub(super) max_age: Duration,
    /// Where the answer goes.
    pub(super) output: Output,
    /// How long the issuance log keeps a token, by these settings.
    pub(super) retention: Duration,
}

impl Session {
    /// Opens the installation of these settings, under the issuer that it has.
    pub(super) async fn open(settings: &Settings, output: Output) -> Result<Self, Failure> {
        let installation = Installation::open(settings, &Terms::default(), surroundings()).await?;
        let destinations = Destinations::new(settings.webhook_networks.clone());
        let (max_age, retention) = (settings.revocation.max_age, settings.issuance_retention);
        Ok(Self { acts: installation.acts(myself()), destinations, max_age, output, retention })
    }

    pub(super) fn store(&self) -> &dyn Store {
        self.acts.store.as_ref()
    }

    /// The project of this id, which must be there.
    pub(super) async fn project(&self, id: &ProjectId) -> Result<Project, Failure> {
        Ok(self.store().project(id).await?.ok_or(StoreError::Missing("project"))?)
    }
}

/// The machine's clock and randomness.
pub(super) fn surroundings() -> Surroundings {
    Surroundings { clock: SystemClock::shared(), entropy: SystemEntropy::shared() }
}

/// Whoever runs this process.
pub(super) fn myself() -> Actor {
    Actor::Local(rustix::process::getuid().as_raw())
}

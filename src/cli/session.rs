//! An opened installation, in the name of whoever runs the command.

use std::time::Duration;

use crate::config::Settings;
use crate::domain::audit::Actor;
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
    /// Beyond which age servers with these settings admit nobody.
    pub(super) max_age: Duration,
    /// Where the answer goes.
    pub(super) output: Output,
}

impl Session {
    /// Opens the installation of these settings, under the issuer that it has.
    pub(super) async fn open(settings: &Settings, output: Output) -> Result<Self, Failure> {
        let installation = Installation::open(settings, &Terms::default(), surroundings()).await?;
        let max_age = settings.revocation.max_age;
        Ok(Self { acts: installation.acts(myself()), max_age, output })
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

//! What every command that is about an installation begins with.

use std::sync::Arc;

use crate::config::Settings;
use crate::domain::audit::Actor;
use crate::entropy::SystemEntropy;
use crate::installation::Surroundings;
use crate::time::{Clock, SystemClock};

use super::failure::Failure;
use super::house::{Afar, Here, House};
use super::output::Output;

/// An installation, and where the answer goes.
pub(super) struct Session {
    /// What can be done.
    pub(super) house: Box<dyn House>,
    /// The machine's clock.
    pub(super) clock: Arc<dyn Clock>,
    /// Where the answer goes.
    pub(super) output: Output,
}

impl Session {
    /// About the installation elsewhere, or else about the one of these settings.
    pub(super) async fn open(
        afar: Option<Afar>,
        settings: &Settings,
        output: Output,
    ) -> Result<Self, Failure> {
        let house: Box<dyn House> = match afar {
            Some(afar) => Box::new(afar),
            None => Box::new(Here::open(settings).await?),
        };
        Ok(Self { house, clock: SystemClock::shared(), output })
    }

    /// The installation itself, for what cannot be done from afar: a command of this name.
    pub(super) fn here(&self, command: &'static str) -> Result<&Here, Failure> {
        self.house.here().ok_or(Failure::NotFromAfar(command))
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

//! What is answered: the shapes of the API, which the commands of the shell print as well (`--json`).
//! Times are Unix seconds.

mod applied;
mod audit;
mod house;
mod hygiene;
mod key;
mod log;
mod page;
mod project;
mod role;
mod webhook;

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize as _, Deserializer};

pub use applied::{AppliedBy, Awaited, NodeStanding};
pub use audit::{AuditFormat, AuditHead};
pub use house::{NodeRow, Rotated, SigningKeyRow};
pub use hygiene::{HygieneRow, KeyFound};
pub use key::{KeyActed, KeyRow, KeyWhole, SecretAdded, SecretEnded, SecretRow, Shown};
pub use log::{AuditEntry, RevocationRow, TokenRevoked, TokenRow, hex};
pub use page::Page;
pub use project::{AudienceRow, ProjectEdited, ProjectRow, ProjectWhole, ScopeRow};
pub use role::{RoleActed, RoleRow, RoleWhole};
pub use webhook::{DeliveryRow, WebhookActed, WebhookRotated, WebhookRow};

/// Reads what has one spelling: as a client of the API does.
fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

//! From what is stored to what it means, for every engine. Whatever cannot be is named by table,
//! column and row; nothing is guessed and nothing passed over.

mod creation;
mod feed;
mod installation;
mod key;
mod key_part;
mod leak;
mod log;
mod project;
mod role;
mod webhook;

use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::domain::{Position, ProjectId, TokenId};

use super::error::Error;

pub(super) use creation::ReplayRow;
pub(super) use feed::{FeedRow, HeartbeatRow, millis, page, tag};
pub(super) use installation::{DataKeyRow, FoundedRow, SigningKeyRow};
pub(super) use key::{FoundKeyRow, KeyRow, KnownRow, SecretRow};
pub(super) use key_part::key_part;
pub(super) use leak::{FlagRow, earlier, owners};
pub(super) use log::{Appended, AuditLogRow, GrantRow, IssuedRow, hash, reached};
pub(super) use project::{CatalogueRow, ProjectRow, audience, catalogue, expect_project};
pub(super) use role::{RoleRow, keys_with_role, role_permissions};
pub(super) use webhook::{ClaimedRow, DeliveryRow, DueWebhookRow, SigningWebhookRow, WebhookRow, who_wants};

/// A row, for the report if something in it cannot be.
#[derive(Clone, Copy)]
struct Place<'a> {
    table: &'static str,
    row: &'a dyn Display,
}

impl<'a> Place<'a> {
    fn of(table: &'static str, row: &'a dyn Display) -> Self {
        Self { table, row }
    }

    fn corrupt(self, column: &'static str) -> Error {
        Error::Corrupt { table: self.table, column, row: self.row.to_string() }
    }

    fn parse<T: FromStr>(self, column: &'static str, raw: &str) -> Result<T, Error> {
        raw.parse().map_err(|_| self.corrupt(column))
    }

    /// Words divided by single spaces; the empty text has none.
    fn words<T: FromStr, C: FromIterator<T>>(self, column: &'static str, raw: &str) -> Result<C, Error> {
        let words = (!raw.is_empty()).then(|| raw.split(' ')).into_iter().flatten();
        words.map(|word| self.parse(column, word)).collect()
    }

    fn bytes<const N: usize>(self, column: &'static str, raw: &[u8]) -> Result<[u8; N], Error> {
        raw.try_into().map_err(|_| self.corrupt(column))
    }

    fn number<T: TryFrom<i64>>(self, column: &'static str, raw: i64) -> Result<T, Error> {
        raw.try_into().map_err(|_| self.corrupt(column))
    }

    fn position(self, column: &'static str, raw: i64) -> Result<Position, Error> {
        self.number(column, raw).map(Position::new)
    }
}

/// A limit of live tokens.
fn limit(place: Place<'_>, raw: Option<i64>) -> Result<Option<NonZeroU32>, Error> {
    let limit = raw.map(|raw| place.number::<u32>("live_tokens", raw)).transpose()?;
    limit.map(|limit| NonZeroU32::new(limit).ok_or_else(|| place.corrupt("live_tokens"))).transpose()
}

/// How many tokens are counted.
pub(super) fn count(raw: i64) -> Result<u64, Error> {
    Place::of("live_tokens", &raw).number("count", raw)
}

/// A project's id.
pub(super) fn project(raw: &str) -> Result<ProjectId, Error> {
    Place::of("projects", &raw).parse("id", raw)
}

/// The position of a project's last entry.
pub(super) fn project_changed(project: &ProjectId, raw: i64) -> Result<Position, Error> {
    Place::of("projects", project).position("changed", raw)
}

/// The token that an entry of the feed revokes.
pub(super) fn revoked_token(raw: &str) -> Result<TokenId, Error> {
    Place::of("feed", &raw).parse("entry", raw)
}

/// The feed counter.
pub(super) fn counter(position: i64) -> Result<Position, Error> {
    Place::of("feed_counter", &1).position("position", position)
}

/// As a position is stored. None beyond the column's range can have been given out, and the range
/// outlasts the installation.
pub(super) fn stored(position: Position) -> i64 {
    i64::try_from(position.value()).unwrap_or(i64::MAX)
}

//! How far an act has come, as it is shown.

use serde::{Deserialize, Serialize};

use crate::domain::Position;
use crate::domain::applied::Standing;
use crate::keys::applied::Applied;
use crate::store::Heartbeat;

/// An act that was carried out, and whom it has reached, if that was waited for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Awaited<T> {
    /// What was done.
    #[serde(flatten)]
    pub done: T,
    /// Whom it has reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<AppliedBy>,
}

/// Whom an act has reached.
#[derive(Debug, Serialize, Deserialize)]
pub struct AppliedBy {
    /// Where in the feed the act stands.
    pub position: Position,
    /// Whether nobody can be admitted any more whom it keeps out. Without it the act is done as well, and
    /// takes effect within the minute.
    pub complete: bool,
    /// Every server that is known.
    pub nodes: Vec<NodeStanding>,
}

/// How a server stands to an act.
#[derive(Debug, Serialize, Deserialize)]
pub struct NodeStanding {
    /// Its name.
    pub node: String,
    /// `applied`; `behind`, if it has not said so; `stale`, if it gives no sign of life for so long that it
    /// admits nobody.
    pub standing: Standing,
    /// How far it said that it has applied the feed.
    pub applied: Position,
    /// When it said so.
    pub seen_at: i64,
}

impl<T> Awaited<T> {
    /// The same, told otherwise.
    #[must_use]
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Awaited<U> {
        Awaited { done: with(self.done), applied: self.applied }
    }
}

impl From<Applied> for AppliedBy {
    fn from(applied: Applied) -> Self {
        let complete = applied.is_complete();
        let nodes = applied.nodes.into_iter().flatten().map(NodeStanding::of).collect();
        Self { position: applied.position, complete, nodes }
    }
}

impl NodeStanding {
    fn of((node, standing): (Heartbeat, Standing)) -> Self {
        let seen_at = node.seen_at.secs();
        Self { node: node.node, standing, applied: node.applied, seen_at }
    }
}

//! How far an act has come, as it is shown.

use serde::Serialize;

use crate::domain::Position;
use crate::domain::applied::Standing;
use crate::keys::applied::Applied;
use crate::store::Heartbeat;

/// An act that was carried out, and whom it has reached, if that was waited for.
#[derive(Debug, Serialize)]
pub struct Awaited<T> {
    /// What was done.
    #[serde(flatten)]
    pub done: T,
    /// Whom it has reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<AppliedBy>,
}

/// Whom an act has reached.
#[derive(Debug, Serialize)]
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
#[derive(Debug, Serialize)]
pub struct NodeStanding {
    /// Its name.
    pub node: String,
    /// `applied`; `behind`, if it has not said so; `stale`, if it gives no sign of life for so long that it
    /// admits nobody.
    pub standing: &'static str,
    /// How far it said that it has applied the feed.
    pub applied: Position,
    /// When it said so.
    pub seen_at: i64,
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
        Self { node: node.node, standing: standing.as_str(), applied: node.applied, seen_at }
    }
}

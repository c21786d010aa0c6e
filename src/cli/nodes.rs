//! `portcullis nodes`: who has applied what.

use serde::Serialize;

use crate::domain::Position;
use crate::store::Heartbeat;

use super::failure::Failure;
use super::output::{Page, Row};
use super::session::Session;

pub(super) async fn run(session: &Session) -> Result<(), Failure> {
    let nodes = session.store().nodes().await?;
    // Read after the heartbeats: a node is never ahead of it.
    let position = session.store().position().await?;
    session.output.show(&Page::whole(nodes.into_iter().map(|node| NodeRow::of(node, position)).collect()))
}

#[derive(Serialize)]
struct NodeRow {
    node: String,
    started_at: i64,
    seen_at: i64,
    /// How far it has applied the feed.
    applied: Position,
    /// How far the feed goes.
    position: Position,
    /// How old its copy of the feed was, in milliseconds.
    age_ms: u64,
    #[serde(skip)]
    started: String,
    #[serde(skip)]
    seen: String,
}

impl NodeRow {
    fn of(node: Heartbeat, position: Position) -> Self {
        Self {
            node: node.node,
            started_at: node.started_at.secs(),
            seen_at: node.seen_at.secs(),
            applied: node.applied,
            position,
            age_ms: u64::try_from(node.age.as_millis()).unwrap_or(u64::MAX),
            started: node.started_at.to_string(),
            seen: node.seen_at.to_string(),
        }
    }
}

impl Row for NodeRow {
    const NOTHING: &'static str = "No server has run on this installation yet.";
    const COLUMNS: &'static [&'static str] = &["node", "started", "seen", "applied", "of", "age"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.node.clone(),
            self.started.clone(),
            self.seen.clone(),
            self.applied.to_string(),
            self.position.to_string(),
            format!("{} ms", self.age_ms),
        ]
    }
}

//! `portcullis nodes`: who has applied what.

use crate::admin::view::NodeRow;
use crate::domain::Timestamp;

use super::failure::Failure;
use super::output::{Page, Row};
use super::session::Session;

pub(super) async fn run(session: &Session) -> Result<(), Failure> {
    session.output.show(&Page::whole(session.house.nodes().await?))
}

impl Row for NodeRow {
    const NOTHING: &'static str = "No server has run on this installation yet.";
    const COLUMNS: &'static [&'static str] = &["node", "started", "seen", "applied", "of", "age"];

    fn cells(&self) -> Vec<String> {
        let time = |secs| Timestamp::from_secs(secs).to_string();
        vec![
            self.node.clone(),
            time(self.started_at),
            time(self.seen_at),
            self.applied.to_string(),
            self.position.to_string(),
            format!("{} ms", self.age_ms),
        ]
    }
}

//! Waiting until an act has taken effect on every node that may admit anybody.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::domain::Position;
use crate::domain::applied::{Sign, Standing, Watched};
use crate::store::{Heartbeat, Store};
use crate::time::Clock;

/// Between two looks at what the nodes say.
const PAUSE: Duration = Duration::from_millis(100);

/// Who has applied an act, as far as is known.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Where in the feed the act stands.
    pub position: Position,
    /// What each node said last, and how it stands; none, if the nodes could not be asked.
    pub nodes: Option<Vec<(Heartbeat, Standing)>>,
}

impl Applied {
    /// Whether no node can admit anybody whom the act keeps out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.nodes.as_ref().is_some_and(|nodes| nodes.iter().all(|(_, at)| *at != Standing::Behind))
    }

    /// How many nodes there are in this standing.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        self.nodes.iter().flatten().filter(|(_, at)| *at == standing).count()
    }

    /// The nodes that may still admit somebody, by name.
    pub fn behind(&self) -> impl Iterator<Item = &str> {
        let behind = self.nodes.iter().flatten().filter(|(_, at)| *at == Standing::Behind);
        behind.map(|(node, _)| node.node.as_str())
    }
}

/// Waits until the act that was committed at this position is applied by every node that may admit anybody,
/// but no longer than `at_most`; whoever is told learns of each look. A database that does not answer is asked again:
/// the act is done, whatever becomes of this.
pub async fn wait(
    (store, clock): (&dyn Store, &dyn Clock),
    position: Position,
    at_most: Duration,
    mut told: impl FnMut(&Applied) + Send,
) -> Applied {
    let mut watched = Watched::new(position);
    let mut last = Applied { position, nodes: None };
    let looking = async {
        loop {
            match store.nodes().await {
                Ok(nodes) => {
                    last.nodes = Some(stand(&mut watched, nodes, clock));
                    told(&last);
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "the nodes cannot be asked");
                }
            }
            if last.is_complete() {
                return;
            }
            sleep(PAUSE).await;
        }
    };
    let _ = timeout(at_most, looking).await;
    last
}

fn stand(watched: &mut Watched, nodes: Vec<Heartbeat>, clock: &dyn Clock) -> Vec<(Heartbeat, Standing)> {
    let (now, monotonic) = (clock.now(), clock.monotonic());
    let standing = |node: Heartbeat| {
        let sign = Sign { seen_at: node.seen_at, applied: node.applied, max_age: node.max_age };
        let standing = watched.look(&node.node, sign, now, monotonic);
        (node, standing)
    };
    nodes.into_iter().map(standing).collect()
}

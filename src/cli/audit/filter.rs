//! Which rows of the log are wanted.

use crate::cli::values::{self, Expiry};
use crate::domain::authority::Reach;
use crate::domain::{ProjectId, Timestamp};
use crate::store::WantedAudit;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Filter {
    /// Only what was done in this project.
    #[arg(long, value_name = "ID")]
    project: Option<ProjectId>,
    /// Only what they did, as the log calls them: `key:ID`, `local:UID`, `system`, `leak_report`.
    #[arg(long, value_name = "NAME", value_parser = values::looked_for)]
    actor: Option<String>,
    /// Only this act, such as key.block.
    #[arg(long, value_name = "ACT", value_parser = values::looked_for)]
    act: Option<String>,
    /// Only what was done to this, such as a key's id.
    #[arg(long, value_name = "NAME", value_parser = values::looked_for)]
    target: Option<String>,
    /// Only what was done since: 1h (ago), 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds.
    #[arg(long, value_name = "WHEN")]
    since: Option<Expiry>,
    /// Only what was done before.
    #[arg(long, value_name = "WHEN")]
    until: Option<Expiry>,
}

impl Filter {
    /// Whether every row is wanted.
    pub(super) const fn is_none(&self) -> bool {
        let Self { project, actor, act, target, since, until } = self;
        let names = project.is_none() && actor.is_none() && act.is_none() && target.is_none();
        names && since.is_none() && until.is_none()
    }

    /// The rows that are wanted, from the first on.
    pub(super) fn wanted(&self, now: Timestamp) -> WantedAudit {
        let [since, until] = [self.since, self.until].map(|when| when.map(|when| when.ago(now)));
        let Self { project, actor, act, target, .. } = self;
        let [actor, act, target] = [actor, act, target].map(Clone::clone);
        let within = project.clone().map_or(Reach::Everywhere, |project| Reach::Within([project].into()));
        WantedAudit { within, actor, act, target, since, until, ..everything() }
    }
}

/// All rows, from the first on.
pub(super) const fn everything() -> WantedAudit {
    WantedAudit {
        within: Reach::Everywhere,
        actor: None,
        act: None,
        target: None,
        since: None,
        until: None,
        newest_first: false,
        after: None,
        limit: 1,
    }
}

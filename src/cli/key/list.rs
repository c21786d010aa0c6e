//! `portcullis key list`, `portcullis key hygiene`

use crate::admin::view::{HygieneRow, KeyFound};
use crate::cli::failure::Failure;
use crate::cli::house::{WhichKeys, WhichNeglected};
use crate::cli::output::{Row, joined};
use crate::cli::session::Session;
use crate::cli::values;
use crate::domain::hygiene::Days;
use crate::domain::{KeyId, KeyState, ProjectId, RoleName, Timestamp};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only those of this project.
    #[arg(long, value_name = "ID")]
    project: Option<ProjectId>,
    /// Only those whose id or name contains this, whatever the case of its letters.
    #[arg(long, value_name = "TEXT", value_parser = values::looked_for)]
    search: Option<String>,
    /// Only those that are active, blocked or deleted.
    #[arg(long, value_name = "STATE")]
    state: Option<KeyState>,
    /// Only those that have this role.
    #[arg(long, value_name = "NAME")]
    role: Option<RoleName>,
    /// Only those of which a secret was reported as leaked.
    #[arg(long)]
    flagged: bool,
    /// Only those that nobody has used for so many days, such as 90d, and that are older than that.
    #[arg(long, value_name = "DAYS", value_parser = values::days)]
    unused: Option<Days>,
    /// Only those that nobody ever used.
    #[arg(long)]
    never_used: bool,
    /// Only those that end within so many days, such as 14d: by their own end, or the last of their secrets.
    #[arg(long, value_name = "DAYS", value_parser = values::days)]
    expiring: Option<Days>,
    /// Only those after this one.
    #[arg(long, value_name = "ID")]
    after: Option<KeyId>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

pub(super) async fn list(session: &Session, args: Args) -> Result<(), Failure> {
    let Args { project, search: text, state, role, flagged, unused, never_used, expiring, after, limit } =
        args;
    let which = WhichKeys { project, text, state, role, flagged, unused, never_used, expiring, after, limit };
    session.output.show(&session.house.keys(which).await?)
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct HygieneArgs {
    /// Only keys of this project.
    #[arg(long, value_name = "ID")]
    project: Option<ProjectId>,
    /// Only this key.
    #[arg(long, value_name = "ID")]
    key: Option<KeyId>,
    /// Unused is what nobody has used for so many days [default: 90d].
    #[arg(long, value_name = "DAYS", value_parser = values::days)]
    unused: Option<Days>,
    /// Expiring is what ends within so many days [default: 14d].
    #[arg(long, value_name = "DAYS", value_parser = values::days)]
    expiring: Option<Days>,
    /// Over-broad is what has permissions by which no token was granted anything for so many days, as far as the
    /// issuance log goes back [default: 30d].
    #[arg(long, value_name = "DAYS", value_parser = values::days)]
    over_broad: Option<Days>,
    /// Only keys after this one.
    #[arg(long, value_name = "ID")]
    after: Option<KeyId>,
    /// So many keys are looked at.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

pub(super) async fn hygiene(session: &Session, args: HygieneArgs) -> Result<(), Failure> {
    let HygieneArgs { project, key, unused, expiring, over_broad, after, limit } = args;
    let which = WhichNeglected { project, key, unused, expiring, over_broad, after, limit };
    session.output.show(&session.house.hygiene(which).await?)
}

impl Row for KeyFound {
    const NOTHING: &'static str = "There are no such API keys.";
    const COLUMNS: &'static [&'static str] =
        &["key_id", "project", "name", "state", "permissions", "role", "allowlist", "last used", "ends"];

    fn cells(&self) -> Vec<String> {
        let key = &self.key;
        vec![
            key.key_id.to_string(),
            key.project.to_string(),
            key.name.clone(),
            if key.flags.is_empty() { key.state.to_string() } else { format!("{}, flagged", key.state) },
            joined(&key.permissions, "-"),
            key.role.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            joined(&key.allowlist, "any"),
            time_or_never(self.last_used_at),
            time_or_never(self.ends_at),
        ]
    }
}

impl Row for HygieneRow {
    const NOTHING: &'static str = "There is nothing to say of these API keys.";
    const COLUMNS: &'static [&'static str] =
        &["key_id", "name", "findings", "last used", "ends", "unused permissions", "since"];

    fn cells(&self) -> Vec<String> {
        let unused = self.unused_permissions.as_ref();
        vec![
            self.key_id.to_string(),
            self.name.clone(),
            joined(&self.findings, "-"),
            time_or_never(self.last_used_at),
            time_or_never(self.ends_at),
            unused.map_or_else(|| "not known".to_owned(), |unused| joined(unused, "-")),
            Timestamp::from_secs(self.since).to_string(),
        ]
    }
}

fn time_or_never(secs: Option<i64>) -> String {
    secs.map_or_else(|| "never".to_owned(), |secs| Timestamp::from_secs(secs).to_string())
}

//! `portcullis audit list --follow`: rows as they are written, one a line.

use std::time::Duration;

use tokio::time::sleep;

use crate::admin::view::AuditEntry;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::store::WantedAudit;

use super::filter::everything;
use super::{newest, rows_after};

/// How often it is looked for rows.
const LOOK: Duration = Duration::from_millis(500);

/// The rows that are wanted after this one, else those that come. A log that cannot be read for a while is read again later:
/// nothing is left out.
pub(super) async fn run(session: &Session, wanted: WantedAudit, after: Option<i64>) -> Result<(), Failure> {
    let mut after = match after {
        Some(after) => after,
        None => newest(session, &everything()).await?.map_or(0, |last| last.row.seq),
    };
    let mut failing = false;
    loop {
        let rows = match rows_after(session, &wanted, after).await {
            Err(failure) if failure.may_pass() => {
                if !failing {
                    session.output.warn(&format!("{failure}; it is tried again"));
                }
                failing = true;
                Vec::new()
            }
            rows => rows?,
        };
        if let Some(last) = rows.last() {
            (after, failing) = (last.row.seq, false);
            let rows: Vec<_> = rows.into_iter().map(AuditEntry::from).collect();
            if !session.output.go_on(&rows)? {
                return Ok(());
            }
        } else {
            sleep(LOOK).await;
        }
    }
}

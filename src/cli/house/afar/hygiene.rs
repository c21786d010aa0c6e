//! Which keys, and which of their permissions, somebody might do without. One answer of the API reads a part of the
//! issuance log; it is asked until the log is at its end, as it is read here.

use async_trait::async_trait;

use super::{Afar, Again};
use crate::admin::view::{HygieneRow, KeyFound, Page};
use crate::cli::failure::Failure;
use crate::cli::house::{Hygiene, Keys as _, WhichKeys, WhichNeglected};
use crate::domain::authority::Right;
use crate::domain::hygiene::Finding;

impl Afar {
    /// What is known of these keys by the log before this time, or by its newest part.
    async fn examined(
        &self,
        which: &WhichNeglected,
        log_until: Option<i64>,
    ) -> Result<Page<HygieneRow>, Failure> {
        let mut query = vec![("limit", which.limit.to_string())];
        query.extend(which.project.as_ref().map(|project| ("project", project.to_string())));
        query.extend(which.after.as_ref().map(|after| ("after", after.to_string())));
        query.extend(which.key.as_ref().map(|key| ("key", key.to_string())));
        query.extend(which.unused.map(|days| ("unused_days", days.number().to_string())));
        query.extend(which.expiring.map(|days| ("expiring_days", days.number().to_string())));
        query.extend(which.over_broad.map(|days| ("over_broad_days", days.number().to_string())));
        query.extend(log_until.map(|until| ("log_until", until.to_string())));
        let scope = [self.scope(Right::ReadKeys, which.project.as_ref())];
        self.ask(&scope, self.get(&["hygiene"], &query), Again::Safely).await
    }

    /// The first keys of those that are looked at, whatever there is to say of them.
    async fn looked_at(&self, which: &WhichNeglected, limit: u32) -> Result<Vec<KeyFound>, Failure> {
        let (project, after) = (which.project.clone(), which.after.clone());
        Ok(self.keys(WhichKeys { project, after, limit, ..WhichKeys::default() }).await?.items)
    }
}

#[async_trait]
impl Hygiene for Afar {
    async fn hygiene(&self, which: WhichNeglected) -> Result<Page<HygieneRow>, Failure> {
        let Page { items: mut rows, next } = self.examined(&which, None).await?;
        while let Some(since) = still_open(&rows) {
            // Of the second in which the last answer ends, it may have read a part.
            let earlier = self.examined(&which, Some(since + 1)).await?.items;
            rows = rows.into_iter().filter_map(|row| with_earlier(row, &earlier)).collect();
            // There is nothing before it, or nothing that is kept.
            if still_open(&rows).is_none_or(|reached| reached >= since) {
                break;
            }
        }
        let next = match next {
            // The last of which there is something to say is not the last that was looked at.
            Some(_) => {
                self.looked_at(&which, which.limit).await?.pop().map(|last| last.key.key_id.to_string())
            }
            None => None,
        };
        if rows.is_empty() && which.project.is_some() {
            // The project is there.
            self.looked_at(&which, 1).await?;
        }
        Ok(Page { items: rows, next })
    }
}

/// Since when permissions are called unused that an earlier part of the log may show in use; none, if there are none.
fn still_open(rows: &[HygieneRow]) -> Option<i64> {
    let open = |row: &&HygieneRow| row.unused_permissions.as_ref().is_some_and(|unused| !unused.is_empty());
    rows.iter().filter(open).map(|row| row.since).min()
}

/// What is to be said of a key, if of an earlier part of the log this is said. Of a key of which that says nothing it
/// shows every permission in use.
fn with_earlier(mut row: HygieneRow, earlier: &[HygieneRow]) -> Option<HygieneRow> {
    let earlier = earlier.iter().find(|earlier| earlier.key_id == row.key_id);
    if let Some(earlier) = earlier {
        row.since = row.since.min(earlier.since);
    }
    row.unused_permissions = match (row.unused_permissions, earlier) {
        (None, _) => None,
        (Some(_), None) => Some(Vec::new()),
        (Some(unused), Some(earlier)) => earlier
            .unused_permissions
            .as_ref()
            .map(|also| unused.into_iter().filter(|permission| also.contains(permission)).collect()),
    };
    if row.unused_permissions.as_ref().is_none_or(Vec::is_empty) {
        row.findings.retain(|finding| *finding != Finding::OverBroad.as_str());
    }
    (!row.findings.is_empty()).then_some(row)
}

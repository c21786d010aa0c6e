//! Which keys, and which of their permissions, somebody might do without.

use async_trait::async_trait;

use super::Here;
use crate::admin::view::{HygieneRow, Page};
use crate::admin::{EXPIRING_DAYS, OVER_BROAD_DAYS, UNUSED_DAYS};
use crate::cli::failure::Failure;
use crate::cli::house::{Hygiene, WhichNeglected};
use crate::domain::authority::Reach;
use crate::domain::hygiene::{Days, Terms};
use crate::keys::hygiene::{Question, examine};

#[async_trait]
impl Hygiene for Here {
    async fn hygiene(&self, which: WhichNeglected) -> Result<Page<HygieneRow>, Failure> {
        if let Some(project) = &which.project {
            self.stored_project(project).await?;
        }
        let now = self.acts.clock.now();
        let span =
            |days: Option<Days>, usual: u32| days.or(Days::new(usual)).map(Days::span).unwrap_or_default();
        let terms = Terms {
            unused_since: now.before(span(which.unused, UNUSED_DAYS)),
            now,
            ends_by: now.after(span(which.expiring, EXPIRING_DAYS)),
        };
        let question = Question {
            within: which.project.map_or(Reach::Everywhere, |project| Reach::Within([project].into())),
            key: which.key,
            terms,
            log_since: now.before(span(which.over_broad, OVER_BROAD_DAYS).min(self.retention)),
            log_until: None,
            // Whoever sits here may wait, and can end it.
            log_rows: u64::MAX,
            after: which.after,
            limit: which.limit,
        };
        let report = examine(self.store(), &question).await?;
        let items = report.keys.into_iter().map(HygieneRow::from).collect();
        Ok(Page { items, next: report.next.map(|last| last.to_string()) })
    }
}

//! What is counted: requests, refusals by reason, how long answers and commits take. And the page that tells
//! it, in Prometheus' text format.
//!
//! Counting is an addition to a number that no other thread writes (`shards.rs`), and nothing that a client
//! wrote is ever a label: endpoints and reasons are lists of ours. Not here: what is true at the moment of
//! asking, such as the age of the revocation list (`web::metrics`).

mod count;
mod endpoint;
pub mod list;
mod page;
mod refusals;
mod shards;
mod spread;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::leak::Outcome;

pub use count::{Count, Level, Present};
pub use endpoint::Endpoint;
pub use page::{CONTENT_TYPE, Page};
pub use refusals::{Refusals, reasons};
pub use spread::{Spread, Tally, Unit};

use shards::Shards;

/// The classes of statuses, as the page names them.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted of requests and their answers.
#[derive(Debug, Default)]
pub struct Metrics {
    answers: Shards<[Answers; Endpoint::ALL.len()]>,
    refusals: Refusals,
    leaks: [AtomicU64; Outcome::ALL.len()],
    /// Tokens whose signature was asked about.
    pub signatures: Count,
    /// Connections to any listener.
    pub connections: Level,
}

#[derive(Debug)]
struct Answers {
    classes: [AtomicU64; CLASSES.len()],
    took: Spread,
}

impl Default for Answers {
    fn default() -> Self {
        Self { classes: Default::default(), took: Spread::of_time() }
    }
}

impl Metrics {
    /// A request was answered with this status.
    pub fn answered(&self, endpoint: Endpoint, status: u16, took: Duration) {
        let answers = &self.answers.mine()[endpoint as usize];
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        answers.classes[class].fetch_add(1, Ordering::Relaxed);
        answers.took.add_time(took);
    }

    /// A request, or what it asked about, was refused for this reason, which is one of [`reasons`].
    pub fn refused(&self, endpoint: Endpoint, reason: &str) {
        self.refusals.add(endpoint, reason);
    }

    /// Somebody has reported a secret, and this came of it.
    pub fn reported(&self, outcome: Outcome) {
        self.leaks[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Writes what was counted of requests.
    pub fn tell(&self, page: &mut Page) {
        page.begin(&list::REQUESTS);
        for endpoint in Endpoint::ALL {
            for (class, name) in CLASSES.iter().enumerate() {
                let of = |answers: &[Answers; Endpoint::ALL.len()]| {
                    answers[endpoint as usize].classes[class].load(Ordering::Relaxed)
                };
                let sum: u64 = self.answers.each().map(of).sum();
                page.labelled(&[("endpoint", endpoint.as_str()), ("status", name)], sum);
            }
        }
        page.begin(&list::DURATION);
        for endpoint in Endpoint::ALL {
            let mut tally = Tally::default();
            self.answers.each().for_each(|answers| tally.add(&answers[endpoint as usize].took));
            page.spread(&[("endpoint", endpoint.as_str())], &tally);
        }
        page.begin(&list::REFUSALS);
        for (endpoint, reason, count) in self.refusals.each() {
            page.labelled(&[("endpoint", endpoint.as_str()), ("reason", reason)], count);
        }
        page.begin(&list::LEAKS);
        for outcome in Outcome::ALL {
            let count = self.leaks[outcome as usize].load(Ordering::Relaxed);
            page.labelled(&[("outcome", outcome.as_str())], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_count_is_told_as_one_and_nothing_is_lost() {
        let metrics = Metrics::default();
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        metrics.answered(Endpoint::Token, 200, Duration::from_micros(700));
                        metrics.refused(Endpoint::Verify, "expired");
                        metrics.signatures.add(1);
                    }
                });
            }
        });
        metrics.answered(Endpoint::Token, 299, Duration::from_hours(1));
        metrics.answered(Endpoint::Other, 999, Duration::ZERO);
        metrics.refused(Endpoint::Verify, "whatever a client wrote");
        let mut page = Page::default();
        metrics.tell(&mut page);
        let page = page.end();
        for line in [
            r#"portcullis_requests_total{endpoint="token",status="2xx"} 40001"#,
            r#"portcullis_requests_total{endpoint="other",status="5xx"} 1"#,
            r#"portcullis_request_duration_seconds_bucket{endpoint="token",le="0.0005"} 0"#,
            r#"portcullis_request_duration_seconds_bucket{endpoint="token",le="0.001"} 40000"#,
            r#"portcullis_request_duration_seconds_bucket{endpoint="token",le="+Inf"} 40001"#,
            r#"portcullis_request_duration_seconds_sum{endpoint="token"} 3628"#,
            r#"portcullis_request_duration_seconds_count{endpoint="token"} 40001"#,
            r#"portcullis_refusals_total{endpoint="verify",reason="expired"} 40000"#,
            r#"portcullis_refusals_total{endpoint="verify",reason="other"} 1"#,
        ] {
            assert!(page.lines().any(|told| told == line), "{line}\n{page}");
        }
        assert_eq!(metrics.signatures.sum(), 40_000);
        assert!(!page.contains("whatever"));
    }
}

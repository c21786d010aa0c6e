//! Requests at an even pace, and how long each answer took, counted from when its request was due: a server that
//! stops for a moment is not asked less for it, so what waited meanwhile is in the figures.
//!
//! `pace URL PER_SECOND SECONDS < FORM` posts the form on as many connections as it takes, at most 64, and prints
//! one line of JSON: how many were answered 200 and how many otherwise, the pace, and milliseconds. Timers of the
//! client are whole milliseconds, which is in the figures too.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]
#![expect(clippy::disallowed_methods, reason = "it is a client, and measures real time")]

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode, header};
use serde_json::json;
use tokio::time::sleep_until;

const CONNECTIONS: usize = 64;
/// Before the first request is due.
const SETTLING: Duration = Duration::from_millis(500);

/// What is asked, and when.
struct Plan {
    client: Client,
    url: String,
    form: String,
    begins: Instant,
    gap: Duration,
    requests: u32,
    /// The next request that nobody has taken.
    next: AtomicU32,
}

impl Plan {
    /// Takes requests as they come due until there are none left: how long each took, or none if it was refused.
    async fn work(&self) -> Vec<Option<Duration>> {
        let mut took = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests {
                return took;
            }
            let due = self.begins + self.gap * number;
            sleep_until(due.into()).await;
            let answered = self.ask().await;
            took.push(answered.then(|| due.elapsed()));
        }
    }

    async fn ask(&self) -> bool {
        let request = self.client.post(&self.url).body(self.form.clone());
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match request.send().await {
            Ok(answer) => answer.status() == StatusCode::OK && answer.bytes().await.is_ok(),
            Err(_) => false,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, pace, seconds] = &arguments[..] else { panic!("pace URL PER_SECOND SECONDS < FORM") };
    let (pace, seconds): (u32, u32) = (pace.parse().expect("a number"), seconds.parse().expect("a number"));
    let mut form = String::new();
    std::io::stdin().read_to_string(&mut form).expect("a form");
    let plan = Arc::new(Plan {
        client: Client::builder().build().expect("a client"),
        url: url.clone(),
        form: form.trim().to_owned(),
        begins: Instant::now() + SETTLING,
        gap: Duration::from_secs(1) / pace,
        requests: pace * seconds,
        next: AtomicU32::new(0),
    });
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let plan = Arc::clone(&plan);
            tokio::spawn(async move { plan.work().await })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.expect("a worker"));
    }
    let lasted = plan.begins.elapsed();
    let mut took: Vec<Duration> = all.iter().copied().flatten().collect();
    took.sort_unstable();
    let at = |share: f64| took.get(index(took.len(), share)).map_or(0.0, |took| took.as_secs_f64() * 1000.0);
    println!(
        "{}",
        json!({
            "answered": took.len(), "refused": all.len() - took.len(),
            "per_second": f64::from(plan.requests) / lasted.as_secs_f64(),
            "median_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
        })
    );
}

/// Where in a sorted list of so many this share of them is passed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small"
)]
fn index(count: usize, share: f64) -> usize {
    ((count as f64 * share) as usize).min(count.saturating_sub(1))
}

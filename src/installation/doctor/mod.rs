//! Whether an installation is fit to be served: looks at everything, changes nothing but what any
//! command changes by opening it, and says what to do.

mod disk;
mod tls;
mod within;

use portcullis_guard::CLOCK_TOLERANCE;
use serde::Serialize;

use super::database::Place;
use super::files::Files;
use super::{Error, Surroundings};
use crate::config::Settings;
use crate::store::Health;
use crate::time::Clock;

/// What a look at one thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// What was seen.
    pub found: String,
    /// What to do, unless it is well.
    pub fix: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but may not be meant.
    Warning,
    /// Nobody can be served, or not safely.
    Wrong,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), fix: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Warning, found: found.into(), fix: Some(fix.into()) }
    }

    fn wrong(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Wrong, found: found.into(), fix: Some(fix.into()) }
    }
}

/// Looks at everything that can be looked at; what cannot be reached is not in the answer, but why
/// it cannot is.
pub async fn examine(settings: &Settings, surroundings: &Surroundings) -> Vec<Finding> {
    let files = Files::in_folder(&settings.data_dir);
    let mut findings = disk::examine(&files);
    findings.extend(settings.tls.as_ref().map(|files| tls::examine(files, surroundings.clock.as_ref())));
    let place = Place::of(settings);
    if matches!(place, Place::File(_)) && !files.database().exists() {
        let fix = "run `portcullis init` or `portcullis serve`, or name another --data-dir";
        findings.push(Finding::wrong("database", "there is none in the data directory", fix));
        return findings;
    }
    let within = match place.open_what_is_there(settings).await {
        Ok(store) => {
            let found = within::examine(store.as_ref(), &place, settings, surroundings).await;
            store.close().await;
            found
        }
        Err(Error::Store { source, .. }) => vec![within::unusable(&source)],
        Err(other) => vec![Finding::wrong("database", other.to_string(), "found one, or name another")],
    };
    for finding in within {
        // One fault may be met more than once.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// The clock, held against the newest time that was recorded.
fn clock(health: &Health, clock: &dyn Clock) -> Finding {
    let now = clock.now();
    if let Some(other) = health.now
        && now.since(other).max(other.since(now)) > CLOCK_TOLERANCE
    {
        let found = format!("it says {now}, and the database's says {other}");
        return Finding::wrong("clock", found, "set the clocks of both machines right, best by NTP");
    }
    match health.newest {
        Some(newest) if newest > now.after(CLOCK_TOLERANCE) => Finding::wrong(
            "clock",
            format!("it says {now}, but something was recorded at {newest}"),
            "set the clock of this machine right, best by NTP: expiry and freshness are judged by it",
        ),
        _ => Finding::ok("clock", format!("it says {now}, after everything that was recorded")),
    }
}

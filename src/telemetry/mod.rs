//! Logs to stderr: for people on a terminal, JSON otherwise; and, where it is built in and asked for, traces
//! of requests to a collector. Not metrics, and not what is logged: whoever acts, logs.

#[cfg(feature = "traces")]
mod traces;
#[cfg(not(feature = "traces"))]
#[path = "no_traces.rs"]
mod traces;

use std::io::{self, IsTerminal};

use tracing::{Level, Subscriber};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::config::{Log, LogFormat, Traces};

pub use traces::{Sending, are_sent, continues};

/// Starts logging for the whole process, and what sends traces. A second call changes nothing.
pub fn start(log: &Log, traces: Option<&Traces>) -> Option<Sending> {
    let logs = subscriber(log, io::stderr().is_terminal(), io::stderr);
    let (logs, sending) = match traces.map(Sending::start) {
        Some((sending, layer)) => (logs.with(Some(layer)), Some(sending)),
        None => (logs.with(None), None),
    };
    // Already started: the first one stays, as tests that share a process expect.
    let _ = logs.try_init();
    sending
}

/// What writes the lines; `terminal` says whether people read them there.
#[must_use]
pub fn subscriber<W>(
    log: &Log,
    terminal: bool,
    writer: W,
) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Registry::default().with(lines(log.format, terminal, writer).with_filter(levels(log.level)))
}

fn lines<S, W>(format: LogFormat, terminal: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    match format {
        LogFormat::Auto | LogFormat::Pretty if terminal => lines.compact().boxed(),
        LogFormat::Pretty => lines.compact().with_ansi(false).boxed(),
        LogFormat::Auto | LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    }
}

/// Our own events at `level`; libraries only from `info`, and SQL statements from `warn`, unless
/// everything is asked for.
fn levels(level: Level) -> Targets {
    if level == Level::TRACE {
        return Targets::new().with_default(level);
    }
    Targets::new()
        .with_default(level.min(Level::INFO))
        .with_target("sqlx", level.min(Level::WARN))
        // Whoever asked is told why a certificate is not believed; this says it a second time.
        .with_target("rustls_platform_verifier", LevelFilter::OFF)
        .with_target("portcullis", level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_quieter_than_we_are_except_at_trace() {
        let table = [
            (Level::DEBUG, "portcullis::oauth", Level::DEBUG, true),
            (Level::DEBUG, "portcullis_guard", Level::DEBUG, true),
            (Level::DEBUG, "hyper", Level::DEBUG, false),
            (Level::INFO, "hyper", Level::INFO, true),
            (Level::INFO, "sqlx::query", Level::INFO, false),
            (Level::INFO, "sqlx::query", Level::WARN, true),
            (Level::ERROR, "sqlx::query", Level::WARN, false),
            (Level::ERROR, "portcullis", Level::WARN, false),
            (Level::TRACE, "sqlx::query", Level::TRACE, true),
            (Level::DEBUG, "rustls_platform_verifier::verification", Level::ERROR, false),
        ];
        for (set, target, level, written) in table {
            assert_eq!(levels(set).would_enable(target, &level), written, "{set}: {target} {level}");
        }
    }
}

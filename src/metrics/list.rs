//! Everything that the page tells, with its meaning. docs/metrics.md is compared with this by a test.

/// What is told under one name.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What its lines are told apart by.
    pub labels: &'static [&'static str],
    /// What it means, for people.
    pub help: &'static str,
}

/// A kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process ends.
    Counter,
    /// It is what it is now.
    Gauge,
    /// A spread of values.
    Histogram,
}

impl Kind {
    /// As the format names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $labels:tt $help:literal,)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric =
                Metric { name: $name, kind: Kind::$kind, labels: &$labels, help: $help };
        )*
        /// All of them, in the order of the page.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD: Gauge "portcullis_build_info" ["version"] "Always 1; the version of the program is the label.",
    REQUESTS: Counter "portcullis_requests_total" ["endpoint", "status"]
        "Requests that were answered, by endpoint and class of status. Tokens handed out are token, 2xx.",
    DURATION: Histogram "portcullis_request_duration_seconds" ["endpoint"]
        "Time from a request's head to its answer's head; of the feed, with the time that it waited for news.",
    REFUSALS: Counter "portcullis_refusals_total" ["endpoint", "reason"]
        "Requests, and tokens that were asked about, that were refused. Reasons are listed codes.",
    SIGNATURES: Counter "portcullis_verified_tokens_lookups_total" []
        "Tokens whose signature was asked about, by any endpoint.",
    SIGNATURE_MISSES: Counter "portcullis_verified_tokens_misses_total" []
        "Of those, how many were not among the tokens verified a moment ago, so that a signature was checked.",
    RECORDS: Counter "portcullis_key_records_lookups_total" []
        "Records of API keys that were asked for.",
    RECORD_LOADS: Counter "portcullis_key_records_loads_total" []
        "Of those, how many were read from the database.",
    ISSUED: Counter "portcullis_tokens_issued_total" []
        "Tokens that the issuance log holds, whether or not somebody received them.",
    COMMITS: Histogram "portcullis_issuance_commit_duration_seconds" []
        "Time that one commit of the issuance log took.",
    BATCHES: Histogram "portcullis_issuance_commit_tokens" []
        "Tokens that one commit of the issuance log recorded or refused.",
    COMMIT_FAILURES: Counter "portcullis_issuance_commit_failures_total" []
        "Commits of the issuance log that failed; every mint that waited for one was answered 503.",
    WAITING: Gauge "portcullis_issuance_waiting_tokens" []
        "Tokens that wait for the next commit of the issuance log.",
    AGE: Gauge "portcullis_revocation_list_age_seconds" []
        "Age of this node's copy of the revocation list; +Inf before it was read for the first time.",
    STALE: Gauge "portcullis_revocation_list_stale" []
        "1 if that copy is too old, so that nobody is admitted.",
    POSITION: Gauge "portcullis_feed_position" []
        "How far this node has applied the feed; what the others have applied beyond it is its lag.",
    STREAMS: Gauge "portcullis_feed_streams" []
        "Guards that follow the feed as a stream.",
    WEBHOOK_ATTEMPTS: Counter "portcullis_webhook_attempts_total" ["outcome"]
        "Attempts to send an event to a webhook, by what came of them.",
    WEBHOOK_WAIT: Gauge "portcullis_webhook_oldest_due_seconds" []
        "For how long the longest due event for any active webhook has been due; looked at every 15 seconds.",
    CONNECTIONS: Gauge "portcullis_connections" []
        "Connections that are open.",
}

//! The page in Prometheus' text format, version 0.0.4. No label needs escaping: all are words of ours.

use std::fmt::{Display, Write as _};

use super::list::{Kind, Metric};
use super::spread::Tally;

/// What the page is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page in the making.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    /// What follows is of this metric.
    pub fn begin(&mut self, metric: &Metric) {
        let Metric { name, kind, help, .. } = metric;
        self.name = name;
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str()));
    }

    /// A metric that is one number.
    pub fn number(&mut self, metric: &Metric, value: impl Display) {
        debug_assert!(metric.labels.is_empty() && metric.kind != Kind::Histogram);
        self.begin(metric);
        self.labelled(&[], value);
    }

    /// One of its numbers.
    pub fn labelled(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// One of its spreads.
    pub fn spread(&mut self, labels: &[(&str, &str)], tally: &Tally) {
        for (bound, count) in tally.buckets() {
            self.line("_bucket", labels, Some(&bound.to_string()), count);
        }
        self.line("_bucket", labels, Some("+Inf"), tally.count());
        self.line("_sum", labels, None, tally.sum());
        self.line("_count", labels, None, tally.count());
    }

    /// The page.
    #[must_use]
    pub fn end(self) -> String {
        self.text
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], le: Option<&str>, value: impl Display) {
        let name = self.name;
        self.write(format_args!("{name}{suffix}"));
        let labels = labels.iter().copied().chain(le.map(|bound| ("le", bound)));
        let mut between = '{';
        for (label, value) in labels {
            self.write(format_args!("{between}{label}=\"{value}\""));
            between = ',';
        }
        let close = if between == ',' { "}" } else { "" };
        self.write(format_args!("{close} {value}\n"));
    }

    fn write(&mut self, what: std::fmt::Arguments<'_>) {
        self.text.write_fmt(what).expect("a text takes any text");
    }
}

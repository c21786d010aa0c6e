//! The page, the alert rules and the dashboard, as Prometheus' `promtool` sees them; and docs/metrics.md.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use portcullis::metrics::list::{ALL, Kind};
use serde_json::Value;

use crate::support::App;

fn deploy(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

/// `promtool` with this on its standard input, which must be content and say nothing against it.
fn promtool(arguments: &[&str], input: &str) {
    let mut promtool = Command::new("promtool");
    promtool.args(arguments).current_dir(deploy("prometheus"));
    promtool.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool is missing: run scripts/test");
    promtool.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(status.success() && (input.is_empty() || said.trim().is_empty()), "{arguments:?}: {said}");
}

#[tokio::test]
async fn prometheus_reads_the_page_and_has_nothing_to_say_against_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    key.token("").await;
    app.get("/v1/auth/verify").bearer("x").send().await;
    promtool(&["check", "metrics"], &app.metrics().await);
}

#[test]
fn the_alert_rules_are_rules_and_each_fires_when_it_should() {
    promtool(&["check", "config", "prometheus.yml"], "");
    promtool(&["check", "rules", "portcullis.rules.yml"], "");
    promtool(&["test", "rules", "portcullis.rules.test.yml"], "");
    let read = |name: &str| fs::read_to_string(deploy("prometheus").join(name)).unwrap();
    let (rules, tests) = (read("portcullis.rules.yml"), read("portcullis.rules.test.yml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 8);
    for alert in alerts {
        assert!(
            tests.contains(&format!("alertname: {alert}\n        exp_alerts:\n")),
            "no test fires {alert}"
        );
    }
}

/// The names of metrics in a text, without the suffixes of histograms.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("portcullis_"));
    let histogram = |name: &str| ALL.iter().any(|m| m.name == name && m.kind == Kind::Histogram);
    let base = |word: &str| {
        let bases = ["_bucket", "_sum", "_count"].iter().filter_map(|suffix| word.strip_suffix(suffix));
        bases.into_iter().find(|base| histogram(base)).unwrap_or(word).to_owned()
    };
    words.map(base).collect()
}

#[test]
fn rules_dashboard_and_documentation_name_what_there_is_and_the_dashboard_all_that_moves() {
    let known: BTreeSet<String> = ALL.iter().map(|metric| metric.name.to_owned()).collect();
    let dashboard = fs::read_to_string(deploy("grafana/portcullis.json")).unwrap();
    let panels: Value = serde_json::from_str(&dashboard).unwrap();
    assert!(panels["panels"].as_array().unwrap().len() > 8);
    let rules = fs::read_to_string(deploy("prometheus/portcullis.rules.yml")).unwrap();
    for text in [&dashboard, &rules, include_str!("../../../docs/metrics.md")] {
        let unknown: Vec<_> = named(text).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
    let told = &named(&dashboard) | &named(&rules);
    let silent: Vec<_> = known.difference(&told).collect();
    assert!(silent.is_empty(), "neither drawn nor watched: {silent:?}");
}

/// Set, it makes the test write what it would have compared.
const WRITE: &str = "PORTCULLIS_WRITE_METRICS";

#[test]
#[expect(clippy::disallowed_methods, reason = "it is no setting of the program")]
fn the_documentation_lists_what_there_is() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = fs::read_to_string(&file).unwrap();
    let mut table = "| name | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for metric in ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels) = (metric.kind.as_str(), labels.join(", "));
        writeln!(table, "| `{}` | {kind} | {labels} | {} |", metric.name, metric.help).unwrap();
    }
    let (before, rest) = page.split_once("<!-- table -->\n").unwrap();
    let after = rest.split_once("<!-- end of the table -->\n").map_or(rest, |(_, after)| after);
    let wanted = format!("{before}<!-- table -->\n{table}<!-- end of the table -->\n{after}");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == wanted,
        "run this test with {WRITE}=1 and look at the change"
    );
}

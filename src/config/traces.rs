//! Where traces of requests are sent, and of how many.

use url::Url;

use super::error::{Error, Problem};
use super::layers::Layers;

const EXAMPLE: &str = "write it as http://127.0.0.1:4318";
/// Where a collector takes traces (OpenTelemetry Protocol, OTLP/HTTP).
const PATH: &str = "v1/traces";

/// Where traces are sent, and of how many requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    collector: Url,
    /// The share of the requests that are traced, above 0 and at most 1.
    pub share: f64,
}

impl Traces {
    /// Where they are posted.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{PATH}", self.collector.as_str().trim_end_matches('/'))
    }
}

pub(super) fn traces(layers: &Layers<'_>) -> Result<Option<Traces>, Error> {
    let share = layers.read("traces.share", share)?;
    let collector = layers.read("traces.endpoint", |text| endpoint(text, cfg!(feature = "traces")))?;
    Ok(collector.map(|collector| Traces { collector, share }))
}

/// A collector is the operator's own, and often beside the server: plain http is taken.
fn endpoint(text: &str, is_built_in: bool) -> Result<Option<Url>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    if !is_built_in {
        let fix = "build with `--features traces`, or leave the setting away";
        return Err(Problem::new("this program was built without traces", fix));
    }
    let url = Url::parse(text).map_err(|_| Problem::new("it is not a URL", EXAMPLE))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Problem::new("it is neither https nor http", EXAMPLE));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let fix = "put what the collector asks for into OTEL_EXPORTER_OTLP_HEADERS";
        return Err(Problem::new("a collector's URL has no user name or password", fix));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Problem::new("a collector's URL has no query and no fragment", EXAMPLE));
    }
    Ok(Some(url))
}

fn share(text: &str) -> Result<f64, Problem> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| Problem::new("it is not a share of the requests", "write 1 for all, 0.1 for a tenth"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_a_plain_url_and_its_password_is_not_repeated() {
        for (text, posted) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://otel.example.com/", "https://otel.example.com/v1/traces"),
            ("https://example.com/otel", "https://example.com/otel/v1/traces"),
        ] {
            let collector = endpoint(text, true).unwrap().unwrap();
            assert_eq!(Traces { collector, share: 1.0 }.url(), posted);
        }
        for wrong in [
            "127.0.0.1:4318",
            "grpc://127.0.0.1:4317",
            "https://me:hunter2@example.com",
            "https://hunter2@example.com",
            "https://example.com?key=hunter2",
            "https://example.com#hunter2",
        ] {
            let refused = endpoint(wrong, true).unwrap_err().to_string();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        assert_eq!(endpoint("", true), Ok(None));
    }

    #[test]
    fn a_program_without_traces_says_so_instead_of_sending_none() {
        let refused = endpoint("http://127.0.0.1:4318", false).unwrap_err().to_string();
        assert!(refused.contains("--features traces"), "{refused}");
        assert_eq!(endpoint("", false), Ok(None));
    }

    #[test]
    fn a_share_is_above_none_and_at_most_all() {
        for (text, expected) in [("1", 1.0), ("0.1", 0.1), ("1.0", 1.0), ("0.000001", 0.000_001)] {
            assert_eq!(share(text), Ok(expected));
        }
        for wrong in ["", "0", "-1", "1.1", "NaN", "inf", "10%", "half"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}

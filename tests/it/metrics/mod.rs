//! The page of metrics: that it tells the truth, no secrets, and what Prometheus' own programs say of it.

mod files;
mod page;

use axum::http::Method;

use crate::support::App;

impl App {
    /// The page, as the administrators' listener serves it.
    pub(crate) async fn metrics(&self) -> String {
        let answer = self.administer(Method::GET, "/metrics").send().await;
        let content_type = answer.header("content-type");
        assert_eq!((answer.status, content_type), (200, "text/plain; version=0.0.4; charset=utf-8"));
        answer.text()
    }

    /// The value of a line, by its name and labels; none if there is no such line.
    async fn metric(&self, line: &str) -> Option<f64> {
        let page = self.metrics().await;
        let value = page.lines().find_map(|told| told.strip_prefix(line)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }
}

//! The page of metrics: that it tells the truth, no secrets, and what Prometheus' own programs say of it.

mod files;
mod page;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::support::App;

impl App {
    /// The page, as the admin listener serves it.
    async fn metrics(&self) -> String {
        let router =
            Router::new().route("/metrics", get(portcullis::web::metrics)).with_state(self.server.clone());
        let answer = router.oneshot(Request::get("/metrics").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// The value of a line, by its name and labels; none if there is no such line.
    async fn metric(&self, line: &str) -> Option<f64> {
        let page = self.metrics().await;
        let value = page.lines().find_map(|told| told.strip_prefix(line)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }
}

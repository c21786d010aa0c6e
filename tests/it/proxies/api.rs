//! An API behind a proxy: it answers with what it was sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An API on a socket; ends with its owner.
pub(super) struct Api {
    pub(super) address: SocketAddr,
    /// How many requests have reached it.
    reached: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Api {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let router = Router::new().fallback(told).with_state(reached.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, reached, serving }
    }

    pub(super) fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Every header by its name, the lines in order; names are in lower case.
async fn told(State(reached): State<Arc<AtomicUsize>>, request: Request) -> axum::Json<Value> {
    reached.fetch_add(1, Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let mut headers = json!({});
    for name in parts.headers.keys() {
        let lines = parts.headers.get_all(name).iter();
        headers[name.as_str()] =
            lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
    }
    axum::Json(json!({
        "method": parts.method.as_str(), "path": parts.uri.to_string(), "headers": headers, "body": String::from_utf8_lossy(&body),
    }))
}

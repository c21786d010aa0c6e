//! A token endpoint of the test's own, which answers as it is told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

type Script = Box<dyn Fn(usize, &str) -> Response + Send>;

/// A token endpoint; gone with its owner.
pub(super) struct Endpoint {
    pub(super) url: String,
    told: Arc<Told>,
    serving: JoinHandle<()>,
}

struct Told {
    script: Mutex<Script>,
    /// What it was asked, form by form.
    asked: Mutex<Vec<String>>,
    open: watch::Sender<bool>,
}

impl Endpoint {
    /// Grants what is asked for.
    pub(super) async fn start() -> Self {
        let script: Mutex<Script> = Mutex::new(Box::new(granted));
        let told = Arc::new(Told { script, asked: Mutex::default(), open: watch::Sender::new(true) });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(told.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, told, serving }
    }

    /// Answers like this from now on, told how often it was asked, and what.
    pub(super) fn answers(&self, script: impl Fn(usize, &str) -> Response + Send + 'static) {
        *self.told.script.lock().unwrap() = Box::new(script);
    }

    /// Whether answers leave; until then they are held back.
    pub(super) fn opens(&self, open: bool) {
        self.told.open.send_replace(open);
    }

    pub(super) fn asked(&self) -> usize {
        self.told.asked.lock().unwrap().len()
    }

    pub(super) fn forms(&self) -> Vec<String> {
        self.told.asked.lock().unwrap().clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(told): State<Arc<Told>>, request: Request) -> Response {
    let form = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap();
    let form = String::from_utf8(form.to_vec()).unwrap();
    let times = {
        let mut asked = told.asked.lock().unwrap();
        asked.push(form.clone());
        asked.len()
    };
    told.open.subscribe().wait_for(|open| *open).await.unwrap();
    (told.script.lock().unwrap())(times, &form)
}

/// A token that no other one is like, for 900 s or as long as was asked for.
pub(super) fn granted(times: usize, form: &str) -> Response {
    let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let lifetime = field("expires_in").map_or(900, |secs| secs.parse::<u32>().unwrap());
    let body =
        json!({ "access_token": format!("token-{times}"), "token_type": "Bearer", "expires_in": lifetime });
    said(200, &[], &body.to_string())
}

/// An answer.
pub(super) fn said(status: u16, headers: &[(&'static str, String)], body: &str) -> Response {
    let mut answer = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        answer = answer.header(*name, value);
    }
    answer.body(Body::from(body.to_owned())).unwrap()
}

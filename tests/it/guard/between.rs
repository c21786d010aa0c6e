//! Somebody between guard and server: honest, until told otherwise.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What becomes of answers of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// They pass.
    Honest,
    /// Nobody answers: 502.
    Cut,
    /// The first one that was heard is repeated for ever.
    Replays,
    /// The body loses its entries.
    Truncates,
    /// The statement is lost.
    Unsigned,
    /// A letter of the statement is another one.
    Altered,
    /// What is asked for is changed: from the position that the asker knows to one later.
    Gap,
    /// The body of another answer stands under this one's statement.
    Swaps,
}

#[derive(Clone)]
struct Heard {
    status: StatusCode,
    statement: Option<HeaderValue>,
    body: Vec<u8>,
}

struct State {
    way: Way,
    /// How often each path was asked for.
    asked: HashMap<String, usize>,
    first: Option<Heard>,
    /// The last body with entries.
    full: Option<Vec<u8>>,
}

/// Somebody between guard and server; gone with its owner.
pub(super) struct Between {
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Between {
    pub(super) fn start(listener: TcpListener, router: Router) -> Self {
        let state = State { way: Way::Honest, asked: HashMap::new(), first: None, full: None };
        let state = Arc::new(Mutex::new(state));
        let pass = {
            let state = state.clone();
            from_fn(move |request: Request, next: Next| pass(state.clone(), request, next))
        };
        let app = router.layer(pass).into_make_service_with_connect_info::<std::net::SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { state, serving }
    }

    pub(super) fn goes(&self, way: Way) {
        self.state.lock().unwrap().way = way;
    }

    /// How often a path was asked for.
    pub(super) fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.get(path).copied().unwrap_or_default()
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(state: Arc<Mutex<State>>, mut request: Request, next: Next) -> Response {
    let (path, way) = {
        let mut state = state.lock().unwrap();
        let path = request.uri().path().to_owned();
        *state.asked.entry(path.clone()).or_default() += 1;
        (path, state.way)
    };
    if way == Way::Cut {
        return refused();
    }
    if path != "/oauth/revocations" {
        return next.run(request).await;
    }
    if way == Way::Gap {
        let uri = request.uri().to_string();
        let (before, after) = uri.split_once("since=").unwrap();
        let (since, rest) = after.split_once('&').unwrap();
        let later = since.parse::<u64>().unwrap() + 1;
        *request.uri_mut() = format!("{before}since={later}&{rest}").parse().unwrap();
    }
    if request.headers().get("accept").is_some_and(|accept| accept == "text/event-stream") {
        return if way == Way::Honest { next.run(request).await } else { refused() };
    }
    let answer = next.run(request).await;
    if !matches!(answer.status().as_u16(), 200 | 304) {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap().to_vec();
    let heard = Heard {
        status: parts.status,
        statement: parts.headers.get("portcullis-feed").cloned(),
        body: body.clone(),
    };
    let (first, full) = {
        let mut state = state.lock().unwrap();
        if body.len() > 20 {
            state.full = Some(body.clone());
        }
        (state.first.get_or_insert(heard.clone()).clone(), state.full.clone())
    };
    lie(way, heard, first, full).answer(parts.headers.get("etag").cloned())
}

fn lie(way: Way, heard: Heard, first: Heard, full: Option<Vec<u8>>) -> Heard {
    match way {
        Way::Honest | Way::Cut | Way::Gap => heard,
        Way::Replays => first,
        Way::Truncates => Heard { status: StatusCode::OK, body: br#"{"entries":[]}"#.to_vec(), ..heard },
        Way::Unsigned => Heard { statement: None, ..heard },
        Way::Altered => {
            let mut text = heard.statement.unwrap().as_bytes().to_vec();
            let middle = text.len() / 2;
            text[middle] = if text[middle] == b'A' { b'B' } else { b'A' };
            Heard { statement: Some(HeaderValue::from_bytes(&text).unwrap()), ..heard }
        }
        Way::Swaps => Heard { status: StatusCode::OK, body: full.unwrap_or_default(), ..heard },
    }
}

impl Heard {
    fn answer(self, etag: Option<HeaderValue>) -> Response {
        let empty = self.status == StatusCode::NOT_MODIFIED;
        let mut answer = Response::new(Body::from(if empty { Vec::new() } else { self.body }));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        self.statement.map(|statement| headers.insert("portcullis-feed", statement));
        etag.map(|etag| headers.insert("etag", etag));
        answer
    }
}

fn refused() -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

//! The feed as a stream of events.

use std::time::Duration;

use portcullis::http::Patience;
use portcullis::keys::acts::KeyAct;
use portcullis::web::STREAMS_PER_KEY;
use portcullis_guard::Target;
use portcullis_guard::event_stream::{EventStream, statement_and_body};
use portcullis_guard::feed_rules::{self, InvalidAnswer};
use reqwest::RequestBuilder;
use tokio::time::timeout;

use super::{FEED, NONCE, Watcher, targets};
use crate::support::{App, DEADLINE, Wire, plain_client};

/// Followers in CI; `scripts/measure guards` has a thousand.
const FOLLOWERS: usize = 50;

/// One who reads a stream.
struct Reader {
    answer: reqwest::Response,
    events: EventStream,
    ready: Vec<Vec<u8>>,
}

impl Reader {
    async fn begin(wire: &Wire, watcher: &Watcher<'_>, since: u64) -> Self {
        let by = |request: RequestBuilder| request.basic_auth(&watcher.key.id, Some(&watcher.key.secret));
        Self::begin_by(wire, since, by).await
    }

    /// By a token.
    async fn begin_with(wire: &Wire, token: &str) -> Self {
        Self::begin_by(wire, 0, |request| request.bearer_auth(token)).await
    }

    async fn begin_by(wire: &Wire, since: u64, by: impl Fn(RequestBuilder) -> RequestBuilder) -> Self {
        let url = format!("http://{}{FEED}?since={since}&nonce={NONCE}", wire.address());
        let request = by(plain_client().get(url).header("accept", "text/event-stream"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("content-type"), header("cache-control")),
            ("text/event-stream".into(), "no-store".into())
        );
        assert_eq!(header("x-accel-buffering"), "no");
        Self { answer, events: EventStream::new(1 << 20), ready: Vec::new() }
    }

    /// The next event; none at the end.
    async fn event(&mut self) -> Option<(String, Vec<u8>)> {
        while self.ready.is_empty() {
            let piece = timeout(DEADLINE, self.answer.chunk()).await.expect("nothing comes");
            self.ready = self.events.take(&piece.ok()??).unwrap();
        }
        let event = self.ready.remove(0);
        let (statement, body) = statement_and_body(&event).unwrap();
        Some((statement.to_owned(), body.to_owned()))
    }

    async fn told(&mut self, watcher: &Watcher<'_>) -> Result<feed_rules::Answer, InvalidAnswer> {
        let (statement, body) = self.event().await.expect("it ended");
        watcher.read_parts(&statement, &body).await
    }

    /// Whether it ends.
    async fn ends(mut self) -> bool {
        while self.event().await.is_some() {}
        true
    }
}

fn patient() -> Patience {
    Patience { grace: Duration::from_secs(5), ..Patience::default() }
}

impl App {
    fn listen_patiently(&self) -> Wire {
        self.listen_on(portcullis::http::Listener::bind(([127, 0, 0, 1], 0).into()).unwrap(), patient())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_begins_with_what_was_missed_and_goes_on_with_what_comes() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let (first, second) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
    let position = watcher.position().await;
    first.act(KeyAct::Block).await;
    app.follow().await;
    let wire = app.listen_patiently();
    let key =
        |key: &crate::support::Key<'_>| Target::Key { project: key.project.clone(), key: key.id.clone() };

    let mut reader = Reader::begin(&wire, &watcher, position).await;
    let told = reader.told(&watcher).await.unwrap();
    assert_eq!((targets(&told), told.statement.since.value()), (vec![key(&first)], position));

    second.act(KeyAct::Block).await;
    let next = reader.told(&watcher).await.unwrap();
    assert_eq!(targets(&next), [key(&second)]);
    assert_eq!(next.statement.since, told.statement.position, "without a gap");

    // A sign of life, with nothing in it.
    let alive = reader.told(&watcher).await.unwrap();
    assert_eq!((alive.entries.len(), alive.statement.since), (0, next.statement.position));
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_follower_sees_a_revocation() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let key = shop.key("orders:read").create().await;
    let position = watcher.position().await;
    let wire = app.listen_patiently();
    let mut readers = Vec::new();
    for _ in 0..FOLLOWERS {
        let mut reader = Reader::begin(&wire, &watcher, position).await;
        assert!(reader.told(&watcher).await.unwrap().entries.is_empty());
        readers.push(reader);
    }
    key.act(KeyAct::Block).await;
    for reader in &mut readers {
        let mut told = reader.told(&watcher).await.unwrap();
        while told.entries.is_empty() {
            told = reader.told(&watcher).await.unwrap();
        }
        assert_eq!(targets(&told), [Target::Key { project: key.project.clone(), key: key.id.clone() }]);
    }
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_a_key_that_may_follow_no_longer_ends() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let wire = app.listen_patiently();
    let mut reader = Reader::begin(&wire, &watcher, 0).await;
    reader.told(&watcher).await.unwrap();
    watcher.key.act(KeyAct::Block).await;
    assert!(reader.ends().await);
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_the_server_and_does_not_hold_it_up() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let wire = app.listen_patiently();
    let mut reader = Reader::begin(&wire, &watcher, 0).await;
    reader.told(&watcher).await.unwrap();
    let stopping = tokio::spawn(wire.stop());
    assert!(reader.ends().await);
    timeout(DEADLINE, stopping).await.expect("followers hold it up").unwrap();
}

/// The time after which an idle connection is let go has passed several times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_read_is_not_let_go_as_idle() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let head = Duration::from_secs(3);
    let listener = portcullis::http::Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let wire = app.listen_on(listener, Patience { head, ..patient() });
    let mut reader = Reader::begin(&wire, &watcher, 0).await;
    for _ in 0..3 {
        reader.told(&watcher).await.unwrap();
    }
    wire.stop().await;
}

/// At its end it would be told of nothing any more, however quiet it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_a_token_opened_ends_with_the_token() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let (short, long) = (watcher.token("&expires_in=10").await, watcher.token("").await);
    let revoked = watcher.token("").await;
    let wire = app.listen_patiently();
    let mut readers = Vec::new();
    for token in [&short, &revoked, &long] {
        let mut reader = Reader::begin_with(&wire, token).await;
        reader.told(&watcher).await.unwrap();
        readers.push(reader);
    }
    let [short, by_revoked, mut long] = readers.try_into().ok().unwrap();

    app.pass(Duration::from_secs(11)).await;
    assert!(short.ends().await, "expired");
    watcher.key.post("/oauth/revoke", &format!("token={revoked}")).send().await;
    app.follow().await;
    assert!(by_revoked.ends().await, "revoked");
    long.told(&watcher).await.unwrap();
    watcher.key.act(KeyAct::Block).await;
    app.follow().await;
    assert!(long.ends().await, "killed with its key");
    wire.stop().await;
}

/// Nobody who hangs up keeps a place, and nobody who is turned away takes one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_has_so_many_streams_and_a_place_is_free_again_when_one_hangs_up() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (watcher, other) = (Watcher::of(&shop).await, Watcher::of(&shop).await);
    let token = watcher.token("").await;
    let wire = app.listen_patiently();
    let mut reader = Reader::begin(&wire, &watcher, 0).await;
    reader.told(&watcher).await.unwrap();
    let ask = |request: crate::support::Send| request.header("accept", "text/event-stream").open();
    let mut open = Vec::new();
    for _ in 1..STREAMS_PER_KEY {
        open.push(ask(watcher.question(0, "")).await.unwrap());
    }
    for refused in [watcher.question(0, ""), app.get(&format!("{FEED}?nonce={NONCE}")).bearer(&token)] {
        let refused = ask(refused).await.unwrap_err();
        assert_eq!(
            refused.refusal(),
            (429, "temporarily_unavailable".into()),
            "of the key, whatever it shows"
        );
        assert!(!refused.header("retry-after").is_empty());
    }
    assert!(ask(other.question(0, "")).await.is_ok(), "another key");
    watcher.ask(0).await;
    open.pop();
    drop(ask(watcher.question(0, "")).await.unwrap());
    open.push(ask(watcher.question(0, "")).await.unwrap());

    drop(reader);
    let freed = async {
        while ask(watcher.question(0, "")).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, freed).await.expect("the place of one who hung up is never free");
    drop(open);
    assert_eq!(app.server.streams.count(), 0);
    wire.stop().await;
}

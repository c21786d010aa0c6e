//! Many servers on one database, a shell beside them, and what their callers see.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};

use super::node::Node;
use super::shell::Shell;
use crate::support::{PostgresDatabase, PostgresServer, postgres_url};

/// Longer than any bound that is asserted; whoever waits so long waits for something that is broken.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two questions of somebody who waits.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// How the revocation list is kept current.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants {
    pub(super) poll: Duration,
    pub(super) max_age: Duration,
    /// What is on top of a bound: a request that was under way, and a busy machine.
    pub(super) slack: Duration,
}

impl Constants {
    /// Those of everyday.
    pub(super) const REAL: Self = Self {
        poll: Duration::from_secs(5),
        max_age: Duration::from_secs(30),
        slack: Duration::from_secs(5),
    };
    const SHORT: Self = Self {
        poll: Duration::from_millis(300),
        max_age: Duration::from_secs(3),
        slack: Duration::from_secs(2),
    };

    /// The shortened ones of a test, unless `PORTCULLIS_TEST_CONSTANTS` says `real`.
    pub(super) fn of_run() -> Self {
        if is_real() { Self::REAL } else { Self::SHORT }
    }

    /// The age of a copy beyond which nobody is admitted, and what is on top of it.
    pub(super) fn bound(&self) -> Duration {
        self.max_age + self.slack
    }
}

/// Whether this run is `scripts/measure`.
#[expect(clippy::disallowed_methods, reason = "what a run is for is no setting of the program")]
pub(super) fn is_real() -> bool {
    std::env::var("PORTCULLIS_TEST_CONSTANTS").is_ok_and(|constants| constants == "real")
}

#[expect(clippy::disallowed_methods, reason = "processes live by the machine's clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Where the database is.
enum Place {
    /// On the server that all tests share.
    Shared(PostgresDatabase),
    /// On one that the test may end. It belongs to the test.
    Own(SocketAddr),
}

/// A key and its secret.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
}

/// The servers, the database, the shell.
pub(super) struct House {
    pub(super) nodes: Vec<Node>,
    pub(super) constants: Constants,
    pub(super) http: Client,
    pub(super) shell: Shell,
    project: String,
    place: Place,
}

impl House {
    /// So many servers on a database that stays.
    pub(super) async fn of(nodes: usize) -> Self {
        Self::with(nodes, Constants::of_run(), &[]).await
    }

    /// The same, with these constants, and these variables set.
    pub(super) async fn with(nodes: usize, constants: Constants, further: &[(&str, &str)]) -> Self {
        Self::found(Place::Shared(PostgresDatabase::bare().await), nodes, constants, further)
    }

    /// So many servers on a server of the test's own.
    pub(super) async fn on(server: &PostgresServer, nodes: usize) -> Self {
        Self::on_with(server, nodes, &[]).await
    }

    /// The same, with these variables set.
    pub(super) async fn on_with(server: &PostgresServer, nodes: usize, further: &[(&str, &str)]) -> Self {
        server.tell("CREATE DATABASE portcullis").await;
        Self::found(Place::Own(server.address()), nodes, Constants::of_run(), further)
    }

    fn found(place: Place, nodes: usize, constants: Constants, further: &[(&str, &str)]) -> Self {
        let shell = Shell::at(&place.url_by(place.address()));
        shell.done(&["init"]);
        let made = shell.done(&["project", "create", "shop"]);
        let project = made["project"].as_str().unwrap().to_owned();
        shell.done(&["scope", "set", "orders:read", "--project", &project]);
        let http = Client::builder().timeout(Duration::from_secs(15)).build().unwrap();
        let mut house = Self { nodes: Vec::new(), constants, http, shell, project, place };
        for _ in 0..nodes {
            house.add(further);
        }
        house
    }

    /// One server more.
    pub(super) fn add(&mut self, further: &[(&str, &str)]) {
        let millis = |span: Duration| format!("{}ms", span.as_millis());
        let mut variables = vec![
            ("PORTCULLIS_REVOCATION_POLL".to_owned(), millis(self.constants.poll)),
            ("PORTCULLIS_REVOCATION_MAX_AGE".to_owned(), millis(self.constants.max_age)),
        ];
        variables.extend(further.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (address, place) = (self.place.address(), &self.place);
        self.nodes.push(Node::start(address, |way| place.url_by(way), &variables));
    }

    /// The database is on another server now. These servers of ours are led there.
    pub(super) fn move_to(&mut self, server: &PostgresServer, nodes: &[usize]) {
        self.place = Place::Own(server.address());
        self.shell = Shell::at(&self.url_by(self.address()));
        self.lead_to(server, nodes);
    }

    /// Whoever comes from now on reaches the database by this way, and uses it like this.
    pub(super) fn go_by(&mut self, way: SocketAddr, variables: &[(&str, &str)]) {
        self.place = Place::Own(way);
        self.shell = Shell::at(&self.url_by(way)).with(variables);
    }

    /// Leads these servers of ours to that one.
    pub(super) fn lead_to(&self, server: &PostgresServer, nodes: &[usize]) {
        for &node in nodes {
            self.nodes[node].link.lead_to(server.address());
        }
    }

    /// How the database is called, by a way that leads to its server.
    pub(super) fn url_by(&self, way: SocketAddr) -> String {
        self.place.url_by(way)
    }

    /// A way to the database past everybody.
    pub(super) async fn connect(&self) -> PgConnection {
        let options: PgConnectOptions = self.url_by(self.address()).parse().unwrap();
        options.connect().await.unwrap()
    }

    /// Where its server is.
    pub(super) fn address(&self) -> SocketAddr {
        self.place.address()
    }

    /// A new key.
    pub(super) fn key(&self) -> Key {
        self.key_with(&[])
    }

    /// The same, with further arguments.
    pub(super) fn key_with(&self, further: &[&str]) -> Key {
        let create =
            ["key", "create", "--project", &self.project, "--name", "k", "--permission", "orders:read"];
        let made = self.shell.done(&[&create, further].concat());
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Key { id: text("key_id"), secret: text("secret") }
    }

    /// Status and body of a request for a token; 0 if nobody answered to the end.
    pub(super) async fn ask(&self, node: usize, key: &Key) -> (u16, Value) {
        ask(&self.http, &self.nodes[node].url, key).await
    }

    /// A token of a server that must give it, now or soon.
    pub(super) async fn token(&self, node: usize, key: &Key) -> String {
        let began = now();
        loop {
            let last = self.ask(node, key).await;
            if last.0 == 200 {
                return last.1["access_token"].as_str().unwrap().to_owned();
            }
            assert!(matches!(last.0, 0 | 503), "{last:?}");
            assert!(began.elapsed() < DEADLINE, "no token from node {node}: {last:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What a server says of a token: the status, and the reason if it is refused.
    pub(super) async fn verdict(&self, node: usize, token: &str) -> (u16, String) {
        verdict(&self.http, &self.nodes[node].url, token).await
    }

    /// Whether a server says that it may admit anybody.
    pub(super) async fn ready(&self, node: usize) -> u16 {
        let asked = self.http.get(format!("{}/readyz", self.nodes[node].url)).send().await;
        asked.map_or(0, |answer| answer.status().as_u16())
    }

    /// Waits until every server refuses the token; how long the slowest took.
    pub(super) async fn dead_everywhere(&self, token: &str) -> Duration {
        let began = now();
        for node in 0..self.nodes.len() {
            self.until(node, token, 401).await;
        }
        began.elapsed()
    }

    /// Waits until a server says this of a token.
    pub(super) async fn until(&self, node: usize, token: &str, status: u16) {
        let began = now();
        loop {
            let last = self.verdict(node, token).await;
            if last.0 == status {
                return;
            }
            assert!(began.elapsed() < DEADLINE, "node {node} does not come to say {status}: {last:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Every server admits the token, and gives new ones that every server admits.
    pub(super) async fn all_is_well(&self, token: &str, key: &Key) {
        for node in 0..self.nodes.len() {
            self.until(node, token, 200).await;
            let new = self.token(node, key).await;
            for other in 0..self.nodes.len() {
                self.until(other, &new, 200).await;
            }
        }
    }
}

impl Place {
    fn url_by(&self, way: SocketAddr) -> String {
        match self {
            Self::Shared(database) => database.url_by(way),
            Self::Own(_) => postgres_url(way, "portcullis"),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Shared(database) => database.address(),
            Self::Own(address) => *address,
        }
    }
}

/// Status and body of a request for a token; 0 if nobody answered to the end.
pub(super) async fn ask(http: &Client, url: &str, key: &Key) -> (u16, Value) {
    let request = http.post(format!("{url}/oauth/token")).basic_auth(&key.id, Some(&key.secret));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let Ok(answer) = request.body("grant_type=client_credentials").send().await else {
        return (0, Value::Null);
    };
    let status = answer.status().as_u16();
    let Ok(bytes) = answer.bytes().await else { return (0, Value::Null) };
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// What a server says of a token: the status, and the reason if it is refused.
pub(super) async fn verdict(http: &Client, url: &str, token: &str) -> (u16, String) {
    let Ok(answer) = http.get(format!("{url}/v1/auth/verify")).bearer_auth(token).send().await else {
        return (0, String::new());
    };
    let status = answer.status().as_u16();
    let Ok(bytes) = answer.bytes().await else { return (0, String::new()) };
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    (status, body["reason"].as_str().unwrap_or_default().to_owned())
}

#[expect(clippy::print_stderr, reason = "a figure for people; what is promised is asserted")]
pub(super) fn report(figure: &str) {
    eprintln!("measured: {figure}");
}

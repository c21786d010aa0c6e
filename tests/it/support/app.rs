//! The server under test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use portcullis::config::{Environment, Flags, Settings};
use portcullis::domain::audit::Actor;
use portcullis::installation::{self, Installation, Returned, Surroundings, Terms, Wanted};
use portcullis::keys::acts::Acts;
use portcullis::store::{IssuedTokens, Store};
use portcullis::time::Clock;
use portcullis::web::{Parts, Server};
use tempfile::TempDir;

use super::{Engine, Hand, PostgresDatabase, Seeded, Tenant, TestClock, Watch};

pub(crate) const ISSUER: &str = "https://tokens.example.com";

/// A folder, and the database on a server if that is where it is.
type Place = (Arc<TempDir>, Option<Arc<PostgresDatabase>>);
type Wrap<T> = Box<dyn FnOnce(Arc<dyn Store>) -> Arc<T>>;

/// A server in a folder of its own.
pub(crate) struct App {
    pub(crate) server: Arc<Server>,
    pub(crate) router: Router,
    pub(crate) admin_router: Router,
    pub(crate) clock: Arc<TestClock>,
    settings: Settings,
    folder: Arc<TempDir>,
    on_server: Option<Arc<PostgresDatabase>>,
    _watch: Watch,
    nodes: AtomicU64,
    /// The shell's way in, beside the running server: what another process does.
    pub(crate) shell: Acts,
}

/// How the server is built.
#[derive(Default)]
pub(crate) struct Build {
    environment: Vec<(&'static str, String)>,
    clock: Option<Arc<TestClock>>,
    issued: Option<Wrap<dyn IssuedTokens>>,
    store: Option<Wrap<dyn Store>>,
    engine: Option<Engine>,
}

impl Build {
    /// A setting, by the name of its environment variable.
    pub(crate) fn set(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.push((variable, value.to_owned()));
        self
    }

    /// Another time than usual.
    pub(crate) fn clock(mut self, clock: Arc<TestClock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Something between the issuance log and the database.
    pub(crate) fn issued(
        mut self,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn IssuedTokens> + 'static,
    ) -> Self {
        self.issued = Some(Box::new(wrap));
        self
    }

    /// Something between the server and the database.
    pub(crate) fn store(mut self, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store> + 'static) -> Self {
        self.store = Some(Box::new(wrap));
        self
    }

    /// On this engine, whatever that of the run is: for what only one of them can show.
    pub(crate) fn on(mut self, engine: Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    pub(crate) async fn start(mut self) -> App {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let on_server = match self.engine.unwrap_or_else(Engine::of_run) {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Arc::new(PostgresDatabase::empty().await)),
        };
        let clock = self.clock.take().unwrap_or_else(TestClock::shared);
        let app = self.start_in((folder, on_server), clock, 1).await;
        app.follow().await;
        app
    }

    async fn start_in(self, (folder, on_server): Place, clock: Arc<TestClock>, seed: u64) -> App {
        portcullis::signing::install_provider();
        let watch = Watch::begin(folder.clone());
        let data = folder.path().join("data");
        let mut environment = self.environment;
        environment.push(("PORTCULLIS_DATA_DIR", data.to_str().unwrap().to_owned()));
        if let Some(database) = &on_server {
            environment.push(("PORTCULLIS_DATABASE", database.url()));
            environment.push(("PORTCULLIS_MASTER_KEY", "0f".repeat(32)));
        }
        if environment.iter().all(|(name, _)| *name != "PORTCULLIS_ISSUER") {
            environment.push(("PORTCULLIS_ISSUER", ISSUER.to_owned()));
        }
        let settings = Settings::load(&Flags::default(), &Environment::from_iter(environment)).unwrap();
        let open = |seed| open(&settings, clock.clone(), seed);
        let (installation, shell) = (open(seed).await, open(seed + 1).await.acts(Actor::Local(0)));
        let store = installation.store.clone();
        // A database on a server has a clock of its own, which the test cannot move.
        let store = if on_server.is_some() { Hand::telling(clock.clone()).wrap()(store) } else { store };
        let store = match self.store {
            Some(wrap) => wrap(store),
            None => store,
        };
        let issued: Arc<dyn IssuedTokens> = match self.issued {
            Some(wrap) => wrap(store.clone()),
            None => store.clone(),
        };
        let parts = Parts {
            issuer: installation.issuer.clone(),
            clock: clock.clone(),
            entropy: Arc::new(Seeded::new(seed + 2)),
            store,
            issued,
            data_keys: installation.data_keys,
            revocation: settings.revocation,
            throttle: settings.throttle,
            client_address: settings.client_address.clone(),
            default_project: settings.default_project.clone(),
            rotate_every: settings.rotate_every,
            issuance_retention: settings.issuance_retention,
            webhook_networks: settings.webhook_networks.clone(),
        };
        let (server, _writer) = Server::build(parts).await.unwrap();
        let router = portcullis::http::router(server.clone());
        let admin_router = portcullis::http::admin_router(server.clone());
        App {
            server,
            router,
            admin_router,
            clock,
            settings,
            folder,
            on_server,
            _watch: watch,
            nodes: AtomicU64::new(0),
            shell,
        }
    }
}

async fn open(settings: &Settings, clock: Arc<TestClock>, seed: u64) -> Installation {
    let terms = Terms { issuer: settings.issuer.clone(), found: true, ..Terms::default() };
    let surroundings = Surroundings { clock, entropy: Arc::new(Seeded::new(seed)) };
    Installation::open(settings, &terms, surroundings).await.unwrap()
}

impl App {
    pub(crate) async fn start() -> Self {
        Build::default().start().await
    }

    /// On SQLite, whatever the engine of the run is.
    pub(crate) async fn on_a_file() -> Self {
        Build::default().on(Engine::Sqlite).start().await
    }

    /// A server whose throttle stays out of the way of tests that fail on purpose, and often.
    pub(crate) async fn patient() -> Self {
        let many = "1000000";
        let build = Build::default().set("PORTCULLIS_THROTTLE_KEY_FAILURES", many);
        build.set("PORTCULLIS_THROTTLE_ADDRESS_FAILURES", many).start().await
    }

    /// A second node on the same database and clock: what a restart sees too.
    pub(crate) async fn second_node(&self, build: Build) -> Self {
        let node = self.second_node_unread(build).await;
        node.follow().await;
        node
    }

    /// A second node that has not read the feed yet. The seeds of nodes differ.
    pub(crate) async fn second_node_unread(&self, build: Build) -> Self {
        let seed = 100 * (1 + self.nodes.fetch_add(1, Ordering::Relaxed));
        build.start_in((self.folder.clone(), self.on_server.clone()), self.clock.clone(), seed).await
    }

    /// The installation, opened anew.
    pub(crate) async fn installation(&self) -> Installation {
        open(&self.settings, self.clock.clone(), 10 + self.nodes.fetch_add(1, Ordering::Relaxed)).await
    }

    /// What its data directory is restored from.
    pub(crate) async fn restore(&self, copy: &Path) -> Returned {
        let wanted = Wanted { from: copy.to_owned(), replace: true, actor: Actor::Local(0) };
        let seed = 20 + self.nodes.fetch_add(1, Ordering::Relaxed);
        let surroundings = Surroundings { clock: self.clock.clone(), entropy: Arc::new(Seeded::new(seed)) };
        installation::restore(&self.settings, &wanted, &surroundings).await.unwrap()
    }

    /// A new project.
    pub(crate) async fn tenant(&self, name: &str) -> Tenant<'_> {
        Tenant::create(self, name).await
    }

    /// One turn of the background loop.
    pub(crate) async fn follow(&self) {
        self.server.sync.step().await.unwrap();
    }

    /// Time passes and the background loop has kept up with it.
    pub(crate) async fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.follow().await;
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().secs()
    }

    /// The file of its database, on SQLite.
    pub(crate) fn database(&self) -> PathBuf {
        assert!(self.on_server.is_none(), "it has no file: begin this test on SQLite");
        self.data_dir().join("portcullis.db")
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.settings.data_dir
    }
}

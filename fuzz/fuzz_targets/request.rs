#![no_main]
//! Requests to the real router on a real database: whatever comes, no answer is a failure of ours.

use std::sync::{Arc, LazyLock};

use axum::Router;
use portcullis::config::{Environment, Flags, Settings};
use portcullis::entropy::SystemEntropy;
use portcullis::http::router;
use portcullis::installation::{Installation, Surroundings, Terms};
use portcullis::time::SystemClock;
use portcullis::web::{Parts, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

struct Target {
    runtime: Runtime,
    router: Router,
    _folder: TempDir,
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let router = runtime.block_on(serve(folder.path().to_str().unwrap().to_owned()));
    Target { runtime, router, _folder: folder }
});

async fn serve(data_dir: String) -> Router {
    portcullis::signing::install_provider();
    let environment = Environment::from_iter([
        ("PORTCULLIS_DATA_DIR", data_dir),
        ("PORTCULLIS_VERIFY_DEFAULT_PROJECT", "prj_shop".to_owned()),
    ]);
    let settings = Settings::load(&Flags::default(), &environment).unwrap();
    let terms = Terms { issuer: Some("https://auth.example.com".into()), found: true, ..Terms::default() };
    let surroundings = Surroundings { clock: SystemClock::shared(), entropy: Arc::new(SystemEntropy) };
    let installation = Installation::open(&settings, &terms, surroundings.clone()).await.unwrap();
    let parts = Parts {
        issuer: installation.issuer.clone(),
        clock: surroundings.clock,
        entropy: surroundings.entropy,
        store: installation.store.clone(),
        issued: installation.store.clone(),
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
    server.sync.step().await.unwrap();
    router(server)
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some(request) = portcullis_fuzz::server::request(input) else { return };
    let answer = TARGET.runtime.block_on(TARGET.router.clone().oneshot(request)).unwrap();
    assert_ne!(answer.status().as_u16(), 500);
});

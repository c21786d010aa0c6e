//! `portcullis_guard::Guard` against the real server, over a socket, and with somebody in between who
//! lies.

mod between;
mod callers;
mod endpoint;
mod follows;
mod integrity;
mod resource;
mod signing_keys;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use portcullis_guard::{Builder, Freshness, Guard, Place, Refusal, Required, ScopeSet, VerifiedClaims};
use tokio::time::timeout;

use crate::support::{App, Build, DEADLINE, Engine, Key, Tenant, plain_client};
use between::Between;

/// A server, and the way to it.
struct House {
    app: App,
    between: Between,
}

impl House {
    async fn start() -> Self {
        Self::build(Build::default()).await
    }

    /// On SQLite, whatever the engine of the run is.
    async fn on_a_file() -> Self {
        Self::build(Build::default().on(Engine::Sqlite)).await
    }

    async fn build(build: Build) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let app = build.set("PORTCULLIS_ISSUER", &issuer).start().await;
        let between = Between::start(listener, app.router.clone());
        Self { app, between }
    }

    /// A guard of this project, by the test's clock, that polls all the time.
    fn guard(&self, tenant: &Tenant<'_>, key: &Key<'_>) -> Builder {
        Guard::builder(&self.app.server.issuer, tenant.project.id.as_str())
            .key(key.id.as_str(), &key.secret)
            .http_client(plain_client())
            .clock(self.app.clock.clone())
            .poll_every(Duration::from_millis(20))
    }
}

/// What must come true soon.
async fn soon(what: &str, is_so: impl Fn() -> bool) {
    let come = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, come).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

async fn fresh(guard: &Guard) {
    timeout(DEADLINE, guard.until_fresh()).await.expect("the guard hears nothing");
    assert_ne!(guard.freshness(), Freshness::Stale);
}

/// What the guard says of a token, from a client that is no matter.
fn judge(guard: &Guard, token: &str, scope: &str) -> Result<Arc<VerifiedClaims>, Refusal> {
    let scope: ScopeSet = scope.parse().unwrap();
    let required =
        Required { scope: &scope, audience: guard.audience(), address: Place::NotJudged, origin: None };
    guard.judge(token, &required)
}

fn refusal(guard: &Guard, token: &str) -> Option<Refusal> {
    judge(guard, token, "").err()
}

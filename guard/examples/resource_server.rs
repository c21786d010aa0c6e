//! An API behind a guard.
//!
//! ```sh
//! ISSUER=http://127.0.0.1:8080 PROJECT=prj_… KEY_ID=pk_live_… KEY_SECRET=psk_live_… \
//!     cargo run -p portcullis-guard --features axum --example resource_server
//! curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8090/orders
//! ```
//!
//! The key needs the permission `portcullis:revocations`, the token the scope `orders:read`. `LISTEN` is
//! another address than 127.0.0.1:8090, `MAX_AGE` fewer seconds than 45.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "an example has no settings of its own")]

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use portcullis_guard::layer::{Admitted, protected_resource};
use portcullis_guard::{Freshness, Guard};
use serde_json::{Value, json};

/// What the API answers.
pub(crate) fn api(guard: &Guard) -> Result<Router, Box<dyn Error>> {
    let (scopes, health) = ("orders:read".parse()?, guard.clone());
    let orders = Router::new().route("/orders", get(orders)).layer(guard.require("orders:read")?);
    Ok(orders
        .merge(protected_resource(guard, "https://orders.example.com", &scopes))
        .route("/health", get(async move || how(&health))))
}

async fn orders(who: Admitted) -> Json<Value> {
    let claims = who.claims();
    Json(json!({ "orders": [], "for": claims.sub, "scope": claims.scope }))
}

/// How well the guard is informed: what a load balancer wants to know.
fn how(guard: &Guard) -> Json<Value> {
    let freshness = match guard.freshness() {
        Freshness::Fresh => "fresh",
        Freshness::Late => "late",
        Freshness::Stale => "stale",
    };
    Json(json!({ "revocations": freshness, "age_ms": guard.age().map(|age| age.as_millis()) }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut guard = Guard::builder(&env::var("ISSUER")?, &env::var("PROJECT")?)
        .key(&env::var("KEY_ID")?, &env::var("KEY_SECRET")?);
    if let Ok(seconds) = env::var("MAX_AGE") {
        guard = guard.max_age(Duration::from_secs(seconds.parse()?));
    }
    let guard = guard.build()?;
    guard.until_fresh().await;

    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8090".to_owned());
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("{}", json!({ "public": format!("http://{}", listener.local_addr()?) }));
    let api = api(&guard)?.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, api).await?)
}

//! The floor under every figure: what axum, serde and one signature cost without storage, checks or care.
//! `scripts/bench` runs it beside the program and compares the CPU time per request.
//!
//! `POST /empty` answers 204; `/mint` reads a form and answers a freshly signed token; `/answer` reads a form
//! and answers claims as introspection would; `/check` verifies the form's `token` before it does. `GET /pass`
//! answers the headers of a proxy's question; `/pass-checked` verifies the bearer's token before it does.
#![expect(clippy::print_stdout, reason = "it tells its address")]
#![expect(clippy::disallowed_methods, reason = "ES256 draws a number for each signature")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_guard::{Claims, Timestamp};
use serde_json::{Value, json};

/// What is ready before the first request.
struct Floor {
    pair: EcdsaKeyPair,
    public: ParsedPublicKey,
    random: SystemRandom,
    claims: Claims,
    minted: AtomicU64,
}

impl Floor {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        let claims = json!({
            "iss": "http://127.0.0.1:8080", "sub": "pk_live_0123456789abcdef",
            "aud": "http://127.0.0.1:8080/projects/prj_0123456789abcdef",
            "client_id": "pk_live_0123456789abcdef", "exp": 1_800_000_900, "iat": 1_800_000_000,
            "jti": "AAAAAAAAAAAAAAAAAAAAAA", "scope": "orders:read", "prj": "prj_0123456789abcdef", "pos": 7,
        });
        Self {
            pair,
            public: public.expect("its public half"),
            random: SystemRandom::new(),
            claims: serde_json::from_value(claims).expect("claims"),
            minted: AtomicU64::new(0),
        }
    }

    fn token(&self) -> String {
        let mut claims = self.claims.clone();
        let number = self.minted.fetch_add(1, Ordering::Relaxed).cast_signed();
        claims.iat = Timestamp::from_secs(1_800_000_000 + number);
        claims.exp = Timestamp::from_secs(1_800_000_900 + number);
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "k" }).to_string();
        let claims = serde_json::to_string(&claims).expect("claims are JSON");
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn claims_of(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.public.verify_sig(signed.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?).ok()
    }
}

fn form(body: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn introspection(claims: &Claims) -> Value {
    json!({
        "active": true, "token_type": "Bearer", "iss": claims.iss, "sub": claims.sub, "aud": claims.aud,
        "client_id": claims.client_id, "scope": claims.scope, "jti": claims.jti,
        "iat": claims.iat.secs(), "exp": claims.exp.secs(),
    })
}

async fn mint(State(floor): State<Arc<Floor>>, body: Bytes) -> Json<Value> {
    let asked = form(&body);
    Json(json!({
        "access_token": floor.token(), "token_type": "Bearer", "expires_in": 900, "scope": asked.get("scope"),
    }))
}

async fn answer(State(floor): State<Arc<Floor>>, body: Bytes) -> Json<Value> {
    let _ = form(&body).get("token");
    Json(introspection(&floor.claims))
}

async fn check(State(floor): State<Arc<Floor>>, body: Bytes) -> Json<Value> {
    let claims = form(&body).get("token").and_then(|token| floor.claims_of(token));
    Json(claims.as_ref().map_or_else(|| json!({ "active": false }), introspection))
}

fn identity(claims: &Claims) -> [(&'static str, String); 6] {
    [
        ("x-auth-key-id", claims.client_id.to_string()),
        ("x-auth-project", claims.prj.to_string()),
        ("x-auth-subject", claims.sub.to_string()),
        ("x-auth-scope", claims.scope.to_string()),
        ("x-auth-token-id", claims.jti.to_string()),
        ("x-auth-expires", claims.exp.secs().to_string()),
    ]
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

async fn pass(State(floor): State<Arc<Floor>>, headers: HeaderMap) -> Response {
    let is_there = bearer(&headers).is_some();
    if is_there { identity(&floor.claims).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
}

async fn pass_checked(State(floor): State<Arc<Floor>>, headers: HeaderMap) -> Response {
    let claims = bearer(&headers).and_then(|token| floor.claims_of(token));
    claims
        .map_or_else(|| StatusCode::UNAUTHORIZED.into_response(), |claims| identity(&claims).into_response())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let router = Router::new()
        .route("/empty", post(|| async { StatusCode::NO_CONTENT }))
        .route("/unchanged", get(|| async { StatusCode::NOT_MODIFIED }))
        .route("/mint", post(mint))
        .route("/answer", post(answer))
        .route("/check", post(check))
        .route("/pass", get(pass))
        .route("/pass-checked", get(pass_checked))
        .with_state(Arc::new(Floor::new()));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", json!({ "public": format!("http://{}", listener.local_addr()?) }));
    axum::serve(listener, router).await
}

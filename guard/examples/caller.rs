//! A program that calls an API with narrow tokens instead of its key.
//!
//! ```sh
//! ISSUER=http://127.0.0.1:8080 KEY_ID=pk_live_… KEY_SECRET=psk_live_… API=http://127.0.0.1:8090 \
//!     cargo run -p portcullis-guard --features client --example caller
//! ```
//!
//! `API` is what the example `resource_server` serves; the key needs the permission `orders:read`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "an example has no settings of its own")]

use std::env;
use std::error::Error;

use portcullis_guard::{TokenSource, Wanted};
use reqwest::{Client, Response, StatusCode};

/// What the API answers, in the name of a token that can do nothing else.
pub(crate) async fn orders(
    tokens: &TokenSource,
    http: &Client,
    api: &str,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let wanted = Wanted::scope("orders:read")?;
    let token = tokens.token(&wanted).await?;
    let mut answer = ask(http, api, token.expose()).await?;
    if answer.status() == StatusCode::UNAUTHORIZED {
        // Perhaps it was revoked while its key lives on: once more, with a new one.
        tokens.forget(&token);
        answer = ask(http, api, tokens.token(&wanted).await?.expose()).await?;
    }
    Ok(answer.error_for_status()?.text().await?)
}

async fn ask(http: &Client, api: &str, token: &str) -> reqwest::Result<Response> {
    http.get(format!("{api}/orders")).bearer_auth(token).send().await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (id, secret) = (env::var("KEY_ID")?, env::var("KEY_SECRET")?);
    let tokens = TokenSource::builder(&env::var("ISSUER")?).key(&id, &secret).build()?;
    println!("{}", orders(&tokens, &Client::new(), &env::var("API")?).await?);
    Ok(())
}

//! What the server parses.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Uri};
use portcullis::domain::Secret;
use portcullis::domain::scan::{Scan, secrets_in};
use portcullis::web::Form;
use portcullis::web::form::{MAX_BODY_BYTES, decode};
use zeroize::Zeroizing;

/// A form names nothing twice but what may stand twice, and has no empty values.
pub fn form(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        let decoded = decode(text);
        if !text.contains(['%', '+']) {
            assert_eq!(decoded.as_deref(), Some(text));
        }
    }
    let Ok(form) = Form::read(input) else { return };
    for name in ["grant_type", "scope", "client_id", "client_secret", "token", "expires_in"] {
        assert!(form.all(name).count() <= 1);
        assert!(form.get(name).is_none_or(|value| !value.is_empty() && form.is_named(name)));
    }
    assert!(form.all("resource").all(|value| !value.is_empty()));
}

/// A secret names a key only if all of it has our form; whatever is found in bytes is found in pieces of
/// them, too, and is a secret.
pub fn secret(input: &[u8]) {
    let found: Vec<_> = secrets_in(input).collect();
    let (first, second) = input.split_at(input.len() / 2);
    let mut scan = Scan::default();
    let sighted = [scan.take(first), scan.take(second)].concat();
    assert!(found.iter().map(|found| &found.key).eq(sighted.iter().map(|sighting| &sighting.key)));
    for found in &found {
        let secret = str::from_utf8(&input[found.at..found.at + found.length]).expect("it is ASCII");
        assert_eq!(Secret::presented(Zeroizing::new(secret.to_owned())).names_key(), found.key);
    }
    let Ok(text) = str::from_utf8(input) else { return };
    let secret = Secret::presented(Zeroizing::new(text.to_owned()));
    if let Some(key) = secret.names_key() {
        let named = key.as_str().strip_prefix("pk_").expect("ids of ours begin so");
        let rest = text.strip_prefix("psk_").and_then(|rest| rest.strip_prefix(named));
        assert!(rest.is_some_and(|rest| rest.starts_with('_') && rest.len() == 50));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }
}

const PATHS: [&str; 18] = [
    "/oauth/token",
    "/oauth/introspect",
    "/oauth/revoke",
    "/v1/oauth/token",
    "/v1/oauth/introspect",
    "/v1/oauth/token/revoke",
    "/v1/auth/verify",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/healthz",
    "/readyz",
    "/",
    "/verify",
    "/oauth/revocations",
    "/.well-known/portcullis-feed-jwks.json",
    "/v1/leaks",
    "/v1/leaks/signed",
    "/v1/key/block",
];
const METHODS: [Method; 4] = [Method::POST, Method::GET, Method::HEAD, Method::PUT];
const HEADERS: [&str; 12] = [
    "authorization",
    "x-app-id",
    "x-app-token",
    "x-forwarded-for",
    "forwarded",
    "content-type",
    "content-encoding",
    "origin",
    "x-request-id",
    "x-required-scope",
    "github-public-key-identifier",
    "github-public-key-signature",
];

/// A request made of the input: a byte for the path, one for the method, then parts divided by
/// 0xFF: the query, the body, headers (a byte for the name, the rest is the value). `None` if
/// nobody could send it.
pub fn request(input: &[u8]) -> Option<Request<Body>> {
    let [path, method, rest @ ..] = input else { return None };
    let mut parts = rest.split(|byte| *byte == 0xFF);
    let query = str::from_utf8(parts.next()?).ok()?;
    let body = parts.next().unwrap_or_default();
    let path = PATHS[usize::from(*path) % PATHS.len()];
    let uri = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let mut request = Request::new(Body::from(body[..body.len().min(MAX_BODY_BYTES + 1)].to_vec()));
    *request.uri_mut() = uri.parse::<Uri>().ok()?;
    *request.method_mut() = METHODS[usize::from(*method) % METHODS.len()].clone();
    let media_type =
        if path.starts_with("/v1/leaks") { "application/json" } else { "application/x-www-form-urlencoded" };
    request.headers_mut().insert("content-type", HeaderValue::from_static(media_type));
    for header in parts {
        let [name, value @ ..] = header else { continue };
        let name = HEADERS[usize::from(*name) % HEADERS.len()];
        request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request)
}

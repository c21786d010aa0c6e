//! The protocol table: what the RFCs say a server MUST do, a row for each MUST, and each row names
//! the section that says so.

mod client_auth;
mod documents;
mod grant;
mod request;
mod resource;
mod token_acts;

use serde_json::Value;

use crate::support::{Answer, App, Key, Send, part};

const TOKEN: &str = "/oauth/token";
const INTROSPECT: &str = "/oauth/introspect";
const REVOKE: &str = "/oauth/revoke";
const VERIFY: &str = "/v1/auth/verify";
const GRANT: &str = "grant_type=client_credentials";

/// One MUST: a request, and what the answer has to be.
struct Row {
    section: &'static str,
    must: &'static str,
    request: Send,
    status: u16,
    error: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    members: Vec<(&'static str, Value)>,
    empty: bool,
}

/// A row that expects 200; the rest is said by what is chained to it.
fn row(section: &'static str, must: &'static str, request: Send) -> Row {
    let (headers, members) = (Vec::new(), Vec::new());
    Row { section, must, request, status: 200, error: "", headers, members, empty: false }
}

impl Row {
    /// The refusal to expect.
    fn refused(mut self, status: u16, error: &'static str) -> Self {
        (self.status, self.error) = (status, error);
        self
    }

    /// A header that the answer must have.
    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Nothing of the answer may be kept in a cache.
    fn unstored(self) -> Self {
        self.header("cache-control", "no-store").header("pragma", "no-cache")
    }

    /// A member of the answer, or of its token; `null` if it must not be there.
    fn says(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The answer has no body.
    fn empty(mut self) -> Self {
        self.empty = true;
        self
    }

    async fn check(self) -> Option<String> {
        let answer = self.request.send().await;
        let mut wrong = Vec::new();
        if answer.status != self.status {
            wrong.push(format!("status {} instead of {}", answer.status, self.status));
        }
        let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
        if !self.error.is_empty() {
            wrong.extend(wrong_error(&answer, &body, self.error));
        }
        for (name, value) in self.headers.iter().filter(|(name, value)| answer.header(name) != *value) {
            wrong.push(format!("header {name}: {:?} instead of {value:?}", answer.header(name)));
        }
        for (name, value) in self.members {
            let said = member(&body, name);
            if said != value {
                wrong.push(format!("member {name}: {said} instead of {value}"));
            }
        }
        if self.empty && !answer.bytes.is_empty() {
            wrong.push("a body instead of none".to_owned());
        }
        let row = format!("{}: {}", self.section, self.must);
        (!wrong.is_empty()).then(|| format!("{row}\n    {}\n    {}", wrong.join("\n    "), answer.text()))
    }
}

/// A member of the body; after `header.` or `claims.`, one of the token in it.
fn member(body: &Value, name: &str) -> Value {
    let of_token = |index| part(body["access_token"].as_str().unwrap_or("."), index);
    match name.split_once('.') {
        Some(("header", name)) => of_token(0)[name].clone(),
        Some(("claims", name)) => of_token(1)[name].clone(),
        _ => body[name].clone(),
    }
}

/// What RFC 6749 §5.2 wants of every error: JSON, the code, a description within its grammar.
fn wrong_error(answer: &Answer, body: &Value, error: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if body["error"] != error {
        wrong.push(format!("error {} instead of {error}", body["error"]));
    }
    if answer.header("content-type") != "application/json" {
        wrong.push(format!("content type {}", answer.header("content-type")));
    }
    let said = body["error_description"].as_str().unwrap_or("\"");
    if !said.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
        wrong.push(format!("error_description {said:?} is outside the grammar of appendix A.8"));
    }
    wrong
}

/// What the rows are made with.
struct Stage<'a> {
    app: &'a App,
    /// Holds `api`, which includes `orders:read` and `orders:write`.
    key: Key<'a>,
    /// Of the same project; may introspect.
    other: Key<'a>,
    /// May be used from `10.0.0.0/8` only.
    restricted: Key<'a>,
    /// Has the right secret and is blocked.
    blocked: Key<'a>,
    /// A live token of `key`, with the scope `orders:read`.
    token: String,
}

impl Stage<'_> {
    /// A form in nobody's name.
    fn nobody(&self, path: &str, form: &str) -> Send {
        self.app.post(path, form)
    }

    /// A token request with these further parameters.
    fn ask(&self, more: &str) -> Send {
        self.key.ask(more)
    }
}

#[tokio::test]
async fn every_must_of_the_rfcs_is_kept() {
    let app = App::patient().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read orders:write").await;
    shop.audience("https://api.example.com").await;
    let audiences = ["https://api.example.com", "urn:second"];
    shop.audience("urn:second").await;
    let key = shop.key("api portcullis:introspect").audiences(&audiences).create().await;
    let other = shop.key("api portcullis:introspect").audiences(&audiences).create().await;
    let restricted = shop.key("api").allow("10.0.0.0/8").create().await;
    let blocked = shop.key("api").create().await;
    blocked.act(portcullis::keys::acts::KeyAct::Block).await;
    app.follow().await;
    let token = key.token("orders:read").await;
    let stage = Stage { app: &app, key, other, restricted, blocked, token };

    let mut failed = Vec::new();
    let tables = [
        client_auth::rows(&stage),
        request::rows(&stage),
        grant::rows(&stage),
        resource::rows(&stage),
        documents::rows(&stage),
        token_acts::rows(&stage),
    ];
    for row in tables.into_iter().flatten() {
        failed.extend(row.check().await);
    }

    assert!(failed.is_empty(), "{} rows fail:\n{}", failed.len(), failed.join("\n"));
}

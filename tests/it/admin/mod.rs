//! The administrators' REST API, by the router that serves it.

mod audit;
mod authority;
mod bodies;
mod creation;
mod everything;
mod flags;
mod forged;
mod hygiene;
mod keys;
mod lists;
mod logs;
mod namesakes;
mod openapi;
mod patches;
mod privileges;
mod projects;
mod queries;
mod reach;
mod reserved;
mod role_privileges;
mod roles;
mod signing_keys;
mod waiting;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App, Key, Send, is_secret};

/// Somebody with a token for the API.
struct Administrator<'a> {
    app: &'a App,
    token: String,
}

impl App {
    /// Somebody whose token is narrowed to this scope; to nothing less than the first key, if empty.
    async fn administrator(&self, scope: &str) -> Administrator<'_> {
        Administrator { app: self, token: self.admin().token(scope).await }
    }
}

impl<'a> Administrator<'a> {
    /// Somebody who holds a key of their own.
    async fn with(key: &Key<'a>) -> Self {
        Self { app: key.app, token: key.token("").await }
    }

    fn send(&self, method: Method, path: &str) -> Send {
        self.app.administer(method, path).bearer(&self.token)
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path).send().await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path).json(body).send().await
    }

    /// An edit of what is there now.
    async fn patch(&self, path: &str, body: &Value) -> Answer {
        let seen = self.get(path).await.header("etag").to_owned();
        self.send(Method::PATCH, path).header("if-match", &seen).json(body).send().await
    }

    /// Makes a key, which must go well.
    async fn make_key(&self, body: &Value) -> Key<'a> {
        let made = self.post("/admin/v1/keys", body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        is_secret("a secret that the API made", &text("secret"));
        let (id, project) = (text("key_id").parse().unwrap(), text("project").parse().unwrap());
        Key { app: self.app, id, project, secret: text("secret") }
    }
}

impl Answer {
    /// Status and `code` of a problem, whose form is looked at.
    fn problem(&self) -> (u16, String) {
        if self.status < 400 {
            return (self.status, String::new());
        }
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        assert_eq!(self.header("cache-control"), "no-store");
        let body = self.json();
        let code = body["code"].as_str().unwrap().to_owned();
        assert_eq!(body["type"], format!("urn:portcullis:problem:{code}"));
        assert_eq!(body["status"], self.status);
        assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        (self.status, code)
    }
}

/// A refusal, for tables.
fn no(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A key of a project, as it is asked for.
fn key_of(project: &impl ToString, name: &str, permissions: &[&str]) -> Value {
    json!({ "project": project.to_string(), "name": name, "permissions": permissions })
}

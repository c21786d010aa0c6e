//! Administrators at work: what makes secrets, and secrets in every place where none belongs, for every operation
//! of the document.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::program::Program;
use crate::support::escape;

/// Texts of the administrator's own choice, which are kept for everybody who may read them.
const FREE: [&str; 5] = ["name", "note", "description", "permissions", "includes"];

/// Somebody with a token for the API.
pub(super) struct Administrator<'a> {
    program: &'a Program,
    http: Client,
    admin: String,
    token: String,
}

impl<'a> Administrator<'a> {
    pub(super) async fn come(program: &'a Program, (public, admin): (&str, &str), key: &Value) -> Self {
        let http = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let asked = http.post(format!("{public}/oauth/token")).body("grant_type=client_credentials");
        let asked = asked.header("content-type", "application/x-www-form-urlencoded");
        let asked = asked.basic_auth(key["key_id"].as_str().unwrap(), key["secret"].as_str());
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        let token = program.is_secret("an administrator's token", answer["access_token"].as_str().unwrap());
        Self { program, http, admin: admin.to_owned(), token }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.to_uppercase().parse().unwrap();
        self.http.request(method, format!("{}{path}", self.admin)).bearer_auth(&self.token)
    }

    /// The answer is kept, but for the secret that was asked for.
    async fn send(&self, request: RequestBuilder) -> (u16, Value) {
        let Ok(answer) = request.send().await else { return (0, Value::Null) };
        let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        // A stream has no end; what is in it is in the list as well.
        let text =
            if headers.contains("text/event-stream") { Ok(String::new()) } else { answer.text().await };
        let text = text.unwrap_or_default();
        let mut body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let whole = body.clone();
        if let Some(secret) = body.get_mut("secret").map(Value::take) {
            self.program.is_secret("a secret that the API made", secret.as_str().unwrap());
        }
        self.program.hear(&format!("{status} {headers} {body}"));
        (status, whole)
    }

    /// A key's life, each step twice under one name; then everything is read. The secrets that were made.
    pub(super) async fn works(&self, project: &str) -> Vec<String> {
        let mut made = Vec::new();
        let body = json!({ "project": project, "name": "by the API", "permissions": ["orders:read"] });
        let (_, key) = self.send(self.request("POST", "/admin/v1/keys").json(&body)).await;
        let key = format!("/admin/v1/keys/{}", key["key_id"].as_str().unwrap());
        // Whoever names a request after a secret by mistake finds it nowhere either.
        let named = self.program.is_secret("the name of a request", "k4Pz-8831-rnQ0-idempotent-by-mistake");
        for (name, path, body) in [
            (named.as_str(), "/admin/v1/keys".to_owned(), body),
            ("second", format!("{key}/secrets"), json!({})),
            ("third", format!("{key}/regenerate"), json!({ "overlap_secs": 60 })),
        ] {
            for is_first in [true, false] {
                let request = self.request("POST", &path).header("idempotency-key", name).json(&body);
                let (status, answer) = self.send(request).await;
                assert_eq!((status / 100, answer["secret"].is_string()), (2, is_first), "{answer}");
                made.extend(answer["secret"].as_str().map(ToOwned::to_owned));
            }
        }
        for path in ["keys", "tokens", "audit", "revocations", "signing-keys", "nodes", "projects"] {
            let (status, page) = self.send(self.request("GET", &format!("/admin/v1/{path}?"))).await;
            assert_eq!((status, page["items"].is_array()), (200, true), "{path}");
        }
        for path in [key.as_str(), &format!("{key}/secrets"), "/metrics", "/openapi.json"] {
            assert_eq!(self.send(self.request("GET", path)).await.0, 200, "{path}");
        }
        made
    }

    /// A secret in each place of each operation where none belongs.
    pub(super) async fn misplaces(&self, secret: &str) {
        let document: Value =
            self.http.get(format!("{}/openapi.json", self.admin)).send().await.unwrap().json().await.unwrap();
        let mut refused = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for request in self.wrongly(method, path, operation, secret) {
                    let (status, answer) = self.send(request).await;
                    assert!(matches!(status / 100, 2 | 4), "{method} {path}: {status} {answer}");
                    refused += u32::from(status / 100 == 4);
                }
            }
        }
        assert!(refused > 300, "{refused}");
    }

    fn wrongly(&self, method: &str, path: &str, operation: &Value, secret: &str) -> Vec<RequestBuilder> {
        // A scope may be called so; nothing else is.
        let filled = |text: &str| {
            let path = path.replace("{scope}", "a:");
            path.split('{')
                .enumerate()
                .map(|(at, part)| match part.split_once('}') {
                    Some((_, rest)) if at > 0 => format!("{text}{rest}"),
                    _ => part.to_owned(),
                })
                .collect::<String>()
        };
        let (named, plain) = (filled(&escape(secret)), filled("x"));
        let send = |path: &str| self.request(method, path).header("if-match", "*");
        let bare = |path: &str| {
            let method: Method = method.to_uppercase().parse().unwrap();
            self.http.request(method, format!("{}{path}", self.admin))
        };
        let mut all = vec![
            send(&named).json(&json!({})),
            send(&format!("{plain}?{secret}={secret}")).json(&json!({})),
            send(&format!("{plain}?access_token={secret}")).json(&json!({})),
        ];
        if operation.get("security").is_some() {
            all.push(bare(&plain).bearer_auth(secret));
            all.push(bare(&plain).basic_auth("pk_live_x", Some(secret)));
            all.push(bare(&plain).header("x-app-id", "pk_live_x").header("x-app-token", secret));
            all.push(send(&plain).header("authorization", format!("Bearer {secret}")));
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            match parameter["in"].as_str().unwrap() {
                "query" => all.push(send(&format!("{plain}?{name}={secret}")).json(&json!({}))),
                "header" => {
                    all.push(self.request(method, &plain).header(name, secret).json(&json!({ "x": 1 })));
                }
                _ => {}
            }
        }
        let Some(body) = operation["requestBody"]["content"].get("application/json") else { return all };
        let text = |body: String| send(&plain).header("content-type", "application/json").body(body);
        all.extend([
            text(secret.to_owned()),
            text(format!("\"{secret}\"")),
            text(format!("{{\"a\":\"{secret}\"")),
        ]);
        all.push(send(&plain).header("content-type", secret).body("{}"));
        all.push(send(&plain).json(&json!({ secret: secret })));
        for member in body["schema"]["properties"].as_object().unwrap().keys() {
            all.push(send(&plain).json(&json!({ member: { secret: [secret] } })));
            if !FREE.contains(&member.as_str()) {
                all.push(send(&plain).json(&json!({ member: secret })));
                all.push(send(&plain).json(&json!({ member: [secret] })));
            }
        }
        all
    }
}

//! The feed for guards, at the endpoint: who may follow, what is told, and to whom nothing is.

mod answers;
mod callers;
mod keys;
mod stream;
mod tokens;

use portcullis_guard::feed_rules::{self, Expected, InvalidAnswer, NO_ENTRIES, Nonce};
use portcullis_guard::{KeySet, Position, Target};

use crate::support::{Answer, App, Key, Send, Tenant, escape};

const FEED: &str = "/oauth/revocations";
const FEED_JWKS: &str = "/.well-known/portcullis-feed-jwks.json";
const NONCE: &str = "0123456789abcdefghijkl";

/// A guard's key, and what the guard holds answers to.
struct Watcher<'a> {
    app: &'a App,
    key: Key<'a>,
    project: portcullis_guard::ProjectId,
}

impl<'a> Watcher<'a> {
    async fn of(tenant: &'a Tenant<'a>) -> Self {
        let key = tenant.key("portcullis:revocations").create().await;
        Self { app: tenant.app, key, project: tenant.project.id.clone() }
    }

    fn question(&self, since: u64, more: &str) -> Send {
        let path = format!("{FEED}?since={since}&nonce={NONCE}{more}");
        self.app.get(&path).basic(self.key.id.as_str(), &self.key.secret)
    }

    /// A token for the feed, with further parameters.
    async fn token(&self, more: &str) -> String {
        let feed = escape(&format!("{}/feed", self.app.server.issuer));
        let asked = format!("resource={feed}&scope=portcullis%3Arevocations{more}");
        self.key.ask(&asked).send().await.token()
    }

    async fn keys(&self) -> KeySet {
        KeySet::from_json(&self.app.get(FEED_JWKS).send().await.text()).unwrap()
    }

    async fn read(&self, answer: &Answer) -> Result<feed_rules::Answer, InvalidAnswer> {
        let body = if answer.status == 304 { NO_ENTRIES } else { &answer.bytes };
        self.read_parts(answer.header(feed_rules::HEADER), body).await
    }

    async fn read_parts(&self, statement: &str, body: &[u8]) -> Result<feed_rules::Answer, InvalidAnswer> {
        let nonce: Nonce = NONCE.parse().unwrap();
        let expected = Expected { issuer: &self.app.server.issuer, project: &self.project, nonce: &nonce };
        feed_rules::read(statement, body, &self.keys().await, &expected)
    }

    /// An answer that must be good.
    async fn ask(&self, since: u64) -> feed_rules::Answer {
        let answer = self.question(since, "").send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.read(&answer).await.unwrap()
    }

    /// Where the feed ends.
    async fn position(&self) -> u64 {
        self.ask(0).await.statement.position.value()
    }
}

fn targets(answer: &feed_rules::Answer) -> Vec<Target> {
    answer.entries.iter().map(|entry| entry.target.clone()).collect()
}

fn positions(answer: &feed_rules::Answer) -> Vec<Position> {
    answer.entries.iter().map(|entry| entry.position).collect()
}

//! Reports of leaked secrets (threats S40, S42).

mod limits;
mod responses;
mod signed;
mod strangers;

use portcullis::domain::{KeyId, KeyState, OnLeak};
use serde_json::{Value, json};

use crate::support::{App, Key, Listed as _, Send, Tenant, on_leak};

const PATH: &str = "/v1/leaks";
const URL: &str = "https://git.example/a/b/blob/1/.env#L3";

impl App {
    /// A stranger's report of these texts.
    fn leak(&self, texts: &[&str]) -> Send {
        self.leak_at(texts, URL)
    }

    fn leak_at(&self, texts: &[&str], url: &str) -> Send {
        let body = json!({ "secrets": texts, "source": "content", "url": url });
        self.request(axum::http::Method::POST, PATH).json(&body)
    }

    /// What the audit log says of reports and blocks: who, what, of which key, and why.
    async fn leaks_audited(&self) -> Vec<Value> {
        let rows = self.shell.store.audit(0, u32::MAX).await.unwrap();
        let about = |act: &str| act == "leak.report" || act == "key.block";
        let rows = rows.into_iter().map(|sealed| sealed.row).filter(|row| about(&row.act));
        rows.map(|row| {
            let detail: Value = serde_json::from_str(&row.detail).unwrap();
            json!({ "actor": row.actor, "address": row.address, "act": row.act, "target": row.target, "detail": detail })
        })
        .collect()
    }

    async fn state_of(&self, key: &KeyId) -> KeyState {
        self.shell.record(key).await.unwrap().key.state
    }

    /// How many flags a key has.
    async fn flags_of(&self, key: &Key<'_>) -> usize {
        self.shell.flags(&key.id).await.unwrap().len()
    }

    /// How far audit log and feed have come.
    async fn traces(&self) -> (usize, u64) {
        let rows = self.shell.store.audit(0, u32::MAX).await.unwrap().len();
        (rows, self.shell.store.position().await.unwrap().value())
    }
}

impl Tenant<'_> {
    async fn on_leak(&self, policy: OnLeak) {
        self.app.shell.edit_project(&self.project.id, on_leak(policy)).await.unwrap();
        self.app.follow().await;
    }
}

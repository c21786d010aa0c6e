//! A key as it is shown.

use std::io::{self, Write};
use std::net::IpAddr;
use std::num::NonZeroU32;

use serde::Serialize;

use crate::cli::output::{Report, Row, joined, limit, write_fields};
use crate::domain::grant::MintRecord;
use crate::domain::{
    ApiKey, Audience, AuthMethods, KeyId, KeyState, Position, ProjectId, Scope, SecretId, StoredSecret,
    Timestamp,
};

/// A key in a list.
#[derive(Debug, Serialize)]
pub(super) struct KeyRow {
    pub(super) key_id: KeyId,
    pub(super) project: ProjectId,
    name: String,
    state: KeyState,
    permissions: Vec<Scope>,
    allowlist: Vec<String>,
    auth_methods: AuthMethods,
    audiences: Vec<Audience>,
    token_lifetime: u32,
    require_scope: bool,
    live_tokens: Option<NonZeroU32>,
    created_at: i64,
    expires_at: Option<i64>,
    position: Position,
}

impl From<ApiKey> for KeyRow {
    fn from(key: ApiKey) -> Self {
        let details = key.details;
        Self {
            key_id: key.id,
            project: key.project,
            state: key.state,
            permissions: details.permissions.iter().cloned().collect(),
            allowlist: details.allowlist.networks().iter().map(ToString::to_string).collect(),
            token_lifetime: details.lifetime().secs(),
            require_scope: details.require_scope,
            live_tokens: details.live_tokens,
            auth_methods: details.auth_methods,
            created_at: key.created_at.secs(),
            expires_at: details.expires_at.map(Timestamp::secs),
            position: key.changed,
            audiences: details.audiences,
            name: details.name,
        }
    }
}

impl Row for KeyRow {
    const NOTHING: &'static str = "The project has no API keys.";
    const COLUMNS: &'static [&'static str] = &["key_id", "name", "state", "permissions", "allowlist"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.key_id.to_string(),
            self.name.clone(),
            self.state.to_string(),
            joined(&self.permissions, "-"),
            joined(&self.allowlist, "any"),
        ]
    }
}

impl KeyRow {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let time = |secs| Timestamp::from_secs(secs).to_string();
        vec![
            ("key_id", self.key_id.to_string()),
            ("project", self.project.to_string()),
            ("name", self.name.clone()),
            ("state", self.state.to_string()),
            ("permissions", joined(&self.permissions, "none")),
            ("allowlist", joined(&self.allowlist, "any address")),
            ("auth methods", joined(&self.auth_methods.iter().collect::<Vec<_>>(), "any")),
            ("audiences", joined(&self.audiences, "the project's default")),
            ("token lifetime", format!("{} s", self.token_lifetime)),
            ("require scope", if self.require_scope { "yes" } else { "no" }.to_owned()),
            ("live tokens", limit(self.live_tokens)),
            ("created", time(self.created_at)),
            ("expires", self.expires_at.map_or_else(|| "never".to_owned(), time)),
        ]
    }
}

/// A key by itself.
#[derive(Debug, Serialize)]
pub(super) struct Details {
    #[serde(flatten)]
    key: KeyRow,
    secrets: Vec<SecretRow>,
}

/// One of its secrets, without the secret.
#[derive(Debug, Serialize)]
pub(super) struct SecretRow {
    pub(super) secret_id: SecretId,
    created_at: i64,
    pub(super) expires_at: Option<i64>,
    /// To the minute.
    last_used_at: Option<i64>,
    last_used_from: Option<IpAddr>,
}

impl Details {
    pub(super) fn of(record: MintRecord) -> Self {
        Self { key: record.key.into(), secrets: record.secrets.iter().map(SecretRow::of).collect() }
    }
}

impl SecretRow {
    pub(super) fn of(secret: &StoredSecret) -> Self {
        let last = secret.last_used;
        Self {
            secret_id: secret.digest.id(),
            created_at: secret.created_at.secs(),
            expires_at: secret.expires_at.map(Timestamp::secs),
            last_used_at: last.map(|last| last.at.secs()),
            last_used_from: last.and_then(|last| last.from),
        }
    }

    /// When it was used last, and from where.
    fn last_use(&self) -> Option<String> {
        let at = Timestamp::from_secs(self.last_used_at?);
        Some(self.last_used_from.map_or_else(|| at.to_string(), |from| format!("{at} from {from}")))
    }
}

impl Row for SecretRow {
    const NOTHING: &'static str = "The key has no secret.";
    const COLUMNS: &'static [&'static str] = &["secret_id", "created", "expires", "last used"];

    fn cells(&self) -> Vec<String> {
        let time = |secs| Timestamp::from_secs(secs).to_string();
        vec![
            self.secret_id.to_string(),
            time(self.created_at),
            self.expires_at.map_or_else(|| "never".to_owned(), time),
            self.last_use().unwrap_or_else(|| "never".to_owned()),
        ]
    }
}

impl Report for Details {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut fields = self.key.fields();
        for secret in &self.secrets {
            let end = secret.expires_at.map(|end| format!(", ends {}", Timestamp::from_secs(end)));
            let used = secret.last_use().map(|used| format!(", last used {used}"));
            let (id, made) = (&secret.secret_id, Timestamp::from_secs(secret.created_at));
            let (end, used) = (end.unwrap_or_default(), used.unwrap_or_default());
            fields.push(("secret", format!("{id}, made {made}{end}{used}")));
        }
        write_fields(out, &fields)
    }
}

/// A key and a secret of it, which is shown this once.
#[derive(Serialize)]
pub(super) struct Shown<'a, T> {
    #[serde(flatten)]
    pub(super) key: T,
    pub(super) secret: &'a str,
}

impl Report for Shown<'_, KeyRow> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        write_secret(out, &self.key.key_id, self.secret)
    }
}

/// Writes what a program needs to authenticate.
pub(super) fn write_secret(out: &mut dyn Write, key_id: &KeyId, secret: &str) -> io::Result<()> {
    write_fields(out, &[("key_id", key_id.to_string()), ("secret", secret.to_owned())])?;
    writeln!(out, "\nThe secret is shown this once and kept nowhere: store it now.")
}

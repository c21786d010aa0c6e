//! What was done and what was minted, as it is shown: the audit log, the issuance log, revocations.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::audit::AuditRow;
use crate::domain::feed::Published;
use crate::domain::{KeyId, Position, ProjectId, Scope, SigningKeyId, Target, Timestamp, TokenId};
use crate::store::{IssuedToken, SealedRow};

/// A row of the audit log.
#[derive(Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number.
    pub seq: i64,
    /// When, as everywhere.
    pub at: i64,
    /// When in milliseconds: what the hash is taken over.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// From where.
    pub address: Option<String>,
    /// What.
    pub act: String,
    /// In which project.
    pub project: Option<String>,
    /// On what.
    pub target: String,
    /// What else is to be said.
    pub detail: Value,
    /// The hash of the row before it.
    pub previous: String,
    /// Its own.
    pub hash: String,
}

impl From<SealedRow> for AuditEntry {
    fn from(sealed: SealedRow) -> Self {
        let SealedRow { row, previous, hash } = sealed;
        let AuditRow { seq, at, actor, address, act, project, target, detail } = row;
        let detail = serde_json::from_str(&detail).unwrap_or(Value::String(detail));
        let (at, at_ms) = (at.secs(), at.millis());
        let (previous, hash) = (hex(&previous), hex(&hash));
        Self { seq, at, at_ms, actor, address, act, project, target, detail, previous, hash }
    }
}

impl AuditEntry {
    /// The row itself; none, if a hash is none. Its detail is JSON as the log writes it.
    #[must_use]
    pub fn sealed(self) -> Option<SealedRow> {
        let [previous, hash] = [bytes(&self.previous)?, bytes(&self.hash)?];
        let Self { seq, at_ms, actor, address, act, project, target, detail, .. } = self;
        let (at, detail) = (Timestamp::from_millis(at_ms), detail.to_string());
        let row = AuditRow { seq, at, actor, address, act, project, target, detail };
        Some(SealedRow { row, previous, hash })
    }
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let pairs = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
    pairs.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// Bytes in hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A token as it was minted.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenRow {
    /// Its id.
    pub jti: TokenId,
    /// The key that minted it.
    pub key_id: KeyId,
    /// The key's project.
    pub project: ProjectId,
    /// Who it speaks for.
    pub sub: String,
    /// What it may do.
    pub scope: Vec<Scope>,
    /// What it is meant for.
    pub aud: Vec<String>,
    /// Where it was asked for.
    pub address: Option<String>,
    /// When it was minted.
    pub issued_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// The token that it was exchanged from.
    pub parent: Option<TokenId>,
}

impl From<IssuedToken> for TokenRow {
    fn from(token: IssuedToken) -> Self {
        Self {
            jti: token.jti,
            key_id: token.key,
            project: token.project,
            sub: token.subject,
            scope: token.scope.iter().cloned().collect(),
            aud: token.audience.split(' ').map(str::to_owned).collect(),
            address: token.address,
            issued_at: token.issued_at.secs(),
            expires_at: token.expires_at.secs(),
            parent: token.parent,
        }
    }
}

/// A revocation that holds.
#[derive(Debug, Serialize)]
pub struct RevocationRow {
    /// Where in the feed it stands: it kills what was decided before.
    pub position: Position,
    /// What is revoked: `all`, `project`, `key`, `subject`, `token`, `signing_key`.
    pub revoke: &'static str,
    /// The project; none for what concerns all.
    pub project: Option<ProjectId>,
    /// The key.
    pub key_id: Option<KeyId>,
    /// The token.
    pub jti: Option<TokenId>,
    /// Whoever tokens speak for.
    pub sub: Option<String>,
    /// What kind of name that is.
    pub sub_kind: Option<String>,
    /// The signing key.
    pub kid: Option<SigningKeyId>,
    /// When nothing that it kills is alive; never, if absent.
    pub ends_at: Option<i64>,
}

impl RevocationRow {
    /// What an entry of the feed revokes; none if it only tells of a change.
    #[must_use]
    pub fn of(entry: &Published) -> Option<Self> {
        let target = entry.revocation()?.target;
        let mut row = Self {
            position: entry.position,
            revoke: entry.entry.kind(),
            project: entry.entry.project().cloned(),
            key_id: None,
            jti: None,
            sub: None,
            sub_kind: None,
            kid: None,
            ends_at: entry.ends.map(Timestamp::secs),
        };
        match target {
            Target::All | Target::Project { .. } => {}
            Target::Key { key, .. } => row.key_id = Some(key),
            Target::Token { jti, .. } => row.jti = Some(jti),
            Target::SigningKey { kid } => row.kid = Some(kid),
            Target::Subject { kind, subject, .. } => {
                (row.sub, row.sub_kind) = (Some(subject.to_string()), Some(kind.to_string()));
            }
        }
        Some(row)
    }
}

/// A token that was revoked.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// The token.
    pub jti: TokenId,
    /// Its project.
    pub project: ProjectId,
    /// Where in the feed the act stands.
    pub position: Position,
}

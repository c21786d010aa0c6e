//! The audit log: one row per act, each sealed over the one before.

mod chain;

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest;
use portcullis_guard::{KeyId, ProjectId, Timestamp};
use serde::Serialize;
use serde_json::Value;

pub use chain::{Broken, Chain, Head, InvalidHead};

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody with access to database and master key: the shell, by user id.
    Local(u32),
    /// The holder of an API key.
    Key(KeyId),
    /// The server itself, when a time has come.
    System,
    /// Somebody who has reported a leaked secret, and proven by it that they have it.
    LeakReport,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(uid) => write!(f, "local:{uid}"),
            Self::Key(key) => write!(f, "key:{key}"),
            Self::System => f.write_str("system"),
            Self::LeakReport => f.write_str("leak_report"),
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The installation was set up.
    Initialise,
    /// Tokens are issued under another name from then on.
    ChangeIssuer,
    /// A copy of the database was made.
    Backup,
    /// A copy of the database was restored.
    Restore,
    /// A project was made.
    CreateProject,
    /// A scope of the catalogue was defined or changed.
    SetScope,
    /// A scope was taken out of the catalogue.
    RemoveScope,
    /// A project got an audience.
    AddAudience,
    /// A project lost an audience.
    RemoveAudience,
    /// A project was edited.
    EditProject,
    /// A project got a role.
    CreateRole,
    /// A role was edited.
    EditRole,
    /// A role was deleted.
    DeleteRole,
    /// An API key was made.
    CreateKey,
    /// A batch of API keys was brought in from elsewhere.
    ImportKeys,
    /// An API key was edited.
    EditKey,
    /// An API key was blocked.
    BlockKey,
    /// An API key was unblocked.
    UnblockKey,
    /// An API key was deleted.
    DeleteKey,
    /// A secret of an API key was reported as leaked.
    ReportKey,
    /// The reports of an API key's secrets were cleared.
    ClearFlags,
    /// All outstanding tokens of a key were revoked.
    RevokeTokens,
    /// An API key got a new secret in place of the old ones.
    RegenerateSecret,
    /// An API key got a further secret.
    AddSecret,
    /// A secret of an API key was given an end.
    ExpireSecret,
    /// One token was revoked (RFC 7009).
    RevokeToken,
    /// A signing key was announced; those before it retire when it signs.
    RotateSigningKey,
    /// A signing key was retired at once, with all that it signed.
    RetireSigningKey,
    /// A private signing key was brought in from elsewhere.
    ImportSigningKey,
    /// A private signing key was written out.
    ExportSigningKey,
    /// The data keys were sealed under another master key.
    RotateMasterKey,
    /// A webhook was made.
    CreateWebhook,
    /// A webhook was edited.
    EditWebhook,
    /// A webhook was deleted, and what was on its way to it.
    DeleteWebhook,
    /// A webhook got a new signing secret.
    RotateWebhookSecret,
    /// A webhook was sent an event to see whether it arrives.
    TestWebhook,
    /// A message was sent to a webhook again.
    RedeliverWebhook,
    /// A webhook is sent nothing any more.
    DisableWebhook,
}

impl Act {
    /// As the log writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialise => "initialise",
            Self::ChangeIssuer => "issuer.change",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::CreateProject => "project.create",
            Self::SetScope => "scope.set",
            Self::RemoveScope => "scope.remove",
            Self::AddAudience => "audience.add",
            Self::RemoveAudience => "audience.remove",
            Self::EditProject => "project.edit",
            Self::CreateRole => "role.create",
            Self::EditRole => "role.edit",
            Self::DeleteRole => "role.delete",
            Self::CreateKey => "key.create",
            Self::ImportKeys => "key.import",
            Self::EditKey => "key.edit",
            Self::BlockKey => "key.block",
            Self::UnblockKey => "key.unblock",
            Self::DeleteKey => "key.delete",
            Self::ReportKey => "leak.report",
            Self::ClearFlags => "leak.clear",
            Self::RevokeTokens => "key.revoke_tokens",
            Self::RegenerateSecret => "key.regenerate",
            Self::AddSecret => "secret.add",
            Self::ExpireSecret => "secret.expire",
            Self::RevokeToken => "token.revoke",
            Self::RotateSigningKey => "signing_key.rotate",
            Self::RetireSigningKey => "signing_key.retire",
            Self::ImportSigningKey => "signing_key.import",
            Self::ExportSigningKey => "signing_key.export",
            Self::RotateMasterKey => "master_key.rotate",
            Self::CreateWebhook => "webhook.create",
            Self::EditWebhook => "webhook.edit",
            Self::DeleteWebhook => "webhook.delete",
            Self::RotateWebhookSecret => "webhook.rotate_secret",
            Self::TestWebhook => "webhook.test",
            Self::RedeliverWebhook => "webhook.redeliver",
            Self::DisableWebhook => "webhook.disable",
        }
    }
}

/// A row that waits for its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditDraft {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// From where.
    pub address: Option<IpAddr>,
    /// What.
    pub act: Act,
    /// In which project.
    pub project: Option<ProjectId>,
    /// On what.
    pub target: String,
    /// Reason, note, and what changed; never a secret.
    pub detail: Value,
}

/// A row of the log, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// Its number: 1, 2, 3, without gaps.
    pub seq: i64,
    /// When, in Unix milliseconds.
    pub at: Timestamp,
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
    /// Details, as JSON text.
    pub detail: String,
}

impl AuditRow {
    /// The draft as row number `seq`.
    #[must_use]
    pub fn of(draft: &AuditDraft, seq: i64) -> Self {
        Self {
            seq,
            at: draft.at,
            actor: draft.actor.to_string(),
            address: draft.address.map(|address| address.to_string()),
            act: draft.act.as_str().to_owned(),
            project: draft.project.as_ref().map(ToString::to_string),
            target: draft.target.clone(),
            detail: draft.detail.to_string(),
        }
    }
}

/// A row of the log and its seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The row.
    pub row: AuditRow,
    /// The hash of the row before it.
    pub previous: [u8; 32],
    /// Its own.
    pub hash: [u8; 32],
}

/// The hash that seals a row: SHA-256 over a version mark, the hash before it, and each field with
/// its length, so that no two rows have the same bytes. The first row follows 32 zero bytes.
#[must_use]
pub fn seal(previous: &[u8; 32], row: &AuditRow) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(b"portcullis-audit-1");
    hash.update(previous);
    hash.update(&row.seq.to_be_bytes());
    hash.update(&row.at.millis().to_be_bytes());
    let texts = [
        Some(row.actor.as_str()),
        row.address.as_deref(),
        Some(row.act.as_str()),
        row.project.as_deref(),
        Some(row.target.as_str()),
        Some(row.detail.as_str()),
    ];
    for text in texts {
        // An absent field is not an empty one.
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(&length.to_be_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    }
    hash.finish().as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> AuditRow {
        AuditRow {
            seq: 1,
            at: Timestamp::from_secs(5),
            actor: "local:0".into(),
            address: None,
            act: "key.block".into(),
            project: Some("prj_x".into()),
            target: "pk_live_x".into(),
            detail: "{}".into(),
        }
    }

    #[test]
    fn the_seal_changes_with_every_field() {
        let sealed = seal(&[0; 32], &row());
        let edits: [fn(&mut AuditRow); 8] = [
            |r| r.seq = 2,
            |r| r.at = Timestamp::from_millis(5001),
            |r| r.actor.push('1'),
            |r| r.address = Some(String::new()),
            |r| r.act.push('x'),
            |r| r.project = None,
            |r| r.target.push('x'),
            |r| r.detail.push(' '),
        ];
        for edit in edits {
            let mut edited = row();
            edit(&mut edited);
            assert_ne!(seal(&[0; 32], &edited), sealed, "{edited:?}");
        }
        assert_ne!(seal(&[1; 32], &row()), sealed);
    }

    #[test]
    fn bytes_cannot_move_from_one_field_to_the_next() {
        let mut moved = row();
        moved.act = "key.bloc".into();
        moved.target = "kpk_live_x".into();
        assert_ne!(seal(&[0; 32], &moved), seal(&[0; 32], &row()));
    }
}

//! Rows of the issuance log and of the audit log.

use sqlx::FromRow;

use crate::domain::audit::{AuditDraft, AuditRow};
use crate::domain::webhook::Message;
use crate::domain::{KeyId, LiveTokenLimits, Position, ScopeSet, Timestamp, TokenId};
use crate::store::error::Error;
use crate::store::{IssuedToken, SealedRow};

use super::Place;

#[derive(FromRow)]
pub(in crate::store) struct IssuedRow {
    jti: Vec<u8>,
    key: String,
    project: String,
    subject: String,
    scope: String,
    audience: String,
    address: Option<String>,
    issued_at: i64,
    expires_at: i64,
    parent: Option<Vec<u8>>,
}

impl TryFrom<IssuedRow> for IssuedToken {
    type Error = Error;

    fn try_from(row: IssuedRow) -> Result<Self, Error> {
        let unreadable = "of a token whose id is unreadable";
        let jti = Place::of("issued_tokens", &unreadable).bytes("jti", &row.jti).map(TokenId::from_bytes)?;
        let place = Place::of("issued_tokens", &jti);
        Ok(Self {
            jti,
            key: place.parse("key", &row.key)?,
            project: place.parse("project", &row.project)?,
            scope: place.words("scope", &row.scope)?,
            issued_at: Timestamp::from_millis(row.issued_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            parent: row.parent.map(|raw| place.bytes("parent", &raw)).transpose()?.map(TokenId::from_bytes),
            position: Position::START,
            limits: LiveTokenLimits::default(),
            subject: row.subject,
            audience: row.audience,
            address: row.address,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct GrantRow {
    key: String,
    scope: String,
}

impl TryFrom<GrantRow> for (KeyId, ScopeSet) {
    type Error = Error;

    fn try_from(row: GrantRow) -> Result<Self, Error> {
        let place = Place::of("issued_tokens", &row.key);
        Ok((place.parse("key", &row.key)?, place.words("scope", &row.scope)?))
    }
}

/// The oldest row that a look at the log has reached.
pub(in crate::store) fn reached(jti: &[u8]) -> Result<TokenId, Error> {
    Place::of("issued_tokens", &"of a token whose id is unreadable")
        .bytes("jti", jti)
        .map(TokenId::from_bytes)
}

#[derive(FromRow)]
pub(in crate::store) struct AuditLogRow {
    seq: i64,
    at: i64,
    actor: String,
    address: Option<String>,
    act: String,
    project: Option<String>,
    target: String,
    detail: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

impl TryFrom<AuditLogRow> for SealedRow {
    type Error = Error;

    fn try_from(row: AuditLogRow) -> Result<Self, Error> {
        let place = Place::of("audit", &row.seq);
        Ok(Self {
            previous: place.bytes("previous", &row.previous)?,
            hash: place.bytes("hash", &row.hash)?,
            row: AuditRow {
                seq: row.seq,
                at: Timestamp::from_millis(row.at),
                actor: row.actor,
                address: row.address,
                act: row.act,
                project: row.project,
                target: row.target,
                detail: row.detail,
            },
        })
    }
}

/// The hash of this row of the audit log.
pub(in crate::store) fn hash(seq: i64, raw: &[u8]) -> Result<[u8; 32], Error> {
    Place::of("audit", &seq).bytes("hash", raw)
}

/// A row that was appended to the audit log.
pub(in crate::store) struct Appended {
    /// Its number.
    pub(in crate::store) number: Position,
    row: AuditRow,
    hash: [u8; 32],
}

impl Appended {
    pub(in crate::store) fn of(row: AuditRow, hash: [u8; 32]) -> Result<Self, Error> {
        let number = Place::of("audit", &row.seq).position("seq", row.seq)?;
        Ok(Self { number, row, hash })
    }

    /// What is told of the act, event or not, to somebody who asks for it.
    pub(in crate::store) fn message(&self, draft: &AuditDraft) -> Message {
        Message::whatever(draft, &self.row, &self.hash)
    }
}

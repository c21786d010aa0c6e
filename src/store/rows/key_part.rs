//! A key with what is read together with it, in rows of one statement.

use sqlx::{FromRow, Row};

use crate::domain::grant::KeyPart;
use crate::domain::{ApiKey, StoredSecret};
use crate::store::Snapshot;
use crate::store::error::Error;

use super::{KeyRow, SecretRow, counter, project_changed, role_permissions};

/// What stands in each row: the feed counter; the key's id, if there is such a key; its role and what that
/// permits, if it has one; the position of its project's last entry.
#[derive(FromRow)]
pub(in crate::store) struct BesideKeyRow {
    position: i64,
    id: Option<String>,
    role: Option<String>,
    role_permissions: Option<String>,
    project_changed: Option<i64>,
}

/// A secret in one row with its key, whose columns have the plain names; or that the key has none.
#[derive(FromRow)]
pub(in crate::store) struct SecretBesideKeyRow {
    secret: Option<i64>,
    digest: Option<Vec<u8>>,
    secret_created_at: Option<i64>,
    secret_expires_at: Option<i64>,
    last_used_at: Option<i64>,
    last_used_from: Option<String>,
}

impl SecretBesideKeyRow {
    fn secret(self) -> Option<SecretRow> {
        Some(SecretRow {
            id: self.secret?,
            digest: self.digest?,
            created_at: self.secret_created_at?,
            expires_at: self.secret_expires_at,
            last_used_at: self.last_used_at,
            last_used_from: self.last_used_from,
        })
    }
}

/// The key that the rows are of: a row for each of its secrets, one if there is none, and one of the
/// counter alone if there is no such key.
pub(in crate::store) fn key_part<'r, R: Row>(rows: &'r [R]) -> Result<Snapshot<Option<KeyPart>>, Error>
where
    BesideKeyRow: FromRow<'r, R>,
    KeyRow: FromRow<'r, R>,
    SecretBesideKeyRow: FromRow<'r, R>,
{
    let first = rows.first().ok_or(Error::Missing("installation"))?;
    let beside = BesideKeyRow::from_row(first)?;
    let position = counter(beside.position)?;
    if beside.id.is_none() {
        return Ok(Snapshot { position, value: None });
    }
    let key = ApiKey::try_from(KeyRow::from_row(first)?)?;
    let changed = beside.project_changed.ok_or(Error::Missing("project"))?;
    let project_changed = project_changed(&key.project, changed)?;
    let permitted = beside.role_permissions.as_deref().unwrap_or_default();
    let role = role_permissions(&key.project, beside.role.as_deref(), permitted)?;
    let mut secrets = Vec::with_capacity(rows.len());
    for row in rows {
        let secret = SecretBesideKeyRow::from_row(row)?.secret();
        secrets.extend(secret.map(StoredSecret::try_from).transpose()?);
    }
    Ok(Snapshot { position, value: Some(KeyPart { key, secrets, role, project_changed }) })
}

//! API keys and their secrets.

use std::num::NonZeroU32;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::edit::{KeyChange, KeyEdit};
use crate::domain::{Audience, KeyDetails, KeyId, KeyState, Lifetime, Position, RoleName, Timestamp};
use crate::store::error::Error;
use crate::store::rows;
use crate::store::{Keys, NewKey, SecretUse};

use super::publish::conclude;
use super::secrets::{self, NewSecret};
use super::{SqliteStore, creations, live_tokens, roles};

#[async_trait]
impl Keys for SqliteStore {
    async fn create_key(&self, new: &NewKey) -> Result<Position, Error> {
        let mut transaction = self.write().await?;
        insert(&mut transaction, new).await?;
        let position = conclude(&mut transaction, &new.audit, &new.feed).await?;
        set_changed(&mut transaction, &new.key.id, position).await?;
        creations::record(&mut transaction, new.once.as_ref(), position, new.audit.at).await?;
        transaction.commit().await?;
        Ok(position)
    }

    async fn change_key(&self, change: &KeyChange) -> Result<Position, Error> {
        let mut transaction = self.write().await?;
        expect_unchanged(&mut transaction, &change.key, change.expected()).await?;
        let position = carry_out(&mut transaction, change).await?;
        transaction.commit().await?;
        Ok(position)
    }

    async fn note_uses(&self, uses: &[SecretUse]) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        secrets::note_uses(&mut transaction, uses).await?;
        Ok(transaction.commit().await?)
    }
}

/// Writes key and secret; the key's `changed` is set once the position is known.
pub(super) async fn insert(connection: &mut SqliteConnection, new: &NewKey) -> Result<(), Error> {
    let (key, details) = (&new.key, &new.key.details);
    let changed: Option<i64> = sqlx::query_scalar("SELECT changed FROM projects WHERE id = $1")
        .bind(key.project.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    rows::expect_project(changed, new.decided_on)?;
    roles::expect(connection, &key.project, details.role.as_ref()).await?;
    sqlx::query(
        "INSERT INTO api_keys (id, project, kind, name, state, permissions, role, allowlist, audiences, \
         token_lifetime, require_scope, auth_methods, live_tokens, created_at, expires_at, changed) \
         VALUES ($1, $2, 'server', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)",
    )
    .bind(key.id.as_str())
    .bind(key.project.as_str())
    .bind(&details.name)
    .bind(key.state.as_str())
    .bind(details.permissions.to_string())
    .bind(details.role.as_ref().map(RoleName::as_str))
    .bind(details.allowlist.to_string())
    .bind(written(&details.audiences))
    .bind(details.token_lifetime.map(Lifetime::secs))
    .bind(details.require_scope)
    .bind(details.auth_methods.to_string())
    .bind(details.live_tokens.map(NonZeroU32::get))
    .bind(key.created_at.millis())
    .bind(details.expires_at.map(Timestamp::millis))
    .execute(&mut *connection)
    .await?;
    let secret = NewSecret { digest: &new.digest, expires_at: None, at: key.created_at };
    secrets::add(connection, &key.id, &secret).await
}

pub(super) async fn set_changed(
    connection: &mut SqliteConnection,
    id: &KeyId,
    position: Position,
) -> Result<(), Error> {
    sqlx::query("UPDATE api_keys SET changed = $2 WHERE id = $1")
        .bind(id.as_str())
        .bind(rows::stored(position))
        .execute(connection)
        .await?;
    Ok(())
}

/// The audiences as one text, the default first.
pub(super) fn written(audiences: &[Audience]) -> String {
    let words: Vec<&str> = audiences.iter().map(Audience::as_str).collect();
    words.join(" ")
}

pub(super) async fn expect_unchanged(
    connection: &mut SqliteConnection,
    key: &KeyId,
    (expected_key, expected_project): (Position, Position),
) -> Result<(), Error> {
    let changed: Option<(i64, i64)> = sqlx::query_as(
        "SELECT k.changed, p.changed FROM api_keys AS k JOIN projects AS p ON p.id = k.project \
         WHERE k.id = $1",
    )
    .bind(key.as_str())
    .fetch_optional(connection)
    .await?;
    let expected = (rows::stored(expected_key), rows::stored(expected_project));
    match changed {
        None => Err(Error::Missing("key")),
        Some(changed) if changed == expected => Ok(()),
        Some(_) => Err(Error::Conflict),
    }
}

/// An edit of a key that is as it was expected to be.
pub(super) async fn carry_out(
    connection: &mut SqliteConnection,
    change: &KeyChange,
) -> Result<Position, Error> {
    edit(connection, &change.key, &change.edit, change.audit.at).await?;
    let position = conclude(connection, &change.audit, &change.feed).await?;
    set_changed(connection, &change.key, position).await?;
    creations::record(connection, change.once.as_ref(), position, change.audit.at).await?;
    Ok(position)
}

async fn edit(
    connection: &mut SqliteConnection,
    key: &KeyId,
    edit: &KeyEdit,
    at: Timestamp,
) -> Result<(), Error> {
    match edit {
        KeyEdit::Details { details, .. } => {
            live_tokens::limit_key(connection, key, details.live_tokens, at).await?;
            set_details(connection, key, details).await
        }
        KeyEdit::Block => set_state(connection, key, KeyState::Blocked).await,
        KeyEdit::Unblock => set_state(connection, key, KeyState::Active).await,
        KeyEdit::Delete => {
            set_state(connection, key, KeyState::Deleted).await?;
            secrets::end_all(connection, key, at, at).await
        }
        KeyEdit::RevokeTokens => Ok(()),
        KeyEdit::Regenerate { digest, old_end } => {
            secrets::end_all(connection, key, *old_end, at).await?;
            secrets::add(connection, key, &NewSecret { digest, expires_at: None, at }).await
        }
        KeyEdit::AddSecret { digest, expires_at } => {
            secrets::drop_ended(connection, key, at).await?;
            secrets::add(connection, key, &NewSecret { digest, expires_at: *expires_at, at }).await
        }
        KeyEdit::ExpireSecret { secret, at: end } => {
            secrets::expire(connection, key, secret, *end).await?;
            secrets::drop_ended(connection, key, at).await
        }
    }
}

async fn set_details(
    connection: &mut SqliteConnection,
    key: &KeyId,
    details: &KeyDetails,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE api_keys SET name = $2, permissions = $3, role = $4, allowlist = $5, audiences = $6, \
         token_lifetime = $7, require_scope = $8, auth_methods = $9, live_tokens = $10, expires_at = $11 \
         WHERE id = $1",
    )
    .bind(key.as_str())
    .bind(&details.name)
    .bind(details.permissions.to_string())
    .bind(details.role.as_ref().map(RoleName::as_str))
    .bind(details.allowlist.to_string())
    .bind(written(&details.audiences))
    .bind(details.token_lifetime.map(Lifetime::secs))
    .bind(details.require_scope)
    .bind(details.auth_methods.to_string())
    .bind(details.live_tokens.map(NonZeroU32::get))
    .bind(details.expires_at.map(Timestamp::millis))
    .execute(connection)
    .await?;
    Ok(())
}

async fn set_state(connection: &mut SqliteConnection, key: &KeyId, state: KeyState) -> Result<(), Error> {
    sqlx::query("UPDATE api_keys SET state = $2 WHERE id = $1")
        .bind(key.as_str())
        .bind(state.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

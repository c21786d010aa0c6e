//! The issuance log.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgConnection;
use tokio::time::timeout;

use crate::domain::{KeyId, Timestamp, TokenId};
use crate::store::error::{Error, Unavailable};
use crate::store::rows::{self, IssuedRow};
use crate::store::{IssuedRange, IssuedToken, IssuedTokens};

use super::{PostgresStore, partitions};

/// How long the log has to commit: longer than anybody waits for it, and short enough that a link
/// which was cut without a word does not hold up those who come later.
const PATIENCE: Duration = Duration::from_secs(3);
/// No id is smaller.
const FIRST: TokenId = TokenId::from_bytes([0; 16]);
/// No id of the next nine thousand years is larger.
const LAST: TokenId = TokenId::from_bytes([0xFF; 16]);

#[async_trait]
impl IssuedTokens for PostgresStore {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<bool>, Error> {
        let recorded = timeout(PATIENCE, self.write_down(tokens)).await;
        let mut inserted = recorded.unwrap_or(Err(Unavailable::Slow.into()))?;
        // A token id that comes twice was recorded for the first that has it.
        Ok(tokens.iter().map(|token| inserted.remove(token.jti.as_bytes().as_slice())).collect())
    }

    async fn issued_within(
        &self,
        key: &KeyId,
        range: &IssuedRange,
        limit: u32,
    ) -> Result<Vec<IssuedToken>, Error> {
        let (first, end) = (range.since.map_or(FIRST, first_of), range.before.unwrap_or(LAST));
        let mut work = self.one_read().await?;
        let rows: Vec<IssuedRow> = sqlx::query_as(
            "SELECT jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent \
             FROM issued_tokens WHERE key = $1 AND jti >= $2 AND jti < $3 ORDER BY jti DESC LIMIT $4",
        )
        .bind(key.as_str())
        .bind(first.as_bytes().as_slice())
        .bind(end.as_bytes().as_slice())
        .bind(i64::from(limit))
        .fetch_all(&mut *work)
        .await?;
        work.commit().await?;
        rows.into_iter().map(IssuedToken::try_from).collect()
    }

    /// Days go whole, once their last token is old, and so keep a token for a day longer at most;
    /// row by row goes only what is in no day's partition.
    async fn forget_issued(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        partitions::make_ahead(self).await?;
        let dropped = partitions::drop_before(self, before).await?;
        let mut work = self.one_write().await?;
        let deleted = sqlx::query(
            "DELETE FROM issued_tokens_rest WHERE jti IN \
             (SELECT jti FROM issued_tokens_rest WHERE jti < $1 ORDER BY jti LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .bind(first_of(before).as_bytes().as_slice())
        .bind(i64::from(limit))
        .execute(&mut *work)
        .await?;
        work.commit().await?;
        Ok(dropped + deleted.rows_affected())
    }
}

impl PostgresStore {
    async fn write_down(&self, tokens: &[IssuedToken]) -> Result<HashSet<Vec<u8>>, Error> {
        let mut work = self.one_write().await?;
        let inserted = insert(&mut work, tokens).await?;
        work.commit().await?;
        Ok(inserted)
    }
}

/// No token minted at this time or later has a smaller id.
fn first_of(at: Timestamp) -> TokenId {
    TokenId::new(at.max(Timestamp::default()), [0; 10])
}

/// Inserts those tokens that nothing speaks against; answers their ids. One statement, whose
/// snapshot has every edit that was acknowledged before it began; it locks no row of anybody.
async fn insert(connection: &mut PgConnection, tokens: &[IssuedToken]) -> Result<HashSet<Vec<u8>>, Error> {
    let texts = |of: fn(&IssuedToken) -> &str| -> Vec<&str> { tokens.iter().map(of).collect() };
    let numbers = |of: fn(&IssuedToken) -> i64| -> Vec<i64> { tokens.iter().map(of).collect() };
    let scopes: Vec<String> = tokens.iter().map(|token| token.scope.to_string()).collect();
    let parents = tokens.iter().map(|token| token.parent.as_ref().map(|parent| parent.as_bytes().as_slice()));
    let inserted: Vec<Vec<u8>> = sqlx::query_scalar(
        "INSERT INTO issued_tokens \
         (jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent) \
         SELECT t.jti, k.id, p.id, t.subject, t.scope, t.audience, t.address, t.issued_at, t.expires_at, \
           t.parent \
         FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
             $8::bigint[], $9::bigint[], $10::bytea[], $11::bigint[]) \
           AS t(jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent, decided) \
         JOIN api_keys AS k ON k.id = t.key \
         JOIN projects AS p ON p.id = k.project AND p.id = t.project \
         WHERE k.state = 'active' AND k.changed <= t.decided AND p.changed <= t.decided \
         ON CONFLICT (jti) DO NOTHING RETURNING jti",
    )
    .bind(tokens.iter().map(|token| token.jti.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind(texts(|token| token.key.as_str()))
    .bind(texts(|token| token.project.as_str()))
    .bind(texts(|token| &token.subject))
    .bind(scopes)
    .bind(texts(|token| &token.audience))
    .bind(tokens.iter().map(|token| token.address.as_deref()).collect::<Vec<_>>())
    .bind(numbers(|token| token.issued_at.millis()))
    .bind(numbers(|token| token.expires_at.millis()))
    .bind(parents.collect::<Vec<_>>())
    .bind(numbers(|token| rows::stored(token.position)))
    .fetch_all(connection)
    .await?;
    Ok(inserted.into_iter().collect())
}

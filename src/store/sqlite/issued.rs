//! The issuance log.

use std::collections::HashSet;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::{KeyId, Timestamp, TokenId};
use crate::store::error::Error;
use crate::store::rows::{self, IssuedRow};
use crate::store::{IssuedRange, IssuedToken, IssuedTokens};

use super::{SqliteStore, hex};

/// How many tokens one statement records.
const BATCH: usize = 512;
/// No id is smaller.
const FIRST: TokenId = TokenId::from_bytes([0; 16]);
/// No id of the next nine thousand years is larger.
const LAST: TokenId = TokenId::from_bytes([0xFF; 16]);

#[async_trait]
impl IssuedTokens for SqliteStore {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<bool>, Error> {
        let mut transaction = self.write().await?;
        let mut recorded = Vec::with_capacity(tokens.len());
        for batch in tokens.chunks(BATCH) {
            let mut inserted = insert(&mut transaction, batch).await?;
            // A token id that comes twice was recorded for the first that has it.
            recorded.extend(batch.iter().map(|token| inserted.remove(token.jti.as_bytes().as_slice())));
        }
        transaction.commit().await?;
        Ok(recorded)
    }

    async fn issued_within(
        &self,
        key: &KeyId,
        range: &IssuedRange,
        limit: u32,
    ) -> Result<Vec<IssuedToken>, Error> {
        let (first, end) = (range.since.map_or(FIRST, first_of), range.before.unwrap_or(LAST));
        let rows: Vec<IssuedRow> = sqlx::query_as(
            "SELECT jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent \
             FROM issued_tokens WHERE key = $1 AND jti >= $2 AND jti < $3 ORDER BY jti DESC LIMIT $4",
        )
        .bind(key.as_str())
        .bind(first.as_bytes().as_slice())
        .bind(end.as_bytes().as_slice())
        .bind(limit)
        .fetch_all(&mut *self.read().await?)
        .await?;
        rows.into_iter().map(IssuedToken::try_from).collect()
    }

    async fn forget_issued(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut transaction = self.write().await?;
        let deleted = sqlx::query(
            "DELETE FROM issued_tokens WHERE jti IN \
             (SELECT jti FROM issued_tokens WHERE jti < $1 ORDER BY jti LIMIT $2)",
        )
        .bind(first_of(before).as_bytes().as_slice())
        .bind(limit)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected())
    }
}

/// No token minted at this time or later has a smaller id.
fn first_of(at: Timestamp) -> TokenId {
    TokenId::new(at.max(Timestamp::default()), [0; 10])
}

/// Inserts those tokens that nothing speaks against; answers their ids.
///
/// The joins are crossed so that SQLite starts from the batch and never from the keys.
async fn insert(connection: &mut SqliteConnection, batch: &[IssuedToken]) -> Result<HashSet<Vec<u8>>, Error> {
    let inserted: Vec<Vec<u8>> = sqlx::query_scalar(
        "INSERT INTO issued_tokens \
         (jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent) \
         SELECT unhex(t.value ->> 0), k.id, p.id, t.value ->> 3, t.value ->> 4, t.value ->> 5, \
           t.value ->> 6, t.value ->> 7, t.value ->> 8, unhex(t.value ->> 9) \
         FROM json_each($1) AS t \
         CROSS JOIN api_keys AS k ON k.id = t.value ->> 1 \
         CROSS JOIN projects AS p ON p.id = k.project AND p.id = t.value ->> 2 \
         WHERE k.state = 'active' AND k.changed <= t.value ->> 10 AND p.changed <= t.value ->> 10 \
         ON CONFLICT (jti) DO NOTHING RETURNING jti",
    )
    .bind(json(batch))
    .fetch_all(connection)
    .await?;
    Ok(inserted.into_iter().collect())
}

/// The batch as an array of arrays, in the order in which the statement takes them apart.
fn json(batch: &[IssuedToken]) -> String {
    let rows: Vec<_> = batch
        .iter()
        .map(|token| {
            (
                hex(token.jti.as_bytes()),
                &token.key,
                &token.project,
                &token.subject,
                &token.scope,
                &token.audience,
                &token.address,
                token.issued_at.millis(),
                token.expires_at.millis(),
                token.parent.as_ref().map(|parent| hex(parent.as_bytes())),
                rows::stored(token.position),
            )
        })
        .collect();
    serde_json::to_string(&rows).expect("texts and numbers are JSON")
}

//! The issuance log.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::domain::quota::{Owner, Wanted};
use crate::domain::{QuotaFull, Timestamp, TokenId};
use crate::store::error::Error;
use crate::store::first_of;
use crate::store::rows;
use crate::store::{IssuedToken, IssuedTokens, Recording};

use super::{SqliteStore, hex, live_tokens};

/// How many tokens one statement records.
const BATCH: usize = 512;
/// No id is smaller.
pub(super) const FIRST: TokenId = TokenId::from_bytes([0; 16]);
/// No id of the next nine thousand years is larger.
pub(super) const LAST: TokenId = TokenId::from_bytes([0xFF; 16]);

/// Those tokens of a batch whose key is active and of their project, and of which neither has an entry
/// beyond the position that they were decided at.
///
/// The joins are crossed so that SQLite starts from the batch and never from the keys.
macro_rules! unmoved {
    () => {
        "FROM json_each($1) AS t \
         CROSS JOIN api_keys AS k ON k.id = t.value ->> 1 \
         CROSS JOIN projects AS p ON p.id = k.project AND p.id = t.value ->> 2 \
         WHERE k.state = 'active' AND k.changed <= t.value ->> 10 AND p.changed <= t.value ->> 10"
    };
}

#[async_trait]
impl IssuedTokens for SqliteStore {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        if tokens.len() <= BATCH && !any_limits(tokens) {
            return record(&mut *self.one_write().await?, tokens).await;
        }
        let mut transaction = self.write().await?;
        let mut recorded = Vec::with_capacity(tokens.len());
        for batch in tokens.chunks(BATCH) {
            recorded.extend(record(&mut transaction, batch).await?);
        }
        transaction.commit().await?;
        Ok(recorded)
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

    async fn forget_counts(&self, until: Timestamp) -> Result<u64, Error> {
        let mut transaction = self.write().await?;
        let forgotten = live_tokens::forget(&mut transaction, until).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }
}

/// Records what nothing speaks against, in one statement. Tokens that have limits find out before it
/// whether there is a place for them, and are counted after it; others pay nothing for that.
async fn record(connection: &mut SqliteConnection, batch: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
    let full = if any_limits(batch) { without_a_place(connection, batch).await? } else { HashMap::new() };
    let chosen = batch.iter().enumerate().filter(|(at, _)| !full.contains_key(at)).map(|(_, token)| token);
    let mut inserted = insert(connection, chosen).await?;
    let mut recorded = Vec::with_capacity(batch.len());
    for (at, token) in batch.iter().enumerate() {
        recorded.push(match full.get(&at) {
            Some(full) => Recording::Full(*full),
            // A token id that comes twice was recorded for the first that has it.
            None if inserted.remove(token.jti.as_bytes().as_slice()) => Recording::Recorded,
            None => Recording::Moved,
        });
    }
    let counted = batch.iter().zip(&recorded);
    let counted = counted.filter(|(token, done)| token.limits.are_set() && **done == Recording::Recorded);
    let counted: Vec<Wanted<'_>> = counted.map(|(token, _)| token.wanted()).collect();
    if !counted.is_empty() {
        live_tokens::add(connection, &counted).await?;
    }
    Ok(recorded)
}

fn any_limits(batch: &[IssuedToken]) -> bool {
    batch.iter().any(|token| token.limits.are_set())
}

/// The tokens of a batch, by their place in it, whose limits leave no room. One that would not be
/// recorded anyway takes none, and is told so and not that it is one too many.
async fn without_a_place(
    connection: &mut SqliteConnection,
    batch: &[IssuedToken],
) -> Result<HashMap<usize, QuotaFull>, Error> {
    let standing = standing(connection, batch).await?;
    let limited = || standing.iter().map(|at| (*at, batch[*at].wanted())).filter(|(_, t)| t.limits.are_set());
    let owners: BTreeSet<Owner> = limited()
        .flat_map(|(_, t)| [(t.project.clone(), Some(t.key.clone())), (t.project.clone(), None)])
        .collect();
    let Some(at) = limited().map(|(_, token)| token.at).min() else { return Ok(HashMap::new()) };
    let mut places = live_tokens::of(connection, &owners.into_iter().collect::<Vec<_>>(), at).await?;
    Ok(limited().filter_map(|(at, token)| places.take(&token).err().map(|full| (at, full))).collect())
}

/// The tokens of a batch, by their place in it, against which nothing speaks but a limit.
async fn standing(
    connection: &mut SqliteConnection,
    batch: &[IssuedToken],
) -> Result<BTreeSet<usize>, Error> {
    let standing: Vec<i64> = sqlx::query_scalar(concat!(
        "SELECT t.key ",
        unmoved!(),
        " AND NOT EXISTS (SELECT 1 FROM issued_tokens WHERE jti = unhex(t.value ->> 0))"
    ))
    .bind(json(batch))
    .fetch_all(connection)
    .await?;
    Ok(standing.into_iter().filter_map(|at| usize::try_from(at).ok()).collect())
}

/// Inserts those tokens that nothing speaks against; answers their ids.
async fn insert(
    connection: &mut SqliteConnection,
    batch: impl IntoIterator<Item = &IssuedToken>,
) -> Result<HashSet<Vec<u8>>, Error> {
    let inserted: Vec<Vec<u8>> = sqlx::query_scalar(concat!(
        "INSERT INTO issued_tokens \
         (jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent) \
         SELECT unhex(t.value ->> 0), k.id, p.id, t.value ->> 3, t.value ->> 4, t.value ->> 5, \
           t.value ->> 6, t.value ->> 7, t.value ->> 8, unhex(t.value ->> 9) ",
        unmoved!(),
        " ON CONFLICT (jti) DO NOTHING RETURNING jti"
    ))
    .bind(json(batch))
    .fetch_all(connection)
    .await?;
    Ok(inserted.into_iter().collect())
}

/// The batch as an array of arrays, in the order in which the statement takes them apart.
fn json<'a>(batch: impl IntoIterator<Item = &'a IssuedToken>) -> String {
    let rows: Vec<_> = batch
        .into_iter()
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

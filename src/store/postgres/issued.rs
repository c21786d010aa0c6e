//! The issuance log.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, PgConnection};
use tokio::time::timeout;

use crate::domain::quota::{Owner, Wanted};
use crate::domain::{QuotaFull, Timestamp, TokenId};
use crate::store::error::{Error, Unavailable};
use crate::store::first_of;
use crate::store::rows;
use crate::store::{IssuedToken, IssuedTokens, Recording};

use super::again::again;
use super::{PostgresStore, live_tokens, partitions};

/// How long the log has to commit: longer than anybody waits for it, and short enough that a link
/// which was cut without a word does not hold up those who come later.
const PATIENCE: Duration = Duration::from_secs(3);
/// No id is smaller.
pub(super) const FIRST: TokenId = TokenId::from_bytes([0; 16]);
/// No id of the next nine thousand years is larger.
pub(super) const LAST: TokenId = TokenId::from_bytes([0xFF; 16]);

/// The batch, taken apart.
macro_rules! batch {
    () => {
        "unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
           $8::bigint[], $9::bigint[], $10::bytea[], $11::bigint[]) WITH ORDINALITY \
           AS t(jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent, \
             decided, number)"
    };
}

/// Those tokens of a batch whose key is active and of their project, and of which neither has an entry
/// beyond the position that they were decided at.
macro_rules! unmoved {
    () => {
        concat!(
            " FROM ",
            batch!(),
            " JOIN api_keys AS k ON k.id = t.key \
              JOIN projects AS p ON p.id = k.project AND p.id = t.project \
              WHERE k.state = 'active' AND k.changed <= t.decided AND p.changed <= t.decided"
        )
    };
}

#[async_trait]
impl IssuedTokens for PostgresStore {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        let are_limited = tokens.iter().any(|token| token.limits.are_set());
        let recorded = again(move || async move {
            if are_limited {
                self.record_within_limits(tokens).await
            } else {
                self.record_unlimited(tokens).await
            }
        });
        timeout(PATIENCE, recorded).await.unwrap_or(Err(Unavailable::Slow.into()))
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

    async fn forget_counts(&self, until: Timestamp) -> Result<u64, Error> {
        let mut work = self.one_write().await?;
        let forgotten = live_tokens::forget(&mut work, until).await?;
        work.commit().await?;
        Ok(forgotten)
    }
}

impl PostgresStore {
    /// One statement, and nobody is waited for.
    async fn record_unlimited(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        let mut work = self.one_write().await?;
        let inserted = insert(&mut work, tokens.iter()).await?;
        work.commit().await?;
        Ok(recordings(tokens, inserted, &HashMap::new()))
    }

    /// Tokens that have limits find out before it whether there is a place for them, and are counted
    /// after it, while nobody else counts tokens of their projects.
    async fn record_within_limits(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        let limited = tokens.iter().filter(|token| token.limits.are_set());
        let mut work = self.write().await?;
        live_tokens::take_turn(&mut work, &limited.map(|token| &token.project).collect()).await?;
        let full = without_a_place(&mut work, tokens).await?;
        let chosen =
            tokens.iter().enumerate().filter(|(at, _)| !full.contains_key(at)).map(|(_, token)| token);
        let inserted = insert(&mut work, chosen).await?;
        let recorded = recordings(tokens, inserted, &full);
        let counted = tokens.iter().zip(&recorded);
        let counted = counted.filter(|(token, done)| token.limits.are_set() && **done == Recording::Recorded);
        let counted: Vec<Wanted<'_>> = counted.map(|(token, _)| token.wanted()).collect();
        live_tokens::add(&mut work, &counted).await?;
        work.commit().await?;
        Ok(recorded)
    }
}

fn recordings(
    tokens: &[IssuedToken],
    mut inserted: HashSet<Vec<u8>>,
    full: &HashMap<usize, QuotaFull>,
) -> Vec<Recording> {
    let recording = |(at, token): (usize, &IssuedToken)| match full.get(&at) {
        Some(full) => Recording::Full(*full),
        // A token id that comes twice was recorded for the first that has it.
        None if inserted.remove(token.jti.as_bytes().as_slice()) => Recording::Recorded,
        None => Recording::Moved,
    };
    tokens.iter().enumerate().map(recording).collect()
}

/// The tokens of a batch, by their place in it, whose limits leave no room. One that would not be
/// recorded anyway takes none, and is told so and not that it is one too many.
async fn without_a_place(
    connection: &mut PgConnection,
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
async fn standing(connection: &mut PgConnection, batch: &[IssuedToken]) -> Result<BTreeSet<usize>, Error> {
    let statement = concat!(
        "SELECT t.number - 1",
        unmoved!(),
        " AND NOT EXISTS (SELECT 1 FROM issued_tokens AS i WHERE i.jti = t.jti)"
    );
    let standing: Vec<i64> =
        sqlx::query_scalar_with(statement, taken_apart(&batch.iter())?).fetch_all(connection).await?;
    Ok(standing.into_iter().filter_map(|at| usize::try_from(at).ok()).collect())
}

/// Inserts those tokens that nothing speaks against; answers their ids. One statement, whose
/// snapshot has every edit that was acknowledged before it began; it locks no row of anybody.
async fn insert<'a>(
    connection: &mut PgConnection,
    batch: impl Iterator<Item = &'a IssuedToken> + Clone,
) -> Result<HashSet<Vec<u8>>, Error> {
    let statement = concat!(
        "INSERT INTO issued_tokens \
         (jti, key, project, subject, scope, audience, address, issued_at, expires_at, parent) \
         SELECT t.jti, k.id, p.id, t.subject, t.scope, t.audience, t.address, t.issued_at, t.expires_at, \
           t.parent",
        unmoved!(),
        " ON CONFLICT (jti) DO NOTHING RETURNING jti"
    );
    let inserted: Vec<Vec<u8>> =
        sqlx::query_scalar_with(statement, taken_apart(&batch)?).fetch_all(connection).await?;
    Ok(inserted.into_iter().collect())
}

/// The batch as one array for each column, in the order of the statements.
fn taken_apart<'a>(batch: &(impl Iterator<Item = &'a IssuedToken> + Clone)) -> Result<PgArguments, Error> {
    let texts = |of: fn(&IssuedToken) -> &str| batch.clone().map(of).collect::<Vec<_>>();
    let numbers = |of: fn(&IssuedToken) -> i64| batch.clone().map(of).collect::<Vec<_>>();
    let parent = |token: &'a IssuedToken| token.parent.as_ref().map(|parent| parent.as_bytes().as_slice());
    let mut arrays = PgArguments::default();
    let mut add = || -> Result<(), sqlx::error::BoxDynError> {
        arrays.add(batch.clone().map(|token| token.jti.as_bytes().as_slice()).collect::<Vec<_>>())?;
        arrays.add(texts(|token| token.key.as_str()))?;
        arrays.add(texts(|token| token.project.as_str()))?;
        arrays.add(texts(|token| &token.subject))?;
        arrays.add(batch.clone().map(|token| token.scope.to_string()).collect::<Vec<_>>())?;
        arrays.add(texts(|token| &token.audience))?;
        arrays.add(batch.clone().map(|token| token.address.as_deref()).collect::<Vec<_>>())?;
        arrays.add(numbers(|token| token.issued_at.millis()))?;
        arrays.add(numbers(|token| token.expires_at.millis()))?;
        arrays.add(batch.clone().map(parent).collect::<Vec<_>>())?;
        arrays.add(numbers(|token| rows::stored(token.position)))
    };
    add().map_err(sqlx::Error::Encode)?;
    Ok(arrays)
}

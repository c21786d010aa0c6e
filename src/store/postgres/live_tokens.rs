//! The counts of live tokens: kept for each key that a limit concerns, its own or its project's,
//! and for each project that has one. A token that is on its way while a first limit is being set may
//! be missing in the counts: recording those without a limit waits for nobody.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use sqlx::PgConnection;

use crate::domain::api_key::LONGEST_LIFETIME_SECS;
use crate::domain::quota::{Owner, Places, Wanted};
use crate::domain::{FeedEntry, KeyId, ProjectId, Target, Timestamp, TokenId};
use crate::store::error::Error;
use crate::store::rows;

use crate::store::first_of;

/// No token that was minted longer ago lives; with what clocks may differ by.
const LONGEST: Duration = Duration::from_secs(LONGEST_LIFETIME_SECS as u64 + 60);

/// Waits until nobody else counts tokens of these projects, to the commit of this transaction. Whoever
/// publishes has the rows that it is about before this, and waits for its turn at the feed after it;
/// whoever records tokens waits for nothing after it. So tokens with limits wait for edits of their
/// project that kill tokens, and an edit never waits at the feed for a mint.
pub(super) async fn take_turn(
    connection: &mut PgConnection,
    projects: &BTreeSet<&ProjectId>,
) -> Result<(), Error> {
    for project in projects {
        sqlx::query("SELECT pg_advisory_xact_lock(1886352501, hashtext($1))")
            .bind(project.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// As a limit is stored.
pub(super) fn stored(limit: Option<NonZeroU32>) -> Option<i64> {
    limit.map(|limit| limit.get().into())
}

/// What is counted of these owners and not over at this time.
pub(super) async fn of(
    connection: &mut PgConnection,
    owners: &[Owner],
    at: Timestamp,
) -> Result<Places, Error> {
    let (projects, keys): (Vec<&str>, Vec<&str>) = owners.iter().map(written).unzip();
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT o.number, l.minute, l.count \
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS o(project, key, number) \
         JOIN live_tokens AS l ON l.project = o.project AND l.key = o.key WHERE l.minute * 60000 > $3",
    )
    .bind(projects)
    .bind(keys)
    .bind(at.millis())
    .fetch_all(connection)
    .await?;
    let mut places = Places::default();
    for (number, minute, count) in rows {
        let owner = usize::try_from(number - 1).ok().and_then(|owner| owners.get(owner));
        places.count(owner.expect("an index of what was asked for").clone(), minute, rows::count(count)?);
    }
    Ok(places)
}

/// Counts tokens that were recorded, each bucket once, in the order of the owners.
pub(super) async fn add(connection: &mut PgConnection, tokens: &[Wanted<'_>]) -> Result<(), Error> {
    let mut places = Places::default();
    for token in tokens {
        places.count_one(token);
    }
    let (mut projects, mut keys, mut minutes, mut counts) = (vec![], vec![], vec![], vec![]);
    for (owner, minute, count) in places.iter() {
        let (project, key) = written(owner);
        projects.push(project);
        keys.push(key);
        minutes.push(minute);
        counts.push(i64::try_from(count).unwrap_or(i64::MAX));
    }
    sqlx::query(
        "INSERT INTO live_tokens (project, key, minute, count) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) \
         ON CONFLICT (project, key, minute) DO UPDATE SET count = live_tokens.count + excluded.count",
    )
    .bind(projects)
    .bind(keys)
    .bind(minutes)
    .bind(counts)
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops what is over; tells how many rows that were.
pub(super) async fn forget(connection: &mut PgConnection, until: Timestamp) -> Result<u64, Error> {
    let forgotten = sqlx::query("DELETE FROM live_tokens WHERE minute <= $1 / 60000")
        .bind(until.millis())
        .execute(connection)
        .await?;
    Ok(forgotten.rows_affected())
}

/// Frees the places of what is about to be revoked at this time.
pub(super) async fn free(
    connection: &mut PgConnection,
    entry: &FeedEntry,
    at: Timestamp,
) -> Result<(), Error> {
    if let FeedEntry::Revocation(
        Target::Project { project } | Target::Key { project, .. } | Target::Token { project, .. },
    ) = entry
    {
        take_turn(connection, &BTreeSet::from([project])).await?;
    }
    match entry {
        FeedEntry::Revocation(Target::All) => clear(connection, None).await,
        FeedEntry::Revocation(Target::Project { project }) => clear(connection, Some(project)).await,
        FeedEntry::Revocation(Target::Key { project, key }) => free_key(connection, project, key).await,
        FeedEntry::Revocation(Target::Token { project, jti }) => {
            let revoked: Option<i64> = sqlx::query_scalar(
                "SELECT position FROM feed WHERE kind = 'token' AND project = $1 AND entry = $2 LIMIT 1",
            )
            .bind(project.as_str())
            .bind(json(entry))
            .fetch_optional(&mut *connection)
            .await?;
            if revoked.is_none() { take_away(connection, (project, None), jti, at).await } else { Ok(()) }
        }
        // Of a token the log knows neither the signing key nor what kind of subject it has: these
        // places are free when the tokens would have ended.
        FeedEntry::Revocation(Target::Subject { .. } | Target::SigningKey { .. }) | FeedEntry::Changed(_) => {
            Ok(())
        }
    }
}

/// Forgets all counts of a project, or of all.
async fn clear(connection: &mut PgConnection, project: Option<&ProjectId>) -> Result<(), Error> {
    sqlx::query("DELETE FROM live_tokens WHERE project = coalesce($1, project)")
        .bind(project.map(ProjectId::as_str))
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes what is counted of a key from its project, and forgets it.
async fn free_key(connection: &mut PgConnection, project: &ProjectId, key: &KeyId) -> Result<(), Error> {
    sqlx::query(
        "UPDATE live_tokens AS p SET count = greatest(0, p.count - k.count) FROM live_tokens AS k \
         WHERE p.project = $1 AND p.key = '' AND k.project = $1 AND k.key = $2 AND k.minute = p.minute",
    )
    .bind(project.as_str())
    .bind(key.as_str())
    .execute(&mut *connection)
    .await?;
    forget_key(connection, project, key).await
}

async fn forget_key(connection: &mut PgConnection, project: &ProjectId, key: &KeyId) -> Result<(), Error> {
    sqlx::query("DELETE FROM live_tokens WHERE project = $1 AND key = $2")
        .bind(project.as_str())
        .bind(key.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes one token away, if it is counted: of this project and, if one is named, this key.
async fn take_away(
    connection: &mut PgConnection,
    (project, key): (&ProjectId, Option<&KeyId>),
    jti: &TokenId,
    at: Timestamp,
) -> Result<(), Error> {
    let counted: Option<(String, i64)> = sqlx::query_as(
        "SELECT t.key, l.minute FROM issued_tokens AS t \
         JOIN live_tokens AS l ON l.project = t.project AND l.key = t.key \
           AND l.minute = (t.expires_at + 59999) / 60000 \
         WHERE t.jti = $1 AND t.project = $2 AND t.key = coalesce($3, t.key) AND t.expires_at > $4",
    )
    .bind(jti.as_bytes().as_slice())
    .bind(project.as_str())
    .bind(key.map(KeyId::as_str))
    .bind(at.millis())
    .fetch_optional(&mut *connection)
    .await?;
    let Some((key, minute)) = counted else { return Ok(()) };
    // Killed with its key or project before, it is not counted any more.
    if jti.as_bytes() < first_of(killed_at(connection, project, &key).await?).as_bytes() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE live_tokens SET count = greatest(0, count - 1) \
         WHERE project = $1 AND key IN ($2, '') AND minute = $3",
    )
    .bind(project.as_str())
    .bind(key)
    .bind(minute)
    .execute(connection)
    .await?;
    Ok(())
}

/// When all tokens of a key were killed last.
async fn killed_at(
    connection: &mut PgConnection,
    project: &ProjectId,
    key: &str,
) -> Result<Timestamp, Error> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT max(published_at) FROM feed WHERE kind IN ('all', 'project', 'key') \
           AND (kind = 'all' OR project = $1 AND (kind = 'project' OR entry::json ->> 'key' = $2))",
    )
    .bind(project.as_str())
    .bind(key)
    .fetch_one(connection)
    .await?;
    Ok(Timestamp::from_millis(at.unwrap_or_default()))
}

/// A key is about to get another limit: counts what lives, if it is not counted for its project
/// already, or forgets what nobody asks for any more.
pub(super) async fn limit_key(
    connection: &mut PgConnection,
    key: &KeyId,
    limit: Option<NonZeroU32>,
    at: Timestamp,
) -> Result<(), Error> {
    let (project, had, counts): (String, bool, bool) = sqlx::query_as(
        "SELECT p.id, k.live_tokens IS NOT NULL, p.live_tokens IS NOT NULL \
         FROM api_keys AS k JOIN projects AS p ON p.id = k.project WHERE k.id = $1",
    )
    .bind(key.as_str())
    .fetch_one(&mut *connection)
    .await?;
    let project = rows::project(&project)?;
    take_turn(connection, &BTreeSet::from([&project])).await?;
    match (had, limit) {
        _ if counts => Ok(()),
        (false, Some(_)) => count_what_lives(connection, &project, Some(key), at).await,
        (true, None) => forget_key(connection, &project, key).await,
        _ => Ok(()),
    }
}

/// Gives a project another limit, likewise.
pub(super) async fn limit_project(
    connection: &mut PgConnection,
    project: &ProjectId,
    limit: Option<NonZeroU32>,
    at: Timestamp,
) -> Result<(), Error> {
    take_turn(connection, &BTreeSet::from([project])).await?;
    let had: bool = sqlx::query_scalar("SELECT live_tokens IS NOT NULL FROM projects WHERE id = $1")
        .bind(project.as_str())
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("UPDATE projects SET live_tokens = $2 WHERE id = $1")
        .bind(project.as_str())
        .bind(stored(limit))
        .execute(&mut *connection)
        .await?;
    match (had, limit) {
        (false, Some(_)) => {
            clear(connection, Some(project)).await?;
            count_what_lives(connection, project, None, at).await?;
            add_up(connection, project).await
        }
        (true, None) => forget_unlimited(connection, project).await,
        _ => Ok(()),
    }
}

/// Counts, by key, what lives of a project or of one key of it; nothing of it was counted so far.
async fn count_what_lives(
    connection: &mut PgConnection,
    project: &ProjectId,
    key: Option<&KeyId>,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "WITH killed (key, jti) AS (\
           SELECT entry::json ->> 'key', decode(lpad(to_hex(max(published_at)), 12, '0'), 'hex') FROM feed \
           WHERE kind IN ('all', 'project', 'key') AND (kind = 'all' OR project = $1) GROUP BY 1) \
         INSERT INTO live_tokens (project, key, minute, count) \
         SELECT t.project, t.key, (t.expires_at + 59999) / 60000, count(*) FROM issued_tokens AS t \
         LEFT JOIN killed AS own ON own.key = t.key LEFT JOIN killed AS every ON every.key IS NULL \
         WHERE t.jti >= $3 AND t.project = $1 AND t.key = coalesce($2, t.key) AND t.expires_at > $4 \
           AND t.jti >= coalesce(own.jti, ''::bytea) AND t.jti >= coalesce(every.jti, ''::bytea) \
         GROUP BY 1, 2, 3",
    )
    .bind(project.as_str())
    .bind(key.map(KeyId::as_str))
    .bind(first_of(at.before(LONGEST)).as_bytes().as_slice())
    .bind(at.millis())
    .execute(&mut *connection)
    .await?;
    let revoked: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT entry::json ->> 'jti' FROM feed WHERE kind = 'token' AND project = $1 AND ends_at > $2",
    )
    .bind(project.as_str())
    .bind(at.millis())
    .fetch_all(&mut *connection)
    .await?;
    for jti in &revoked {
        take_away(connection, (project, key), &rows::revoked_token(jti)?, at).await?;
    }
    Ok(())
}

/// Makes a project's own counts the sums of its keys'.
async fn add_up(connection: &mut PgConnection, project: &ProjectId) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO live_tokens (project, key, minute, count) \
         SELECT project, '', minute, sum(count)::bigint FROM live_tokens WHERE project = $1 GROUP BY project, minute",
    )
    .bind(project.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the project's own counts, and those of its keys that have no limit.
async fn forget_unlimited(connection: &mut PgConnection, project: &ProjectId) -> Result<(), Error> {
    sqlx::query(
        "DELETE FROM live_tokens WHERE project = $1 AND key NOT IN (\
           SELECT id FROM api_keys WHERE project = $1 AND live_tokens IS NOT NULL)",
    )
    .bind(project.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// As an owner is stored.
fn written((project, key): &Owner) -> (&str, &str) {
    (project.as_str(), key.as_ref().map_or("", KeyId::as_str))
}

fn json(rows: &impl serde::Serialize) -> String {
    serde_json::to_string(rows).expect("texts and numbers are JSON")
}

//! The counts of live tokens: kept for each key that a limit concerns, its own or its project's,
//! and for each project that has one.

use std::num::NonZeroU32;
use std::time::Duration;

use portcullis_guard::revocation::KEPT_AFTER_EXPIRY;
use sqlx::SqliteConnection;

use crate::domain::api_key::LONGEST_LIFETIME_SECS;
use crate::domain::quota::{Owner, Places, Wanted};
use crate::domain::{FeedDraft, FeedEntry, KeyId, ProjectId, Target, Timestamp, TokenId};
use crate::store::error::Error;
use crate::store::rows;

use crate::store::first_of;

/// No token that was minted longer ago lives; with what clocks may differ by.
const LONGEST: Duration = Duration::from_secs(LONGEST_LIFETIME_SECS as u64 + 60);

/// What is counted of these owners and not over at this time.
pub(super) async fn of(
    connection: &mut SqliteConnection,
    owners: &[Owner],
    at: Timestamp,
) -> Result<Places, Error> {
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT o.key, l.minute, l.count FROM json_each($1) AS o \
         CROSS JOIN live_tokens AS l ON l.project = o.value ->> 0 AND l.key = o.value ->> 1 \
         WHERE l.minute * 60000 > $2",
    )
    .bind(json(&owners.iter().map(written).collect::<Vec<_>>()))
    .bind(at.millis())
    .fetch_all(connection)
    .await?;
    let mut places = Places::default();
    for (owner, minute, count) in rows {
        let owner = usize::try_from(owner).ok().and_then(|owner| owners.get(owner));
        places.count(owner.expect("an index of what was asked for").clone(), minute, rows::count(count)?);
    }
    Ok(places)
}

/// Counts tokens that were recorded, each bucket once, in the order of the owners.
pub(super) async fn add(connection: &mut SqliteConnection, tokens: &[Wanted<'_>]) -> Result<(), Error> {
    let mut places = Places::default();
    for token in tokens {
        places.count_one(token);
    }
    let rows: Vec<_> = places.iter().map(|(owner, minute, count)| (written(owner), minute, count)).collect();
    sqlx::query(
        "INSERT INTO live_tokens (project, key, minute, count) \
         SELECT value ->> '$[0][0]', value ->> '$[0][1]', value ->> 1, value ->> 2 FROM json_each($1) WHERE TRUE \
         ON CONFLICT (project, key, minute) DO UPDATE SET count = count + excluded.count",
    )
    .bind(json(&rows))
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops what is over; tells how many rows that were.
pub(super) async fn forget(connection: &mut SqliteConnection, until: Timestamp) -> Result<u64, Error> {
    let forgotten = sqlx::query("DELETE FROM live_tokens WHERE minute <= $1 / 60000")
        .bind(until.millis())
        .execute(connection)
        .await?;
    Ok(forgotten.rows_affected())
}

/// Frees the places of what is about to be revoked at this time.
pub(super) async fn free(
    connection: &mut SqliteConnection,
    draft: &FeedDraft,
    at: Timestamp,
) -> Result<(), Error> {
    match &draft.entry {
        FeedEntry::Revocation(Target::All) => clear(connection, None).await,
        FeedEntry::Revocation(Target::Project { project }) => clear(connection, Some(project)).await,
        FeedEntry::Revocation(Target::Key { project, key }) => free_key(connection, project, key).await,
        FeedEntry::Revocation(Target::Token { project, jti }) => {
            // Its end finds it among all revoked tokens: it is the same each time.
            let revoked: Option<i64> = sqlx::query_scalar(
                "SELECT 1 FROM feed \
                 WHERE kind = 'token' AND project = $1 AND ends_at = $2 AND entry = $3 LIMIT 1",
            )
            .bind(project.as_str())
            .bind(draft.ends.at(at).map(Timestamp::millis))
            .bind(json(&draft.entry))
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
async fn clear(connection: &mut SqliteConnection, project: Option<&ProjectId>) -> Result<(), Error> {
    sqlx::query("DELETE FROM live_tokens WHERE project = coalesce($1, project)")
        .bind(project.map(ProjectId::as_str))
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes what is counted of a key from its project, and forgets it.
async fn free_key(connection: &mut SqliteConnection, project: &ProjectId, key: &KeyId) -> Result<(), Error> {
    sqlx::query(
        "UPDATE live_tokens SET count = max(0, live_tokens.count - k.count) FROM live_tokens AS k \
         WHERE live_tokens.project = $1 AND live_tokens.key = '' \
           AND k.project = $1 AND k.key = $2 AND k.minute = live_tokens.minute",
    )
    .bind(project.as_str())
    .bind(key.as_str())
    .execute(&mut *connection)
    .await?;
    forget_key(connection, project, key).await
}

async fn forget_key(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    key: &KeyId,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM live_tokens WHERE project = $1 AND key = $2")
        .bind(project.as_str())
        .bind(key.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes one token away, if it is counted: of this project and, if one is named, this key.
async fn take_away(
    connection: &mut SqliteConnection,
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
        "UPDATE live_tokens SET count = max(0, count - 1) \
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
    connection: &mut SqliteConnection,
    project: &ProjectId,
    key: &str,
) -> Result<Timestamp, Error> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT max(published_at) FROM feed WHERE kind IN ('all', 'project', 'key') \
           AND (kind = 'all' OR project = $1 AND (kind = 'project' OR entry ->> 'key' = $2))",
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
    connection: &mut SqliteConnection,
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
    match (had, limit) {
        _ if counts => Ok(()),
        (false, Some(_)) => count_what_lives(connection, &project, Some(key), at).await,
        (true, None) => forget_key(connection, &project, key).await,
        _ => Ok(()),
    }
}

/// Gives a project another limit, likewise.
pub(super) async fn limit_project(
    connection: &mut SqliteConnection,
    project: &ProjectId,
    limit: Option<NonZeroU32>,
    at: Timestamp,
) -> Result<(), Error> {
    let had: bool = sqlx::query_scalar("SELECT live_tokens IS NOT NULL FROM projects WHERE id = $1")
        .bind(project.as_str())
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("UPDATE projects SET live_tokens = $2 WHERE id = $1")
        .bind(project.as_str())
        .bind(limit.map(NonZeroU32::get))
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
    connection: &mut SqliteConnection,
    project: &ProjectId,
    key: Option<&KeyId>,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "WITH killed (key, jti) AS (\
           SELECT entry ->> 'key', unhex(printf('%012x', max(published_at))) FROM feed \
           WHERE kind IN ('all', 'project', 'key') AND (kind = 'all' OR project = $1) GROUP BY 1) \
         INSERT INTO live_tokens (project, key, minute, count) \
         SELECT t.project, t.key, (t.expires_at + 59999) / 60000, count(*) FROM issued_tokens AS t \
         LEFT JOIN killed AS own ON own.key = t.key LEFT JOIN killed AS every ON every.key IS NULL \
         WHERE t.jti >= $3 AND t.project = $1 AND t.key = coalesce($2, t.key) AND t.expires_at > $4 \
           AND t.jti >= coalesce(own.jti, x'') AND t.jti >= coalesce(every.jti, x'') \
         GROUP BY 1, 2, 3",
    )
    .bind(project.as_str())
    .bind(key.map(KeyId::as_str))
    .bind(first_of(at.before(LONGEST)).as_bytes().as_slice())
    .bind(at.millis())
    .execute(&mut *connection)
    .await?;
    let revoked: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT entry ->> 'jti' FROM feed WHERE kind = 'token' AND project = $1 AND ends_at > $2",
    )
    .bind(project.as_str())
    .bind(at.after(KEPT_AFTER_EXPIRY).millis())
    .fetch_all(&mut *connection)
    .await?;
    for jti in &revoked {
        take_away(connection, (project, key), &rows::revoked_token(jti)?, at).await?;
    }
    Ok(())
}

/// Makes a project's own counts the sums of its keys'.
async fn add_up(connection: &mut SqliteConnection, project: &ProjectId) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO live_tokens (project, key, minute, count) \
         SELECT project, '', minute, sum(count) FROM live_tokens WHERE project = $1 GROUP BY project, minute",
    )
    .bind(project.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the project's own counts, and those of its keys that have no limit.
async fn forget_unlimited(connection: &mut SqliteConnection, project: &ProjectId) -> Result<(), Error> {
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

//! The report on keys that somebody might do without, wholly or in part.
//!
//! What was granted is read from the issuance log, whose only order is time, slice by slice and the newest first,
//! until every permission was found in use, the range is at its end, or enough was read. How far that was is part of
//! the answer: what is said of permissions holds since then and of no time before.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::authority::Reach;
use crate::domain::hygiene::{Finding, Neglect, Terms, Unneeded, findings};
use crate::domain::{Catalogue, KeyId, KeyState, Project, ProjectId, RoleName, ScopeSet, Timestamp, TokenId};
use crate::store::{Error, FoundKey, Store, WantedGrants, WantedKeys, first_of, minted_after};

/// So many rows of the log are read at once; nothing waits for them.
const SLICE: u32 = 50_000;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Of whose keys.
    pub within: Reach,
    /// Of this one alone.
    pub key: Option<KeyId>,
    /// What is too long, and what is soon.
    pub terms: Terms,
    /// From when on the log is read,
    pub log_since: Timestamp,
    /// and until when; to its end, if nobody says.
    pub log_until: Option<Timestamp>,
    /// At most so many rows of it.
    pub log_rows: u64,
    /// Only keys after this one.
    pub after: Option<KeyId>,
    /// So many keys are looked at.
    pub limit: u32,
}

/// What is said of some keys.
#[derive(Clone, Debug)]
pub struct Report {
    /// Those of which there is something to say, by id.
    pub keys: Vec<Examined>,
    /// The last key that was looked at, if there are more.
    pub next: Option<KeyId>,
}

/// A key that was looked at.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The key.
    pub found: FoundKey,
    /// What is to be said of it.
    pub findings: Vec<Finding>,
    /// Permissions by which nothing was granted; none, if that cannot be known.
    pub unused: Option<ScopeSet>,
    /// Since when.
    pub since: Timestamp,
}

/// Looks at keys, and at what they were granted.
///
/// # Errors
/// Whatever kept the database from being read.
pub async fn examine(store: &dyn Store, question: &Question) -> Result<Report, Error> {
    let wanted = WantedKeys {
        within: question.within.clone(),
        key: question.key.clone(),
        state: None,
        role: None,
        text: None,
        neglect: Neglect::default(),
        after: question.after.clone(),
        limit: question.limit.saturating_add(1),
    };
    let mut keys = store.find_keys(&wanted).await?;
    let limit = usize::try_from(question.limit).unwrap_or(usize::MAX);
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys.last().filter(|_| more).map(|last| last.key.id.clone());
    keys.retain(|found| found.key.state != KeyState::Deleted);
    let mut unneeded = unneeded(store, &keys, question).await?;
    let since = read_log(store, &mut unneeded, question).await?;
    let examined = keys.into_iter().map(|found| {
        let since = since.max(found.key.created_at);
        let unused = unneeded.remove(&found.key.id).map(|unneeded| unneeded.permissions());
        let findings = findings(&found.life(), unused.as_ref(), &question.terms);
        Examined { found, findings, unused, since }
    });
    Ok(Report { keys: examined.filter(|key| !key.findings.is_empty()).collect(), next })
}

/// What may be unneeded of each key; nothing can be said of one that may have used its permissions without a token.
async fn unneeded(
    store: &dyn Store,
    keys: &[FoundKey],
    question: &Question,
) -> Result<HashMap<KeyId, Unneeded>, Error> {
    let mut around = Around { store, projects: HashMap::new(), roles: HashMap::new() };
    let mut unneeded = HashMap::with_capacity(keys.len());
    for found in keys {
        let (key, details) = (&found.key, &found.key.details);
        let Some((project, catalogue)) = around.project(&key.project).await? else { continue };
        if project.raw_keys && found.last_used.is_some_and(|used| used >= question.log_since) {
            continue;
        }
        let mut permissions = details.permissions.clone();
        if let Some(role) = &details.role {
            permissions.extend(around.role(&key.project, role).await?.iter().cloned());
        }
        unneeded.insert(key.id.clone(), Unneeded::of(&key.project, &permissions, &catalogue));
    }
    Ok(unneeded)
}

/// A project and its catalogue.
type Known = (Arc<Project>, Arc<Catalogue>);

/// What keys of the same project share.
struct Around<'a> {
    store: &'a dyn Store,
    projects: HashMap<ProjectId, Option<Known>>,
    roles: HashMap<(ProjectId, RoleName), Arc<ScopeSet>>,
}

impl Around<'_> {
    async fn project(&mut self, id: &ProjectId) -> Result<Option<Known>, Error> {
        if let Some(known) = self.projects.get(id) {
            return Ok(known.clone());
        }
        let found = match self.store.project(id).await? {
            Some(project) => Some((Arc::new(project), Arc::new(self.store.catalogue(id).await?))),
            None => None,
        };
        self.projects.insert(id.clone(), found.clone());
        Ok(found)
    }

    async fn role(&mut self, project: &ProjectId, name: &RoleName) -> Result<Arc<ScopeSet>, Error> {
        let key = (project.clone(), name.clone());
        if let Some(known) = self.roles.get(&key) {
            return Ok(known.clone());
        }
        let role = self.store.role(project, name).await?;
        let permissions = Arc::new(role.map(|role| role.details.permissions).unwrap_or_default());
        self.roles.insert(key, permissions.clone());
        Ok(permissions)
    }
}

/// Reads the log backwards; tells since when it was read.
async fn read_log(
    store: &dyn Store,
    unneeded: &mut HashMap<KeyId, Unneeded>,
    question: &Question,
) -> Result<Timestamp, Error> {
    // The clocks of servers differ: its end may lie ahead.
    let end = TokenId::from_bytes([0xFF; 16]);
    let (since, mut before) = (question.log_since, question.log_until.map_or(end, first_of));
    let mut left = question.log_rows;
    loop {
        let open = unneeded.iter().filter(|(_, unneeded)| !unneeded.is_settled());
        let keys: Vec<KeyId> = open.map(|(key, _)| key.clone()).collect();
        if keys.is_empty() {
            return Ok(since);
        }
        let rows = u32::try_from(left).unwrap_or(u32::MAX).min(SLICE);
        let found = store.find_grants(&WantedGrants { keys, since, before, rows }).await?;
        for (key, scope) in &found.grants {
            if let Some(unneeded) = unneeded.get_mut(key) {
                unneeded.granted(scope);
            }
        }
        let Some(reached) = found.reached else { return Ok(since) };
        left -= u64::from(rows);
        if left == 0 {
            return Ok(minted_after(reached).max(since));
        }
        before = reached;
    }
}

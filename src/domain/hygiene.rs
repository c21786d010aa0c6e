//! Hygiene: which keys, and which of their permissions, somebody might do without.
//!
//! What is told is what can be known. When a secret was used last is noted to the minute. Which permissions were
//! used only the issuance log tells, by the scopes of the tokens that were minted: it reaches back as far as it is
//! kept, a token that was granted everything counts for everything, and what a key does without a token
//! ([`is_told`]) it does not hold at all.

use std::time::Duration;

use portcullis_guard::{ProjectId, Scope, ScopeSet, Timestamp};

use super::authority;
use super::catalogue::Catalogue;

/// The longest span that is asked about, in days: a hundred years.
pub const MOST_DAYS: u32 = 36_525;

/// Whole days, 1 to [`MOST_DAYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u32);

impl Days {
    /// So many; none outside the range.
    #[must_use]
    pub const fn new(days: u32) -> Option<Self> {
        if days == 0 || days > MOST_DAYS { None } else { Some(Self(days)) }
    }

    /// How many.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// As a span of time.
    #[must_use]
    pub fn span(self) -> Duration {
        Duration::from_hours(24 * u64::from(self.0))
    }
}

/// What is known of a key's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it was made.
    pub created_at: Timestamp,
    /// When one of its secrets was used last, of those too that it no longer has.
    pub last_used: Option<Timestamp>,
    /// From when on nobody can use it: its own end, or that of the last of its secrets.
    pub ends_at: Option<Timestamp>,
}

/// Which keys are looked for, by their life; all of them, if nothing is asked. What is deleted is looked for no more
/// as soon as anything is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neglect {
    /// Those that were made before this time and not used since.
    pub unused_since: Option<Timestamp>,
    /// Those that nobody ever used.
    pub never_used: bool,
    /// Those that end after the one time, and not after the other.
    pub ends_within: Option<(Timestamp, Timestamp)>,
}

impl Neglect {
    /// Whether anything is asked.
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.unused_since.is_some() || self.never_used || self.ends_within.is_some()
    }

    /// Whether a key is one of those that are looked for.
    #[must_use]
    pub fn finds(&self, life: &Life) -> bool {
        let since = |time: Timestamp| life.created_at < time && life.last_used.is_none_or(|used| used < time);
        let within = |(after, until): (Timestamp, Timestamp)| {
            life.ends_at.is_some_and(|end| end > after && end <= until)
        };
        self.unused_since.is_none_or(since)
            && (!self.never_used || life.last_used.is_none())
            && self.ends_within.is_none_or(within)
    }
}

/// What is found of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nobody has used it for long.
    Unused,
    /// Nobody ever used it, although it was made long ago.
    NeverUsed,
    /// It ends soon.
    Expiring,
    /// It holds permissions that it could do without.
    OverBroad,
}

impl Finding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unused, Self::NeverUsed, Self::Expiring, Self::OverBroad];

    /// As it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::NeverUsed => "never_used",
            Self::Expiring => "expiring",
            Self::OverBroad => "over_broad",
        }
    }
}

/// What is too long, and what is soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Nobody may leave a key unused since this time.
    pub unused_since: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// What ends by this time ends soon.
    pub ends_by: Timestamp,
}

/// What is to be said of a key; nothing of most. Without knowledge of its permissions nothing is said of them.
#[must_use]
pub fn findings(life: &Life, unused: Option<&ScopeSet>, terms: &Terms) -> Vec<Finding> {
    let idle = Neglect { unused_since: Some(terms.unused_since), ..Neglect::default() }.finds(life);
    let soon = Neglect { ends_within: Some((terms.now, terms.ends_by)), ..Neglect::default() }.finds(life);
    let said = [
        (idle && life.last_used.is_some(), Finding::Unused),
        (idle && life.last_used.is_none(), Finding::NeverUsed),
        (soon, Finding::Expiring),
        (unused.is_some_and(|unused| !unused.is_empty()), Finding::OverBroad),
    ];
    said.into_iter().filter(|(holds, _)| *holds).map(|(_, finding)| finding).collect()
}

/// Whether the issuance log tells of the use of a permission: a tenant's key introspects and follows the feed with
/// its secret, without any token.
#[must_use]
pub fn is_told(project: &ProjectId, permission: &Scope) -> bool {
    project.as_str() == ProjectId::ADMINISTRATION || !permission.is_reserved()
}

/// A key's permissions, as far as nothing was found that was granted by them.
#[derive(Debug)]
pub struct Unneeded {
    administrative: bool,
    /// Each with all that it includes.
    left: Vec<(Scope, ScopeSet)>,
}

impl Unneeded {
    /// Nothing was found yet.
    #[must_use]
    pub fn of(project: &ProjectId, permissions: &ScopeSet, catalogue: &Catalogue) -> Self {
        let expanded =
            |scope: &Scope| (scope.clone(), catalogue.expand(&ScopeSet::from_iter([scope.clone()])));
        let told = permissions.iter().filter(|permission| is_told(project, permission));
        let administrative = project.as_str() == ProjectId::ADMINISTRATION;
        Self { administrative, left: told.map(expanded).collect() }
    }

    /// A token was granted this. Whatever permission covers any of it counts as used, also where another one would
    /// have done: so all that is left can be taken away at once, and nothing that was granted is refused.
    pub fn granted(&mut self, scope: &ScopeSet) {
        let administrative = self.administrative;
        let covers = |held: &ScopeSet, wanted: &Scope| {
            held.covers(wanted) || administrative && authority::covers(held, wanted)
        };
        self.left.retain(|(_, held)| !scope.iter().any(|wanted| covers(held, wanted)));
    }

    /// Whether there is nothing left to find out.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.left.is_empty()
    }

    /// What is left.
    #[must_use]
    pub fn permissions(&self) -> ScopeSet {
        self.left.iter().map(|(permission, _)| permission).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + day * 86_400)
    }

    #[test]
    fn a_key_is_unused_once_it_was_there_and_nobody_came() {
        let terms = Terms { unused_since: at(0), now: at(90), ends_by: at(104) };
        let life = |created, last_used: Option<i64>, ends: Option<i64>| Life {
            created_at: at(created),
            last_used: last_used.map(at),
            ends_at: ends.map(at),
        };
        for (life, expected) in [
            (life(-1, Some(-1), None), &[Finding::Unused][..]),
            (life(-1, Some(0), None), &[]),
            (life(-1, None, None), &[Finding::NeverUsed]),
            // Made since: nobody can have left it unused for so long.
            (life(0, None, None), &[]),
            (life(50, Some(60), Some(90)), &[]),
            (life(50, Some(60), Some(91)), &[Finding::Expiring]),
            (life(-9, None, Some(104)), &[Finding::NeverUsed, Finding::Expiring]),
            (life(50, None, Some(105)), &[]),
        ] {
            assert_eq!(findings(&life, None, &terms), expected, "{life:?}");
        }
        let some = "a".parse().unwrap();
        assert_eq!(findings(&life(50, None, None), Some(&some), &terms), [Finding::OverBroad]);
        assert_eq!(findings(&life(50, None, None), Some(&ScopeSet::default()), &terms), []);
    }

    #[test]
    fn what_leaves_no_trace_in_the_log_is_never_called_unused() {
        let permissions = "orders portcullis:introspect portcullis:revocations".parse().unwrap();
        let tenant = "prj_x".parse().unwrap();
        let unneeded = Unneeded::of(&tenant, &permissions, &Catalogue::default());
        assert_eq!(unneeded.permissions().to_string(), "orders");
        let permissions = "portcullis:keys:write portcullis:audit:read".parse().unwrap();
        let administration = ProjectId::administration();
        let mut unneeded = Unneeded::of(&administration, &permissions, &Catalogue::default());
        unneeded.granted(&"portcullis:project:prj_x:keys:read".parse().unwrap());
        assert_eq!(unneeded.permissions().to_string(), "portcullis:audit:read");
    }
}

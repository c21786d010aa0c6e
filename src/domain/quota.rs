//! How many tokens may live at once, of one API key and of one project. Off unless a limit is set.
//!
//! Tokens are counted in buckets: those that end within the same minute are one number. A bucket
//! counts until its minute is over, so a place is free at most a minute later than its token ends,
//! and never earlier.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use portcullis_guard::{KeyId, ProjectId, Timestamp};

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;

/// The limits that a token falls under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveTokenLimits {
    /// How many tokens of its key may live.
    pub key: Option<NonZeroU32>,
    /// How many tokens of its project may live.
    pub project: Option<NonZeroU32>,
}

impl LiveTokenLimits {
    /// Whether there is any: only then tokens are counted.
    #[must_use]
    pub const fn are_set(&self) -> bool {
        self.key.is_some() || self.project.is_some()
    }
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitOf {
    /// The API key's.
    Key,
    /// The project's.
    Project,
}

/// There is no place for another token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaFull {
    /// Whose limit is reached.
    pub limit_of: LimitOf,
    /// When a place is free, if no token comes or goes before.
    pub until: Timestamp,
}

/// The end of the minute in which a token ends, in minutes since 1970: its bucket.
#[must_use]
pub const fn minute_of(expires_at: Timestamp) -> i64 {
    expires_at.millis().saturating_add(MINUTE - 1).div_euclid(MINUTE)
}

/// When this bucket counts no longer.
#[must_use]
pub const fn end_of(minute: i64) -> Timestamp {
    Timestamp::from_millis(minute.saturating_mul(MINUTE))
}

/// Whose tokens are counted together: a key's, or with no key those of a whole project.
pub type Owner = (ProjectId, Option<KeyId>);

/// A token that wants a place.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its project.
    pub project: &'a ProjectId,
    /// Its key.
    pub key: &'a KeyId,
    /// Its limits.
    pub limits: LiveTokenLimits,
    /// When it was minted: what counts is what lives then.
    pub at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The buckets of some owners, as they are counted.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<Owner, BTreeMap<i64, u64>>);

impl Places {
    /// Counts tokens that are there.
    pub fn count(&mut self, owner: Owner, minute: i64, tokens: u64) {
        *self.0.entry(owner).or_default().entry(minute).or_default() += tokens;
    }

    /// Counts one token: for its key, and for its project if that has a limit.
    pub fn count_one(&mut self, token: &Wanted<'_>) {
        let minute = minute_of(token.expires_at);
        self.count((token.project.clone(), Some(token.key.clone())), minute, 1);
        if token.limits.project.is_some() {
            self.count((token.project.clone(), None), minute, 1);
        }
    }

    /// Takes a place for a token, under each of its limits or none.
    ///
    /// # Errors
    /// [`QuotaFull`], the key's limit first.
    pub fn take(&mut self, token: &Wanted<'_>) -> Result<(), QuotaFull> {
        let owners = [
            (LimitOf::Key, token.limits.key, Some(token.key.clone())),
            (LimitOf::Project, token.limits.project, None),
        ];
        for (limit_of, limit, key) in owners {
            let Some(limit) = limit else { continue };
            if let Some(until) = self.full_until(&(token.project.clone(), key), limit, token.at) {
                return Err(QuotaFull { limit_of, until });
            }
        }
        self.count_one(token);
        Ok(())
    }

    /// Every bucket, in the one order in which all engines write them.
    pub fn iter(&self) -> impl Iterator<Item = (&Owner, i64, u64)> {
        self.0
            .iter()
            .flat_map(|(owner, buckets)| buckets.iter().map(move |(minute, count)| (owner, *minute, *count)))
    }

    /// When enough buckets will be over for one token more; none if there is a place now.
    fn full_until(&self, owner: &Owner, limit: NonZeroU32, at: Timestamp) -> Option<Timestamp> {
        let living = || self.0.get(owner).into_iter().flatten().filter(|(minute, _)| end_of(**minute) > at);
        let mut left: u64 = living().map(|(_, count)| count).sum();
        let mut until = None;
        for (minute, count) in living() {
            if left < u64::from(limit.get()) {
                break;
            }
            left -= count;
            until = Some(end_of(*minute));
        }
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    struct Token {
        project: ProjectId,
        key: KeyId,
    }

    impl Token {
        fn of(key: &str) -> Self {
            Self { project: "prj_x".parse().unwrap(), key: key.parse().unwrap() }
        }

        fn wants(&self, limits: (u32, u32), (minted, ends): (i64, i64)) -> Wanted<'_> {
            let limits =
                LiveTokenLimits { key: NonZeroU32::new(limits.0), project: NonZeroU32::new(limits.1) };
            let (project, key) = (&self.project, &self.key);
            Wanted { project, key, limits, at: at(minted), expires_at: at(ends) }
        }
    }

    fn full(limit_of: LimitOf, until: i64) -> Result<(), QuotaFull> {
        Err(QuotaFull { limit_of, until: at(until) })
    }

    #[test]
    fn a_bucket_ends_with_the_minute_in_which_its_tokens_end() {
        for (secs, minute) in [(0, 0), (1, 1), (59, 1), (60, 1), (61, 2), (900, 15)] {
            assert_eq!(minute_of(at(secs)), minute, "{secs}");
            assert!(end_of(minute) >= at(secs));
        }
    }

    #[test]
    fn the_place_of_a_token_is_free_when_its_minute_is_over() {
        let (mut places, token) = (Places::default(), Token::of("k"));
        let take = |places: &mut Places, times| places.take(&token.wants((2, 0), times));
        assert_eq!(take(&mut places, (0, 30)), Ok(()));
        assert_eq!(take(&mut places, (0, 900)), Ok(()));
        assert_eq!(take(&mut places, (0, 900)), full(LimitOf::Key, 60));
        assert_eq!(take(&mut places, (59, 900)), full(LimitOf::Key, 60));
        assert_eq!(take(&mut places, (60, 960)), Ok(()));
        assert_eq!(take(&mut places, (60, 960)), full(LimitOf::Key, 900));
    }

    #[test]
    fn the_projects_limit_counts_all_its_keys_and_a_refused_token_counts_nowhere() {
        let (mut places, one, two) = (Places::default(), Token::of("one"), Token::of("two"));
        assert_eq!(places.take(&one.wants((1, 2), (0, 900))), Ok(()));
        assert_eq!(places.take(&one.wants((1, 2), (0, 900))), full(LimitOf::Key, 900));
        assert_eq!(places.take(&two.wants((9, 2), (0, 60))), Ok(()));
        assert_eq!(places.take(&two.wants((9, 2), (0, 900))), full(LimitOf::Project, 60));
        assert_eq!(places.iter().map(|(_, _, count)| count).sum::<u64>(), 4, "two tokens, twice each");
    }

    /// The limit was lowered: one bucket alone does not make room.
    #[test]
    fn who_is_beyond_the_limit_waits_until_enough_is_over() {
        let (mut places, token) = (Places::default(), Token::of("k"));
        for (minute, count) in [(1, 3), (2, 3), (3, 3)] {
            places.count((token.project.clone(), Some(token.key.clone())), minute, count);
        }
        for (limit, until) in [(9, 60), (7, 60), (6, 120), (4, 120), (3, 180), (1, 180)] {
            assert_eq!(places.take(&token.wants((limit, 0), (0, 900))), full(LimitOf::Key, until), "{limit}");
        }
        assert_eq!(places.take(&token.wants((10, 0), (0, 900))), Ok(()));
    }
}

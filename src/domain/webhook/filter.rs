//! Which events somebody wants to be told of.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::event::{EVENTS, GROUPS};

/// The events that a webhook is sent: types, or all of a group (`key.*`). Empty means: every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter(Vec<Box<str>>);

/// A text that names no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is one of {}, or all of a group: {}", EVENTS.join(", "), groups())]
pub struct InvalidEvent;

fn groups() -> String {
    GROUPS.map(|group| format!("{group}.*")).join(", ")
}

impl EventFilter {
    /// From words, in any order; one that stands twice counts once.
    ///
    /// # Errors
    /// [`InvalidEvent`].
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidEvent> {
        let checked =
            words.into_iter().map(|word| if is_known(word) { Ok(word.into()) } else { Err(InvalidEvent) });
        let mut words: Vec<Box<str>> = checked.collect::<Result<_, _>>()?;
        words.sort();
        words.dedup();
        Ok(Self(words))
    }

    /// Whether an event of this type is among them.
    #[must_use]
    pub fn admits(&self, event: &str) -> bool {
        let is_of = |word: &str| {
            word == event
                || word
                    .strip_suffix('*')
                    .is_some_and(|group| event.len() > group.len() && event.starts_with(group))
        };
        self.0.is_empty() || self.0.iter().any(|word| is_of(word))
    }

    /// The words.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

fn is_known(word: &str) -> bool {
    EVENTS.contains(&word) || word.strip_suffix(".*").is_some_and(|group| GROUPS.contains(&group))
}

/// As it is stored: words divided by single spaces. What a later release has written is kept as it is.
impl FromStr for EventFilter {
    type Err = InvalidEvent;

    fn from_str(raw: &str) -> Result<Self, InvalidEvent> {
        let words = raw.split_ascii_whitespace().map(Into::into).collect();
        Ok(Self(words))
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Serialize for EventFilter {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_admits_what_it_names_and_whole_groups() {
        let filter = |words: &[&str]| EventFilter::new(words.iter().copied()).unwrap();
        for (words, admitted, not) in [
            (&[][..], &["key.block", "leak.report"][..], &[][..]),
            (&["key.block"], &["key.block"], &["key.unblock", "key.block_x", "leak.report"]),
            (&["key.*"], &["key.block", "key.create"], &["secret.add", "key", "key.", "keys.x"]),
            (&["leak.*", "secret.add"], &["leak.report", "secret.add"], &["secret.expire"]),
        ] {
            let filter = filter(words);
            assert!(admitted.iter().all(|event| filter.admits(event)), "{words:?}");
            assert!(not.iter().all(|event| !filter.admits(event)), "{words:?}");
            assert_eq!(filter.to_string().parse(), Ok(filter));
        }
        for wrong in ["", "*", "key", "key.", "key.blocked", "token.*", "key.block key.edit", "KEY.*"] {
            assert_eq!(EventFilter::new([wrong]), Err(InvalidEvent), "{wrong}");
        }
        assert_eq!(filter(&["key.edit", "key.block", "key.edit"]).to_string(), "key.block key.edit");
    }
}

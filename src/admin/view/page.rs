//! A list, or a part of it.

use serde::{Deserialize, Serialize};

/// A list, or a part of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// How to ask for the next part; none if this is the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that has no parts.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// The same, with the name of its last item where something else said that there is more.
    #[must_use]
    pub fn named(self, name: impl FnOnce(&T) -> String) -> Self {
        let next = self.next.and(self.items.last().map(name));
        Self { next, ..self }
    }

    /// The first `limit` of `items`, of which one more was asked for.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: u32, name: impl FnOnce(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(name);
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_last_item_only_if_there_is_more() {
        let page = |items: &[u32], limit| Page::cut(items.to_vec(), limit, u32::to_string).next;
        assert_eq!(page(&[1, 2, 3], 2), Some("2".to_owned()));
        assert_eq!(page(&[1, 2], 2), None);
        assert_eq!(page(&[], 2), None);
    }
}

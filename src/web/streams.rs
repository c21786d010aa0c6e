//! How many streams each API key has open, so that one key cannot hold every connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::KeyId;

/// The most streams of the feed of one key at one node. A fortieth of the connections that a node serves at most: room
/// for the replicas of a large service behind one key, and for many such services.
pub const STREAMS_PER_KEY: usize = 250;

/// The most exports and followers of the audit log of one administrator's key at one node. Administrators have
/// places of their own, and not many.
pub const AUDIT_STREAMS_PER_KEY: usize = 8;

/// The open streams of this node, of one kind.
#[derive(Debug)]
pub struct Streams {
    most: usize,
    open: Mutex<HashMap<KeyId, usize>>,
}

/// A stream that counts until this is dropped, however it ends.
#[derive(Debug)]
pub struct OpenStream {
    streams: Arc<Streams>,
    key: KeyId,
}

impl Default for Streams {
    fn default() -> Self {
        Self::at_most(STREAMS_PER_KEY)
    }
}

impl Streams {
    /// So many of one key.
    #[must_use]
    pub fn at_most(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    /// A place for one more stream of this key; none if it has as many as it may.
    #[must_use]
    pub fn open(self: &Arc<Self>, key: &KeyId) -> Option<OpenStream> {
        let mut open = self.lock();
        let count = open.entry(key.clone()).or_default();
        if *count == self.most {
            return None;
        }
        *count += 1;
        Some(OpenStream { streams: self.clone(), key: key.clone() })
    }

    /// How many are open, of all keys.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        // A key without streams leaves nothing behind.
        match open.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_streams_and_gets_back_what_it_lets_go() {
        let (streams, key, other) =
            (Arc::new(Streams::default()), "a".parse().unwrap(), "b".parse().unwrap());
        let mut open: Vec<_> = (0..STREAMS_PER_KEY).map(|_| streams.open(&key).unwrap()).collect();
        assert!(streams.open(&key).is_none());
        let another = streams.open(&other).unwrap();
        open.pop();
        assert_eq!(streams.count(), STREAMS_PER_KEY);
        assert!(streams.open(&key).is_some(), "and it is let go again");
        drop((open, another));
        assert_eq!((streams.count(), streams.lock().len()), (0, 0));
    }
}

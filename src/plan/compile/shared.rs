//! What compiled stages share: found again by its key for as long as a stage has it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Weak};

/// A long text as a key: its hash. Whoever finds something by it has to see whether it is of that text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextKey(u64);

impl TextKey {
    pub fn of(text: &str, hasher: &RandomState) -> TextKey {
        TextKey(hasher.hash_one(text))
    }
}

/// Values by key, held by those who use them. Keys of values that nobody uses any more are forgotten when as many have
/// come as were in use the last time: there are never more than twice those in use, and a few.
pub struct Shared<K, V> {
    known: HashMap<K, Weak<V>>,
    forget_at: usize,
}

/// Below this it is not worth looking.
const FORGET_AT_MIN: usize = 64;

impl<K, V> Default for Shared<K, V> {
    fn default() -> Shared<K, V> {
        Shared { known: HashMap::new(), forget_at: FORGET_AT_MIN }
    }
}

impl<K: Eq + Hash, V> Shared<K, V> {
    pub fn find<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.known.get(key)?.upgrade()
    }

    pub fn insert(&mut self, key: K, value: &Arc<V>) {
        if self.known.len() >= self.forget_at {
            self.known.retain(|_, value| value.strong_count() > 0);
            self.forget_at = (self.known.len() * 2).max(FORGET_AT_MIN);
        }
        self.known.insert(key, Arc::downgrade(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_is_forgotten() {
        let mut shared = Shared::default();
        let kept: Vec<_> = (0..100).map(Arc::new).collect();
        for value in &kept {
            shared.insert(**value, value);
        }
        for number in 100..10_000 {
            shared.insert(number, &Arc::new(number));
            assert!(shared.known.len() <= 2 * kept.len() + FORGET_AT_MIN, "{}", shared.known.len());
        }
        assert!(kept.iter().all(|value| shared.find(&**value).is_some_and(|found| Arc::ptr_eq(&found, value))));
        assert!(shared.find(&9_999).is_none());
    }
}

//! What shards share by an identity: whoever asks for it again gets the one that there is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// It knows what it gave out, it does not keep it: each is gone with the last plan that has it. So it holds at most twice
/// as many names as there are living ones, and 16.
///
/// It takes a lock; for when a plan is adopted. A new plan's have to be asked for before the old plan's are let go.
#[derive(Debug)]
pub struct Registry<T>(Mutex<Known<T>>);

#[derive(Debug)]
struct Known<T> {
    known: HashMap<Box<str>, Weak<T>>,
    /// How many were alive when the dead were last removed.
    alive: usize,
}

impl<T> Default for Registry<T> {
    fn default() -> Registry<T> {
        Registry(Mutex::new(Known { known: HashMap::new(), alive: 0 }))
    }
}

impl<T> Registry<T> {
    /// The one that others have, or a new one.
    pub fn find_or(&self, identity: &str, new: impl FnOnce() -> T) -> Arc<T> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = inner.known.get(identity).and_then(Weak::upgrade) {
            return found;
        }
        let made = Arc::new(new());
        inner.known.insert(identity.into(), Arc::downgrade(&made));
        if inner.known.len() > 2 * inner.alive + 16 {
            inner.known.retain(|_, one| one.strong_count() > 0);
            inner.alive = inner.known.len();
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_dead_do_not_pile_up() {
        let registry = Registry::default();
        let kept: Vec<_> = (0..100).map(|number| registry.find_or(&format!("kept {number}"), || number)).collect();
        for number in 0..10_000 {
            registry.find_or(&format!("passing {number}"), || number);
        }
        let names = registry.0.lock().expect("nobody panicked").known.len();
        assert!(names <= 2 * kept.len() + 17, "{names}");
        assert!(Arc::ptr_eq(&kept[7], &registry.find_or("kept 7", || 0)));
    }
}

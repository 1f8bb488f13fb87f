//! How many at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::step;

/// Counts what is under way, over all cores. On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Concurrency(AtomicU32);

/// One that is under way, until it is dropped.
#[derive(Debug)]
#[must_use = "dropped, it is no longer under way"]
pub struct Entered(Arc<Concurrency>);

impl Concurrency {
    pub fn new() -> Concurrency {
        Concurrency::default()
    }

    /// Enters if fewer than `max` are under way.
    pub fn try_enter(self: &Arc<Concurrency>, max: u32) -> Option<Entered> {
        step();
        let one_more = |count| (count < max).then(|| count + 1);
        // Relaxed: the count stands for itself, no other memory is read by its word.
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Entered(Arc::clone(self)))
    }

    pub fn under_way(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_so_many_are_under_way() {
        let concurrency = Arc::new(Concurrency::new());
        let first = concurrency.try_enter(2).expect("nobody is there");
        let second = concurrency.try_enter(2).expect("one is there");
        assert!(concurrency.try_enter(2).is_none());
        drop(first);
        assert!(concurrency.try_enter(1).is_none(), "the number may change");
        assert!(concurrency.try_enter(2).is_some());
        drop(second);
        assert_eq!(concurrency.under_way(), 0);
        assert!(concurrency.try_enter(0).is_none());
    }

    #[test]
    fn threads_never_exceed_it() {
        let concurrency = Arc::new(Concurrency::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let entered = concurrency.try_enter(2);
                        assert!(entered.is_none() || concurrency.under_way() <= 2);
                    }
                });
            }
        });
        assert_eq!(concurrency.under_way(), 0);
    }
}

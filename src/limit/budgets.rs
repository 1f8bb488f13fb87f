//! Every budget by its identity, so that a limit keeps its state when the configuration around it changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::budget::Budget;
use super::rate::Rate;

/// The registry. It knows budgets, it does not keep them: one is gone when the last plan that has it is. So it holds at
/// most twice as many names as there are budgets, and 16.
#[derive(Debug)]
pub struct Budgets {
    shards: u32,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    budgets: HashMap<Box<str>, Weak<Budget>>,
    /// How many were alive when the dead were last removed.
    alive: usize,
}

impl Budgets {
    /// For so many shards.
    pub fn new(shards: u32) -> Budgets {
        Budgets { shards, known: Mutex::default() }
    }

    /// The budget of this identity, with this rate from now on: the one that others have, or a new, full one.
    ///
    /// Takes a lock; for when a plan is adopted. A new plan's budgets have to be asked for before the old plan's are let go.
    pub fn budget(&self, identity: &str, rate: Rate, now_ns: u64) -> Arc<Budget> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = known.budgets.get(identity).and_then(Weak::upgrade) {
            budget.set_rate(rate, now_ns);
            return budget;
        }
        let budget = Arc::new(Budget::new(rate, self.shards));
        known.budgets.insert(identity.into(), Arc::downgrade(&budget));
        if known.budgets.len() > 2 * known.alive + 16 {
            known.budgets.retain(|_, budget| budget.strong_count() > 0);
            known.alive = known.budgets.len();
        }
        budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(burst_limit: i32) -> Rate {
        Rate::new(1.0, burst_limit).expect("a rate")
    }

    #[test]
    fn an_identity_keeps_its_budget_and_takes_the_newest_rate() {
        let budgets = Budgets::new(2);
        let first = budgets.budget("stage a", rate(5), 0);
        let again = budgets.budget("stage a", rate(3), 0);
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(first.rate(), rate(3));
        assert!(!Arc::ptr_eq(&first, &budgets.budget("stage b", rate(5), 0)));
    }

    #[test]
    fn names_of_the_dead_do_not_pile_up() {
        let budgets = Budgets::new(2);
        let kept: Vec<_> = (0..100).map(|number| budgets.budget(&format!("kept {number}"), rate(5), 0)).collect();
        for number in 0..10_000 {
            budgets.budget(&format!("passing {number}"), rate(5), 0);
        }
        let names = budgets.known.lock().expect("nobody panicked").budgets.len();
        assert!(names <= 2 * kept.len() + 17, "{names}");
        assert!(Arc::ptr_eq(&kept[7], &budgets.budget("kept 7", rate(5), 0)));
    }
}

//! Every budget by its identity, so that a limit keeps its state when the configuration around it changes.

use std::sync::Arc;

use super::budget::Budget;
use super::rate::Rate;
use super::registry::Registry;

#[derive(Debug)]
pub struct Budgets {
    shards: u32,
    known: Registry<Budget>,
}

impl Budgets {
    /// For so many shards.
    pub fn new(shards: u32) -> Budgets {
        Budgets { shards, known: Registry::default() }
    }

    /// The budget of this identity, with this rate from now on: the one that others have, or a new, full one.
    pub fn budget(&self, identity: &str, rate: Rate, now_ns: u64) -> Arc<Budget> {
        let budget = self.known.find_or(identity, || Budget::new(rate, self.shards));
        budget.set_rate(rate, now_ns);
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
}

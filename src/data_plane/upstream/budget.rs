//! How many retries there may be: a share of the requests of the last ten seconds, rounded up. An upstream that is down
//! gets a little more than its usual load then, and not a multiple of it.

use super::window::Window;

const WINDOW_MS: u32 = 10_000;

pub struct Budget(Window);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Window::new(WINDOW_MS))
    }
}

impl Budget {
    /// Counts a request, not its retries.
    pub fn request(&mut self, now_ms: u64) {
        self.0.add(now_ms, 1, 0);
    }

    /// Takes a retry from the budget, where there is one.
    pub fn retry(&mut self, percent: u32, now_ms: u64) -> bool {
        let (requests, retries) = self.0.sums(now_ms);
        let allowed = retries < (requests * u64::from(percent)).div_ceil(100);
        if allowed {
            self.0.add(now_ms, 0, 1);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many requests that all want to be sent again, how many are.
    #[track_caller]
    fn check(requests: u32, percent: u32, expected: usize) {
        let mut budget = Budget::default();
        (0..requests).for_each(|_| budget.request(0));
        assert_eq!((0..requests).filter(|_| budget.retry(percent, 0)).count(), expected, "{requests} {percent}");
    }

    #[test]
    fn retries_are_a_share_of_the_requests_rounded_up() {
        check(0, 20, 0);
        check(1, 20, 1);
        check(5, 20, 1);
        check(6, 20, 2);
        check(100, 20, 20);
        check(100, 100, 100);
        check(1000, 1, 10);
    }

    #[test]
    fn the_budget_is_of_the_last_seconds() {
        let mut budget = Budget::default();
        (0..10).for_each(|_| budget.request(0));
        assert!(budget.retry(10, 5_000));
        assert!(!budget.retry(10, 5_000));
        budget.request(11_000);
        assert!(!budget.retry(10, 11_000), "the retry still counts, the requests before it do not");
        budget.request(15_000);
        assert!(budget.retry(10, 15_000));
    }
}

//! The search for the highest rate at which a condition holds: doubling until it fails, then halving what is between.

/// Bounds and what is known so far. The caller tries [`Search::next`]'s rate and tells [`Search::tried`] how it went.
#[derive(Clone, Debug)]
pub struct Search {
    rate_min: f64,
    rate_max: f64,
    precision: f64,
    /// The highest rate that passed, the lowest that failed.
    passed: Option<f64>,
    failed: Option<f64>,
}

impl Search {
    /// `precision` is the share by which the two bounds may differ in the end, such as 0.05.
    pub fn new(rate_min: f64, rate_max: f64, precision: f64) -> Search {
        Search { rate_min, rate_max, precision, passed: None, failed: None }
    }

    /// The rate to try; `None` when the answer is known.
    pub fn next(&self) -> Option<f64> {
        match (self.passed, self.failed) {
            (None, None) => Some(self.rate_min),
            (None, Some(_)) => None,
            (Some(passed), None) if passed >= self.rate_max => None,
            (Some(passed), None) => Some((passed * 2.0).min(self.rate_max)),
            (Some(passed), Some(failed)) if failed <= passed * (1.0 + self.precision) => None,
            (Some(passed), Some(failed)) => Some((passed + failed) / 2.0),
        }
    }

    pub fn tried(&mut self, rate: f64, passed: bool) {
        if passed {
            self.passed = Some(self.passed.map_or(rate, |known| known.max(rate)));
        } else {
            self.failed = Some(self.failed.map_or(rate, |known| known.min(rate)));
        }
    }

    /// The highest rate that passed, and the lowest that failed.
    pub fn found(&self) -> (Option<f64>, Option<f64>) {
        (self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches with a server that holds up to `capacity`; the trials and what was found.
    fn search(rate_min: f64, rate_max: f64, capacity: f64) -> (usize, Option<f64>, Option<f64>) {
        let mut search = Search::new(rate_min, rate_max, 0.05);
        let mut trials = 0;
        while let Some(rate) = search.next() {
            search.tried(rate, rate <= capacity);
            trials += 1;
            assert!(trials < 50, "the search does not end");
        }
        let (passed, failed) = search.found();
        (trials, passed, failed)
    }

    #[test]
    fn finds_the_capacity_within_the_precision() {
        for capacity in [1_000.0, 1_234.0, 77_000.0, 999_000.0] {
            let (trials, passed, failed) = search(1_000.0, 1_000_000.0, capacity);
            let (passed, failed) = (passed.unwrap(), failed.unwrap());
            assert!(passed <= capacity && capacity < failed, "{passed} {capacity} {failed}");
            assert!(failed <= passed * 1.05);
            assert!(trials <= 20, "{trials} trials for {capacity}");
        }
    }

    #[test]
    fn says_so_when_the_bounds_do_not_hold_it() {
        assert_eq!(search(1_000.0, 4_000.0, 10.0), (1, None, Some(1_000.0)));
        assert_eq!(search(1_000.0, 4_000.0, 1e9), (3, Some(4_000.0), None));
    }
}

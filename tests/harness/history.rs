//! Whether what passed a limit is within it, over every window.

/// Something that passed, from when it was asked for to when that was known. Both are the same where time is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    pub start_ns: u64,
    pub end_ns: u64,
}

impl Passed {
    pub fn at(ns: u64) -> Passed {
        Passed { start_ns: ns, end_ns: ns }
    }
}

/// A window in which more passed than is due.
#[derive(Debug, PartialEq)]
pub struct Excess {
    pub start_ns: u64,
    pub end_ns: u64,
    pub passed: usize,
    pub due: f64,
}

/// Checks that in every window from s to t at most `burst + rate × (t − s)` passed, counting what began at s or later
/// and ended at t or earlier: that was certainly let through within the window.
///
/// It is enough to look at windows from a start to an end. They are taken in the order of their ends; a tree over the
/// starts has for each the number that began there or later, plus the rate times its moment, and knows the largest sum.
/// So a history of n takes `n × log n` steps.
pub fn check_history(passed: &[Passed], rate_limit: f64, burst: u32) -> Result<(), Excess> {
    let mut starts: Vec<u64> = passed.iter().map(|one| one.start_ns).collect();
    starts.sort_unstable();
    starts.dedup();
    let Some(origin) = starts.first().copied() else {
        return Ok(());
    };
    let tokens = |from_ns: u64, to_ns: u64| rate_limit * (to_ns - from_ns) as f64 / 1e9;
    let mut tree = Tree::new(&starts.iter().map(|start| tokens(origin, *start)).collect::<Vec<_>>());
    let mut by_end = passed.to_vec();
    by_end.sort_unstable_by_key(|one| one.end_ns);
    for one in &by_end {
        let start = starts.partition_point(|start| *start < one.start_ns);
        let largest = tree.add_one(start);
        // A millionth of a token for the rounding of doubles.
        if largest - tokens(origin, one.end_ns) > f64::from(burst) + 1e-6 {
            return Err(worst(passed, &starts, one.end_ns, &tokens, burst));
        }
    }
    Ok(())
}

fn worst(passed: &[Passed], starts: &[u64], end_ns: u64, tokens: &dyn Fn(u64, u64) -> f64, burst: u32) -> Excess {
    let windows = starts.iter().filter(|start| **start <= end_ns).map(|start| {
        let within = |one: &&Passed| one.start_ns >= *start && one.end_ns <= end_ns;
        let due = f64::from(burst) + tokens(*start, end_ns);
        Excess { start_ns: *start, end_ns, passed: passed.iter().filter(within).count(), due }
    });
    let excess = |window: &Excess| window.passed as f64 - window.due;
    windows.max_by(|one, other| excess(one).total_cmp(&excess(other))).expect("there is a start before each end")
}

/// Sums with a base each; adding one at a place raises all up to it. The largest sum is at the root.
struct Tree {
    leaves: usize,
    bases: Vec<f64>,
    /// For a node: how many were added below it, and its largest sum of what is below it alone.
    nodes: Vec<(f64, f64)>,
}

impl Tree {
    fn new(bases: &[f64]) -> Tree {
        let leaves = bases.len().next_power_of_two();
        // What nothing was added to need not be a window's beginning: a later one gives as much in less time.
        Tree { leaves, bases: bases.to_vec(), nodes: vec![(0.0, f64::NEG_INFINITY); 2 * leaves] }
    }

    /// Adds one at a place and gives the largest sum.
    fn add_one(&mut self, place: usize) -> f64 {
        let mut node = self.leaves + place;
        let added = self.nodes[node].0 + 1.0;
        self.nodes[node] = (added, self.bases[place] + added);
        while node > 1 {
            node /= 2;
            let ((left_added, left), (right_added, right)) = (self.nodes[2 * node], self.nodes[2 * node + 1]);
            self.nodes[node] = (left_added + right_added, right.max(left + right_added));
        }
        self.nodes[1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(passed: &[(u64, u64)], rate_limit: f64, burst: u32, expected: bool) {
        let one = |(start_ns, end_ns): &(u64, u64)| Passed { start_ns: *start_ns, end_ns: *end_ns };
        let passed: Vec<_> = passed.iter().map(one).collect();
        assert_eq!(check_history(&passed, rate_limit, burst).is_ok(), expected, "{passed:?}");
        assert_eq!(plainly(&passed, rate_limit, burst), expected, "{passed:?}");
    }

    /// Every window, one by one.
    fn plainly(passed: &[Passed], rate_limit: f64, burst: u32) -> bool {
        passed.iter().all(|first| {
            passed.iter().filter(|last| last.end_ns >= first.start_ns).all(|last| {
                let (start, end) = (first.start_ns, last.end_ns);
                let count = passed.iter().filter(|one| one.start_ns >= start && one.end_ns <= end).count();
                count as f64 <= f64::from(burst) + rate_limit * (end - start) as f64 / 1e9 + 1e-6
            })
        })
    }

    #[test]
    fn every_window_is_looked_at() {
        const S: u64 = 1_000_000_000;
        check(&[], 1.0, 0, true);
        check(&[(S, S)], 1.0, 0, false);
        check(&[(S, S)], 1.0, 1, true);
        check(&[(S, 2 * S)], 1.0, 0, true);
        check(&[(S, S), (S, S)], 1.0, 1, false);
        check(&[(S, S), (S, S), (2 * S, 2 * S)], 1.0, 2, true);
        check(&[(S, S), (S, S), (2 * S - 9000, 2 * S - 9000)], 1.0, 2, false);
        check(&[(0, 9 * S), (S, S), (S, S), (2 * S, 2 * S)], 1.0, 2, true);
        check(&[(0, S), (9 * S, 9 * S), (9 * S, 9 * S), (9 * S, 9 * S)], 1.0, 2, false);
    }

    #[test]
    fn it_agrees_with_the_plain_way() {
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        let mut below = |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % bound
        };
        let (mut within, mut beyond) = (0, 0);
        for _ in 0..2_000 {
            let mut passed = Vec::new();
            for _ in 0..below(12) {
                let start_ns = below(40) * 100_000_000;
                passed.push(Passed { start_ns, end_ns: start_ns + below(5) * 100_000_000 });
            }
            let holds = check_history(&passed, 2.0, 3).is_ok();
            assert_eq!(holds, plainly(&passed, 2.0, 3), "{passed:?}");
            if holds { within += 1 } else { beyond += 1 }
        }
        assert!(within > 100 && beyond > 100, "{within} {beyond}");
    }
}

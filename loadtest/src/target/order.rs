//! The order in which weighted requests are sent.

/// The longest cycle, unless there are more requests than that. The table is shared by all workers and small enough to
/// stay in a second-level cache; weights finer than one in 65,536 would not show in a run anyway.
const CYCLE_MAX: u64 = 65_536;

/// Indices in proportion to `weights`, each spread evenly over the cycle. Every index occurs at least once.
pub fn order(weights: &[u64]) -> Vec<u32> {
    let weights = reduced(weights);
    let mut places: Vec<(f64, u32)> = Vec::new();
    for (index, &weight) in weights.iter().enumerate() {
        // The cycle is cut into `weight` equal parts, with one sending in the middle of each.
        places.extend((0..weight).map(|turn| ((turn as f64 + 0.5) / weight as f64, index as u32)));
    }
    places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    places.into_iter().map(|(_, index)| index).collect()
}

/// The smallest whole numbers of the same proportions, or of nearly the same where the cycle would be too long.
fn reduced(weights: &[u64]) -> Vec<u64> {
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    let sum: u128 = weights.iter().map(|weight| u128::from(weight / divisor)).sum();
    let reduce = |weight: &u64| match weight / divisor {
        weight if sum <= u128::from(CYCLE_MAX) => weight,
        weight => ((weight as f64 * CYCLE_MAX as f64 / sum as f64) as u64).max(1),
    };
    weights.iter().map(reduce).collect()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        #[track_caller]
        fn check(weights: &[u64], expected: &[u32]) {
            assert_eq!(order(weights), expected);
        }
        check(&[7], &[0]);
        check(&[1, 1, 1], &[0, 1, 2]);
        check(&[20, 20], &[0, 1]);
        check(&[3, 1], &[0, 0, 1, 0]);
        check(&[1, 4], &[1, 1, 0, 1, 1]);
        check(&[5, 1, 1], &[0, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn cycles_are_bounded() {
        #[track_caller]
        fn check(weights: &[u64], shares: &[f64]) {
            let order = order(weights);
            assert!(order.len() as u64 <= CYCLE_MAX + weights.len() as u64);
            for (index, share) in shares.iter().enumerate() {
                let count = order.iter().filter(|entry| **entry == index as u32).count();
                assert!((count as f64 / order.len() as f64 - share).abs() < 1e-4, "{index}: {count}");
                assert!(count > 0);
            }
        }
        check(&[1_000_000, 3_000_001], &[0.25, 0.75]);
        check(&[u64::MAX, 1, u64::MAX], &[0.5, 0.0, 0.5]);
        check(&[1; 100_000], &[1e-5]);
    }
}

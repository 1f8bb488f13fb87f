//! Whether two runs differ by more than their repeats differ among themselves.
//!
//! Repeats are few (3 to 10) and disturbed now and then by a neighbour, so the test looks at ranks alone: the exact
//! two-sided Mann–Whitney test. With three or four repeats no ranking is rarer than 10 % or 3 % among equals; there the
//! runs have to be apart altogether, and the document states the chance.

/// Differences below this share are called the same whatever the noise: nobody acts on less.
const SAME: f64 = 0.01;
/// How often equal servers may be called different.
const LEVEL: f64 = 0.01;
/// With fewer repeats on either side nothing is said.
const REPEATS_MIN: usize = 3;

/// How a run's figure stands to the baseline's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    Same,
    Noise,
    Unknown,
}

impl Verdict {
    pub const ALL: [Verdict; 5] = [Verdict::Better, Verdict::Worse, Verdict::Same, Verdict::Noise, Verdict::Unknown];

    pub fn name(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::Same => "same",
            Verdict::Noise => "noise",
            Verdict::Unknown => "unknown",
        }
    }

    pub fn explanation(self) -> &'static str {
        match self {
            Verdict::Better | Verdict::Worse => "beyond the noise of the repeats",
            Verdict::Same => "less than 1 % apart",
            Verdict::Noise => "the repeats of one run differ as much among themselves",
            Verdict::Unknown => "noise unknown: run with --repeat 5",
        }
    }
}

pub fn judge(baseline: &[f64], values: &[f64], higher_is_better: bool) -> Verdict {
    let (Some(first), Some(this)) = (median(baseline), median(values)) else { return Verdict::Unknown };
    if (this - first).abs() <= first.abs() * SAME {
        return Verdict::Same;
    }
    if baseline.len().min(values.len()) < REPEATS_MIN {
        return Verdict::Unknown;
    }
    let wins = wins(baseline, values);
    let pairs = (baseline.len() * values.len()) as f64;
    let apart = wins == 0.0 || wins == pairs;
    if !apart && chance(baseline.len(), values.len(), wins.min(pairs - wins)) > LEVEL {
        return Verdict::Noise;
    }
    if (this > first) == higher_is_better { Verdict::Better } else { Verdict::Worse }
}

pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// Mann–Whitney's U: pairs in which the second's value is the larger one; a tie is half a pair.
fn wins(baseline: &[f64], values: &[f64]) -> f64 {
    let pairs = baseline.iter().flat_map(|first| values.iter().map(move |this| (first, this)));
    pairs
        .map(|(first, this)| {
            if this > first {
                1.0
            } else if this == first {
                0.5
            } else {
                0.0
            }
        })
        .sum()
}

/// The share of all orders of `n` and `m` values in which U is at most `wins` or, on the other side, as far out.
fn chance(n: usize, m: usize, wins: f64) -> f64 {
    let orders = orders(n, m);
    let all: f64 = orders.iter().sum();
    // Half a pair from a tie counts as a whole one: on the cautious side.
    let extreme: f64 = orders.iter().take(wins.ceil() as usize + 1).sum();
    (2.0 * extreme / all).min(1.0)
}

/// By U, the number of orders of `n` and `m` values. The largest of all is one of the `n`, which then wins against all
/// `m`, or one of the `m`: `f(n, m, u) = f(n-1, m, u-m) + f(n, m-1, u)`.
fn orders(n: usize, m: usize) -> Vec<f64> {
    // rows[j] is f(i, j, ·) for the current i.
    let mut rows = vec![vec![1.0]; m + 1];
    for i in 1..=n {
        rows[0] = vec![1.0];
        for j in 1..=m {
            let mut row = vec![0.0; i * j + 1];
            rows[j].iter().enumerate().for_each(|(u, count)| row[u + j] += count);
            rows[j - 1].iter().enumerate().for_each(|(u, count)| row[u] += count);
            rows[j] = row;
        }
    }
    rows.swap_remove(m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        fn check(values: &[f64], expected: Option<f64>) {
            assert_eq!(median(values), expected);
        }
        check(&[], None);
        check(&[3.0, 1.0, 2.0], Some(2.0));
        check(&[4.0, 1.0, 2.0, 3.0], Some(2.5));
    }

    #[test]
    fn orders_are_those_of_the_published_tables() {
        assert_eq!(orders(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(orders(5, 5).iter().sum::<f64>(), 252.0);
        assert_eq!(orders(3, 4).iter().sum::<f64>(), 35.0);
        fn check(n: usize, m: usize, wins: f64, expected: f64) {
            let actual = chance(n, m, wins);
            assert!((actual - expected).abs() < 0.000_05, "{n}, {m}, {wins}: {actual}");
        }
        check(3, 3, 0.0, 0.1);
        check(5, 5, 0.0, 0.007_94);
        check(5, 5, 2.0, 0.031_75);
        check(5, 5, 1.5, 0.031_75);
        check(10, 10, 16.0, 0.008_93);
        check(5, 5, 12.5, 1.0);
    }

    #[test]
    fn differences_beyond_the_noise() {
        fn check(baseline: &[f64], values: &[f64], expected: Verdict) {
            assert_eq!(judge(baseline, values, false), expected, "{baseline:?} {values:?}");
        }
        check(&[100.0, 102.0, 98.0], &[110.0, 112.0, 108.0], Verdict::Worse);
        check(&[100.0, 102.0, 98.0], &[90.0, 92.0, 88.0], Verdict::Better);
        check(&[100.0, 111.0, 98.0], &[110.0, 112.0, 108.0], Verdict::Noise);
        check(&[100.0, 100.1, 100.2], &[100.5, 100.6, 100.7], Verdict::Same);
        check(&[100.0, 101.0], &[200.0, 201.0], Verdict::Unknown);
        check(&[100.0], &[200.0, 201.0, 202.0, 203.0, 204.0], Verdict::Unknown);
        check(&[], &[1.0], Verdict::Unknown);
        check(&[0.0, 0.0, 0.0], &[0.0, 0.0, 0.0], Verdict::Same);
        // One disturbed repeat among nine does not hide the difference.
        let calm = [100.0, 101.0, 99.0, 100.5, 98.0, 102.0, 97.0, 103.0, 130.0];
        check(&calm, &calm.map(|value| f64::min(value * 1.1, 115.0)), Verdict::Worse);
        check(&calm, &calm.map(|value| value * 1.015), Verdict::Noise);
    }

    #[test]
    fn more_is_better_for_rates() {
        assert_eq!(judge(&[1.0, 1.0, 1.0], &[2.0, 2.0, 2.0], true), Verdict::Better);
        assert_eq!(judge(&[1.0, 1.0, 1.0], &[2.0, 2.0, 2.0], false), Verdict::Worse);
    }
}

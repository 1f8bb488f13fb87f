//! Whether a target is ejected: after so many errors in a row it gets no requests for a while, then starts afresh.

use super::breaker::Verdict;
use crate::plan::protection::Outlier;

/// How a target has done lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// In a row.
    errors: u32,
    ejected_until_ms: u64,
}

impl Standing {
    pub fn is_ejected(self, now_ms: u64) -> bool {
        now_ms < self.ejected_until_ms
    }

    /// Takes note of how an attempt ended; whether the target is ejected for it. `ejected` says how many others are now.
    /// While it is out, what was under way says nothing.
    pub fn end(&mut self, config: &Outlier, verdict: Verdict, ejected: u32, now_ms: u64) -> bool {
        if self.is_ejected(now_ms) {
            return false;
        }
        match verdict {
            Verdict::None => return false,
            Verdict::Good => self.errors = 0,
            Verdict::Bad => self.errors = self.errors.saturating_add(1),
        }
        let ejects = self.errors >= config.consecutive_errors && ejected < config.ejected_max;
        if ejects {
            *self = Standing { errors: 0, ejected_until_ms: now_ms + u64::from(config.ejection_ms) };
        }
        ejects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Outlier = Outlier { consecutive_errors: 3, ejection_ms: 100, ejected_max: 1 };

    /// Of the errors `b`, good answers `g` and others `-`, one a millisecond: at which the target was ejected.
    #[track_caller]
    fn check(verdicts: &str, others_ejected: u32, expected: &[u64]) {
        let mut standing = Standing::default();
        let mut ejected_at = Vec::new();
        for (now_ms, verdict) in (0..).zip(verdicts.chars()) {
            let verdict = match verdict {
                'b' => Verdict::Bad,
                'g' => Verdict::Good,
                _ => Verdict::None,
            };
            if standing.end(&CONFIG, verdict, others_ejected, now_ms) {
                ejected_at.push(now_ms);
                assert!(standing.is_ejected(now_ms) && standing.is_ejected(now_ms + 99));
                assert!(!standing.is_ejected(now_ms + 100));
            }
        }
        assert_eq!(ejected_at, expected, "{verdicts}");
    }

    #[test]
    fn errors_in_a_row_eject() {
        check("bbb", 0, &[2]);
        check("bbgbb", 0, &[]);
        check("bbgbbb", 0, &[5]);
        check("b-b-b", 0, &[4]);
    }

    #[test]
    fn what_was_under_way_does_not_lengthen_it_and_afterwards_it_starts_afresh() {
        check(&format!("bbb{}bb", "b".repeat(99)), 0, &[2]);
        check(&format!("bbb{}bbb", "b".repeat(99)), 0, &[2, 104]);
    }

    #[test]
    fn not_more_than_the_share_are_out_at_a_time() {
        check("bbbbbb", 1, &[]);
        let mut standing = Standing::default();
        (0..9).for_each(|now_ms| assert!(!standing.end(&CONFIG, Verdict::Bad, 1, now_ms)));
        assert!(standing.end(&CONFIG, Verdict::Bad, 0, 9), "as soon as another is back");
    }
}

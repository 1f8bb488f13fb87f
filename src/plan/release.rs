//! Canaries: which of a stage's two deployments serves a request. (Guide, `canary-release`.)
//!
//! A canary is a [`StagePlan`](super::StagePlan) of its own, directly behind its stage's. Each request is drawn by
//! itself: nobody stays with one deployment, as at AWS.

/// What a stage's plan is to its stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// All of its traffic.
    #[default]
    Only,
    /// What the canary leaves.
    Production { share: Share },
    /// The canary's share; never selected by an address.
    Canary,
}

impl Release {
    /// `$context.isCanaryRequest`, which only stages with a canary have.
    pub fn is_canary_request(self) -> Option<&'static str> {
        match self {
            Release::Only => None,
            Release::Production { .. } => Some("false"),
            Release::Canary => Some("true"),
        }
    }
}

/// How much of a stage's traffic its canary gets, in steps of 1 / 2^32: from 0, nothing, to 2^32, everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u64);

/// Draws are 32 bits wide, so that "everything" still fits beside them.
const EVERYTHING: u64 = 1 << 32;

impl Share {
    /// `percentTraffic`; `None` where it is not from 0.0 to 100.0.
    pub fn of_percent(percent: f64) -> Option<Share> {
        (0.0..=100.0).contains(&percent).then(|| Share((percent / 100.0 * EVERYTHING as f64).round() as u64))
    }

    /// Whether a request with this draw is the canary's.
    pub fn takes(self, draw: u32) -> bool {
        u64::from(draw) < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_everything_are_exact() {
        #[track_caller]
        fn check(percent: f64, lowest: bool, middle: bool, highest: bool) {
            let share = Share::of_percent(percent).expect("a percentage");
            let taken = [0, 1 << 31, u32::MAX].map(|draw| share.takes(draw));
            assert_eq!(taken, [lowest, middle, highest], "{percent}");
        }
        check(0.0, false, false, false);
        check(-0.0, false, false, false);
        check(0.000_001, true, false, false);
        check(50.0, true, false, false);
        check(50.000_001, true, true, false);
        check(99.999_999, true, true, false);
        check(100.0, true, true, true);
    }

    #[test]
    fn a_share_is_of_the_draws() {
        let share = Share::of_percent(12.5).expect("a percentage");
        let draws = (0..1024u32).map(|step| step << 22);
        assert_eq!(draws.filter(|draw| share.takes(*draw)).count(), 128);
    }

    #[test]
    fn what_is_no_percentage_is_no_share() {
        for percent in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::of_percent(percent), None, "{percent}");
        }
    }
}

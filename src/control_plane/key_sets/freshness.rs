//! When a source of keys is asked, and how long what it said holds.

use std::time::Duration;

use tokio::time::Instant;

/// The pause after the first failure; it doubles up to [`RETRY_MAX`] or `refresh`, whichever is shorter.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
pub struct FreshnessBounds {
    /// From one fetch to the next where the issuer does not say.
    pub refresh: Duration,
    /// Where it says, not sooner than this,
    pub refresh_min: Duration,
    /// and not later than this.
    pub refresh_max: Duration,
    /// From one fetch to one that a shard asked for.
    pub early_refresh: Duration,
    /// How long keys hold that could not be fetched again.
    pub stale: Duration,
}

/// ```text
///        begin            succeed: after refresh, or what the issuer says
/// waiting ───▶ under way ───────────────────────────────────────────────▶ waiting
///    ▲             │ fail: after a pause that doubles
///    └─────────────┘
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// `None` while it is being asked.
    due: Option<Instant>,
    begun: Option<Instant>,
    succeeded: Option<Instant>,
    /// In a row.
    failures: u32,
}

impl Freshness {
    /// Due at once.
    pub fn new(now: Instant) -> Freshness {
        Freshness { due: Some(now), begun: None, succeeded: None, failures: 0 }
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    pub fn is_under_way(&self) -> bool {
        self.due.is_none()
    }

    /// Whether an answer, or none, has come back yet.
    pub fn was_asked(&self) -> bool {
        self.succeeded.is_some() || self.failures > 0
    }

    pub fn begin(&mut self, now: Instant) {
        (self.due, self.begun) = (None, Some(now));
    }

    pub fn succeed(&mut self, now: Instant, max_age: Option<Duration>, bounds: &FreshnessBounds) {
        let said = max_age.map(|age| age.min(bounds.refresh_max).max(bounds.refresh_min));
        self.due = Some(now + said.unwrap_or(bounds.refresh));
        (self.succeeded, self.failures) = (Some(now), 0);
    }

    pub fn fail(&mut self, now: Instant, bounds: &FreshnessBounds) {
        let pause = RETRY_FIRST.saturating_mul(1 << self.failures.min(16)).min(RETRY_MAX).min(bounds.refresh);
        self.due = Some(now + pause);
        self.failures = self.failures.saturating_add(1);
    }

    /// Due at once, if it is not being asked.
    pub fn hurry(&mut self, now: Instant) {
        self.due = self.due.map(|due| due.min(now));
    }

    /// Somebody wants newer keys: as soon as that is not too often.
    pub fn wish(&mut self, now: Instant, bounds: &FreshnessBounds) {
        let earliest = self.begun.map_or(now, |begun| begun + bounds.early_refresh);
        self.due = self.due.map(|due| due.min(earliest));
    }

    /// Whether what was fetched last holds no more.
    pub fn is_stale(&self, now: Instant, bounds: &FreshnessBounds) -> bool {
        self.succeeded.is_none_or(|succeeded| now.duration_since(succeeded) >= bounds.stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: FreshnessBounds = FreshnessBounds {
        refresh: Duration::from_secs(300),
        refresh_min: Duration::from_secs(60),
        refresh_max: Duration::from_secs(7200),
        early_refresh: Duration::from_secs(30),
        stale: Duration::from_secs(86_400),
    };

    /// After an answer with this age: when it is due.
    #[track_caller]
    fn check_age(max_age_s: Option<u64>, expected_s: u64) {
        let now = Instant::now();
        let mut freshness = Freshness::new(now);
        freshness.begin(now);
        freshness.succeed(now, max_age_s.map(Duration::from_secs), &BOUNDS);
        assert_eq!(freshness.due(), Some(now + Duration::from_secs(expected_s)), "{max_age_s:?}");
    }

    #[test]
    fn what_the_issuer_says_counts_within_bounds() {
        check_age(None, 300);
        check_age(Some(0), 60);
        check_age(Some(600), 600);
        check_age(Some(u64::MAX), 7200);
    }

    #[test]
    fn failures_are_tried_again_with_growing_pauses() {
        let now = Instant::now();
        let mut freshness = Freshness::new(now);
        assert!(freshness.is_due(now) && !freshness.was_asked());
        let mut pauses = Vec::new();
        for _ in 0..40 {
            freshness.begin(now);
            assert!(freshness.is_under_way() && !freshness.is_due(now));
            freshness.fail(now, &BOUNDS);
            pauses.push(freshness.due().expect("it waits").duration_since(now).as_secs());
        }
        assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses[39], 60);
        freshness.begin(now);
        freshness.succeed(now, None, &BOUNDS);
        freshness.begin(now);
        freshness.fail(now, &BOUNDS);
        assert_eq!(freshness.due(), Some(now + RETRY_FIRST), "a success forgets them");
    }

    #[test]
    fn wishes_are_granted_at_most_so_often() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut freshness = Freshness::new(start);
        freshness.begin(start);
        freshness.wish(start, &BOUNDS);
        assert!(freshness.is_under_way(), "it is being asked already");
        freshness.succeed(at(1), None, &BOUNDS);
        freshness.wish(at(2), &BOUNDS);
        assert_eq!(freshness.due(), Some(at(30)));
        freshness.begin(at(30));
        freshness.fail(at(31), &BOUNDS);
        freshness.wish(at(31), &BOUNDS);
        assert_eq!(freshness.due(), Some(at(32)), "a retry may come sooner");
        freshness.begin(at(32));
        freshness.succeed(at(33), None, &BOUNDS);
        freshness.wish(at(200), &BOUNDS);
        assert!(freshness.is_due(at(200)), "long after the last, at once");
    }

    #[test]
    fn keys_grow_stale() {
        let start = Instant::now();
        let mut freshness = Freshness::new(start);
        assert!(freshness.is_stale(start, &BOUNDS), "there are none");
        freshness.begin(start);
        freshness.succeed(start, None, &BOUNDS);
        freshness.fail(start + Duration::from_secs(86_399), &BOUNDS);
        assert!(!freshness.is_stale(start + Duration::from_secs(86_399), &BOUNDS));
        assert!(freshness.is_stale(start + Duration::from_secs(86_400), &BOUNDS));
    }
}

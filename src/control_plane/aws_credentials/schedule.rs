//! When credentials are asked for again. Pure; `draw` is a random number, so that a fleet of gateways does not ask all at
//! once.

use crate::sign::Timestamp;
use std::time::Duration;

/// Credentials are renewed so long before they expire at the earliest, if they last that long twice.
const MARGIN_SECONDS_MAX: u64 = 900;

/// Between two attempts.
const RETRY_SECONDS_MAX: u64 = 60;

/// Between a margin and half of it before they expire; the margin is a quarter of an hour, or half the time that is left.
pub fn renew_after(now: Timestamp, expires_at: Timestamp, draw: u32) -> Duration {
    let left = Duration::from_secs(expires_at.seconds().saturating_sub(now.seconds()));
    let margin = (left / 2).min(Duration::from_secs(MARGIN_SECONDS_MAX));
    let before = margin / 2 + fraction(margin / 2, draw);
    left.saturating_sub(before).max(Duration::from_secs(1))
}

/// One second after the first failure, twice as long after each further one, up to a minute; or half of that.
pub fn retry_after(failures: u32, draw: u32) -> Duration {
    let seconds = 1_u64 << failures.saturating_sub(1).min(16);
    let whole = Duration::from_secs(seconds.min(RETRY_SECONDS_MAX));
    whole / 2 + fraction(whole / 2, draw)
}

fn fraction(of: Duration, draw: u32) -> Duration {
    of.mul_f64(f64::from(draw) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: impl Fn(u32) -> Duration, earliest_ms: u64, latest_ms: u64) {
        let at = |draw| u64::try_from(found(draw).as_millis()).expect("it is short");
        let both = [at(0), at(u32::MAX)];
        assert_eq!((both[0].min(both[1]), both[0].max(both[1])), (earliest_ms, latest_ms));
    }

    #[test]
    fn renewal() {
        let after = |left: u64| {
            move |draw| renew_after(Timestamp::from_seconds(1_000), Timestamp::from_seconds(1_000 + left), draw)
        };
        check(after(3_600), 2_700_000, 3_150_000);
        check(after(6 * 3_600), 20_700_000, 21_150_000);
        check(after(60), 30_000, 45_000);
        check(after(1), 1_000, 1_000);
        check(after(0), 1_000, 1_000);
    }

    #[test]
    fn retries() {
        check(|draw| retry_after(1, draw), 500, 1_000);
        check(|draw| retry_after(2, draw), 1_000, 2_000);
        check(|draw| retry_after(7, draw), 30_000, 60_000);
        check(|draw| retry_after(u32::MAX, draw), 30_000, 60_000);
    }
}

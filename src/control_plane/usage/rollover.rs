//! When days that are over are moved to the store: at the start, when a day begins, and once more a little later, as a
//! shard's clock may be a tick behind. A round goes through all memberships, some at a turn.

use crate::meter::Day;

/// Rounds for each day.
const ROUNDS: u32 = 2;

/// From one round to the next, and to another try.
const PAUSE_S: i64 = 60;

#[derive(Default)]
pub struct Rollover {
    /// The day that began; `None` at the start.
    day: Option<Day>,
    /// Those that have ended.
    rounds: u32,
    /// While a round is under way: the membership that was looked at last.
    after: Option<Box<str>>,
    not_before_s: i64,
}

impl Rollover {
    pub fn is_due(&mut self, now_s: i64) -> bool {
        let day = Some(Day::of(now_s));
        if self.day != day {
            *self = Rollover { day, rounds: 0, after: Some(Box::default()), not_before_s: now_s };
        }
        (self.after.is_some() || self.rounds < ROUNDS) && now_s >= self.not_before_s
    }

    pub fn after(&self) -> &str {
        self.after.as_deref().unwrap_or_default()
    }

    /// A turn has come as far as `last`; `None`: the round has ended.
    pub fn turned(&mut self, last: Option<&str>, now_s: i64) {
        self.after = last.map(Box::from);
        if last.is_none() {
            self.rounds += 1;
            self.not_before_s = now_s + PAUSE_S;
        }
    }

    /// The turn came to nothing: the round begins again.
    pub fn put_off(&mut self, now_s: i64) {
        self.after = Some(Box::default());
        self.not_before_s = now_s + PAUSE_S;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: i64 = 19_675 * 86_400;

    #[test]
    fn a_day_has_two_rounds() {
        let mut rollover = Rollover::default();
        for (now_s, due) in [(MIDNIGHT - 200, true), (MIDNIGHT - 190, false), (MIDNIGHT - 140, true)] {
            assert_eq!(rollover.is_due(now_s), due, "{now_s}");
            if due {
                rollover.turned(Some("a membership"), now_s);
                assert!(rollover.is_due(now_s) && rollover.after() == "a membership");
                rollover.turned(None, now_s);
            }
        }
        assert!(!rollover.is_due(MIDNIGHT - 1));
        // Amid a round the next day begins.
        assert!(rollover.is_due(MIDNIGHT));
        rollover.turned(Some("a membership"), MIDNIGHT);
        assert!(rollover.is_due(MIDNIGHT + 86_400) && rollover.after().is_empty());
        rollover.put_off(MIDNIGHT + 86_400);
        assert!(!rollover.is_due(MIDNIGHT + 86_459) && rollover.is_due(MIDNIGHT + 86_460));
    }
}

//! What a record's words say: values, without atomics. A request reads a word, reckons the next one here, and writes it
//! if nobody was quicker.

use super::day::Day;
use super::period::{Period, Quota, Today};

/// The quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaExceeded;

/// How many bits a day has: they last until the year 4840.
const DAY_BITS: u32 = 20;

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// A day before 1970 is that day's first, and one after 4840 its last.
fn day_bits(day: Day) -> u64 {
    u64::try_from(day.0).unwrap_or(0).min(mask(DAY_BITS))
}

fn day_from(bits: u64) -> Day {
    Day(i64::try_from(bits & mask(DAY_BITS)).expect("of 20 bits"))
}

/// The requests of one day: the day, whether its count has been moved to the store, and the count.
///
/// ```text
/// 63        44   43    42                  0
/// [   day   ][ moved ][      requests      ]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayWord(pub u64);

impl DayWord {
    const COUNT_BITS: u32 = 43;
    const MOVED: u64 = 1 << Self::COUNT_BITS;

    pub fn new(day: Day, requests: u64) -> DayWord {
        DayWord(day_bits(day) << (Self::COUNT_BITS + 1) | requests.min(mask(Self::COUNT_BITS)))
    }

    pub fn day(self) -> Day {
        day_from(self.0 >> (Self::COUNT_BITS + 1))
    }

    pub fn requests(self) -> u64 {
        self.0 & mask(Self::COUNT_BITS)
    }

    /// Whether there is a count that the store does not have.
    pub fn is_unmoved(self) -> bool {
        self.0 & Self::MOVED == 0 && self.requests() > 0
    }

    pub fn moved(self) -> DayWord {
        DayWord(self.0 | Self::MOVED)
    }

    /// With one request of a day more. The word's own day goes on where it is later, as after a clock was set back, or
    /// where its count has not been moved for so long that another day has come to this word: a request may be counted
    /// on another day, never twice or not at all.
    pub fn with_one_more(self, day: Day) -> DayWord {
        let own = self.day();
        match own >= day || self.is_unmoved() {
            true => DayWord::new(own, self.requests() + 1),
            false => DayWord::new(day, 1),
        }
    }
}

/// The requests of the period that runs: which kind of period, its first day, and the count. All zeros before the first
/// request under a quota.
///
/// ```text
/// 63     58 57             38 37           0
/// [ period ][ its first day ][  requests   ]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodWord(pub u64);

impl PeriodWord {
    const COUNT_BITS: u32 = 38;
    const COUNT_MAX: u64 = mask(Self::COUNT_BITS);

    pub fn new(period: Period, start: Day, requests: u64) -> PeriodWord {
        let head = u64::from(period.code()) << DAY_BITS | day_bits(start);
        PeriodWord(head << Self::COUNT_BITS | requests.min(Self::COUNT_MAX))
    }

    /// `None` before the first request under a quota, and of a word that nobody wrote.
    pub fn period(self) -> Option<Period> {
        Period::from_code(u8::try_from(self.0 >> (Self::COUNT_BITS + DAY_BITS)).expect("of 6 bits"))
    }

    pub fn start(self) -> Day {
        day_from(self.0 >> Self::COUNT_BITS)
    }

    pub fn requests(self) -> u64 {
        self.0 & Self::COUNT_MAX
    }

    /// The period that a request of today is in: this one while it lasts, by its own kind, then one of the wanted kind.
    ///
    /// A shard that has not heard yet of another kind so counts on in the period that the control plane has made, and
    /// a clock that was set back finds the later period.
    pub fn on(self, today: &Today, wanted: Option<Period>) -> Option<PeriodWord> {
        let own = self.period();
        if own.is_some_and(|own| today.start(own) <= self.start()) {
            return Some(self);
        }
        let period = wanted.or(own)?;
        Some(PeriodWord::new(period, today.start(period), 0))
    }

    /// With one request more, and how many are left after it.
    ///
    /// # Errors
    /// The period's requests have reached the quota and what was granted beyond it.
    pub fn with_one_more(self, quota: Quota, granted: GrantWord) -> Result<(PeriodWord, u64), QuotaExceeded> {
        let allowed = i64::from(quota.limit) + granted.on(self.start());
        let allowed = u64::try_from(allowed).unwrap_or(0).min(Self::COUNT_MAX);
        match self.requests() < allowed {
            true => Ok((PeriodWord(self.0 + 1), allowed - self.requests() - 1)),
            false => Err(QuotaExceeded),
        }
    }

    /// With one request more, whatever the quota.
    pub fn with_one_more_unlimited(self) -> PeriodWord {
        PeriodWord(self.0 + u64::from(self.requests() < Self::COUNT_MAX))
    }
}

/// What was granted beyond a quota, or taken from it, in the period that starts on a day.
///
/// ```text
/// 63            44 43                      0
/// [ its first day ][ requests, with a sign ]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantWord(pub u64);

impl GrantWord {
    const BITS: u32 = 44;
    const MAX: i64 = (1 << (Self::BITS - 1)) - 1;

    pub fn new(start: Day, requests: i64) -> GrantWord {
        let requests = requests.clamp(-Self::MAX, Self::MAX).cast_unsigned();
        GrantWord(day_bits(start) << Self::BITS | requests & mask(Self::BITS))
    }

    /// Nothing in the period of another day.
    pub fn on(self, start: Day) -> i64 {
        match day_from(self.0 >> Self::BITS) == start {
            true => (self.0 << (64 - Self::BITS)).cast_signed() >> (64 - Self::BITS),
            false => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today(text: &str) -> Today {
        Today::of(Day::parse(text).expect("a day"))
    }

    #[test]
    fn a_day_word_counts_its_day() {
        let word = DayWord(0).with_one_more(Day(100)).with_one_more(Day(100));
        assert_eq!((word.day(), word.requests(), word.is_unmoved()), (Day(100), 2, true));
        let moved = word.moved();
        assert_eq!((moved.day(), moved.requests(), moved.is_unmoved()), (Day(100), 2, false));
        // A shard whose clock is behind counts once more: the store has to hear of it.
        let late = moved.with_one_more(Day(100));
        assert_eq!((late.requests(), late.is_unmoved()), (3, true));
        assert_eq!(moved.with_one_more(Day(102)), DayWord::new(Day(102), 1));
        assert_eq!(moved.with_one_more(Day(98)), DayWord::new(Day(100), 3));
        // Not yet moved: nothing is lost.
        assert_eq!(word.with_one_more(Day(102)), DayWord::new(Day(100), 3));
    }

    #[test]
    fn words_hold_their_largest_values() {
        let full = DayWord::new(Day(i64::MAX), u64::MAX);
        assert_eq!((full.day(), full.requests()), (Day(1_048_575), (1 << 43) - 1));
        assert_eq!(full.with_one_more(Day(5)), full);
        assert_eq!(DayWord::new(Day(-1), 1).day(), Day(0));
        let full = PeriodWord::new(Period::month(27), Day(i64::MAX), u64::MAX);
        assert_eq!(
            (full.period(), full.start(), full.requests()),
            (Some(Period::month(27)), Day(1_048_575), (1 << 38) - 1)
        );
        assert_eq!(full.with_one_more_unlimited(), full);
        let quota = Quota { limit: u32::MAX, period: Period::DAY };
        assert_eq!(full.with_one_more(quota, GrantWord::new(full.start(), i64::MAX)), Err(QuotaExceeded));
    }

    #[test]
    fn grants_hold_for_their_period() {
        for requests in [0, 1, -1, 5_000_000_000, -5_000_000_000] {
            let word = GrantWord::new(Day(19_000), requests);
            assert_eq!((word.on(Day(19_000)), word.on(Day(19_001))), (requests, 0));
        }
        assert_eq!(GrantWord::new(Day(3), i64::MIN).on(Day(3)), -GrantWord::MAX);
    }

    #[test]
    fn a_period_lasts_by_its_own_kind() {
        let month = PeriodWord::new(Period::month(0), Day::parse("2023-11-01").expect("a day"), 7);
        let on = |day: &str, wanted| month.on(&today(day), wanted);
        assert_eq!(on("2023-11-30", Some(Period::month(0))), Some(month));
        assert_eq!(on("2023-11-30", Some(Period::DAY)), Some(month), "the control plane alone changes its kind");
        assert_eq!(on("2023-10-31", Some(Period::month(0))), Some(month), "a clock that was set back");
        let december = Day::parse("2023-12-01").expect("a day");
        assert_eq!(on("2023-12-01", Some(Period::DAY)), Some(PeriodWord::new(Period::DAY, december, 0)));
        assert_eq!(on("2023-12-31", None), Some(PeriodWord::new(Period::month(0), december, 0)));
        assert_eq!(PeriodWord(0).on(&today("2023-12-31"), None), None);
        assert_eq!(PeriodWord(u64::MAX).period(), None);
    }
}

//! A quota's period: which days it has.

use super::day::Day;

/// How many requests a key may make under a plan in each period. (API reference, `API_QuotaSettings`.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: u32,
    pub period: Period,
}

/// A day, a week or a month, and the day on which it starts, in one byte: it stands in a record of the file, so its
/// numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(u8);

enum Kind {
    Day,
    /// Starts on this day of the week, of which Sunday is 0.
    Week(i64),
    /// Starts on this day of the month, of which the first is 0.
    Month(i64),
}

const WEEK: u8 = 2;
const MONTH: u8 = WEEK + 7;
const END: u8 = MONTH + MONTH_OFFSETS;

/// Every month has a 28th.
const MONTH_OFFSETS: u8 = 28;

impl Period {
    pub const DAY: Period = Period(1);

    /// An offset of 0 starts on Sunday, one of 1 on Monday; they go on in a circle. (AWS SDK for Ruby,
    /// `Types::QuotaSettings`, "The day that a time period starts".)
    pub fn week(offset: i32) -> Period {
        Period(WEEK + u8::try_from(offset.rem_euclid(7)).expect("less than 7"))
    }

    /// An offset of 0 starts on the first; the 28th is the last that every month has.
    pub fn month(offset: i32) -> Period {
        let offset = offset.clamp(0, i32::from(MONTH_OFFSETS) - 1);
        Period(MONTH + u8::try_from(offset).expect("less than 28"))
    }

    /// The first day of the period that a day is in.
    pub fn start(self, day: Day) -> Day {
        Today::of(day).start(self)
    }

    /// The first day of the period after the one that a day is in.
    pub fn next_start(self, day: Day) -> Day {
        let start = self.start(day);
        match self.kind() {
            Kind::Day => Day(start.0 + 1),
            Kind::Week(_) => Day(start.0 + 7),
            // A month later is another month, and 31 days later not yet the one after it.
            Kind::Month(_) => self.start(Day(start.0 + 31)),
        }
    }

    pub(super) fn code(self) -> u8 {
        self.0
    }

    /// `None` where a period has no such number.
    pub(super) fn from_code(code: u8) -> Option<Period> {
        (1..END).contains(&code).then_some(Period(code))
    }

    fn kind(self) -> Kind {
        match self.0 {
            ..WEEK => Kind::Day,
            WEEK..MONTH => Kind::Week(i64::from(self.0 - WEEK)),
            MONTH.. => Kind::Month(i64::from(self.0 - MONTH)),
        }
    }
}

/// A day with what the start of each period is reckoned from. Made once a day, so that a request divides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Today {
    pub day: Day,
    /// Sunday is 0.
    of_week: i64,
    /// The first is 0.
    of_month: i64,
    month: Day,
    month_before: Day,
}

impl Today {
    pub fn of(day: Day) -> Today {
        let (year, month, of_month) = day.civil();
        let before = if month == 1 { Day::from_civil(year - 1, 12, 1) } else { Day::from_civil(year, month - 1, 1) };
        // 1970-01-01 was a Thursday.
        let of_week = (day.0 + 4).rem_euclid(7);
        let month = Day(day.0 - (of_month - 1));
        Today { day, of_week, of_month: of_month - 1, month, month_before: before }
    }

    /// The first day of the period that today is in.
    pub fn start(&self, period: Period) -> Day {
        match period.kind() {
            Kind::Day => self.day,
            Kind::Week(offset) if self.of_week >= offset => Day(self.day.0 - (self.of_week - offset)),
            Kind::Week(offset) => Day(self.day.0 - (self.of_week - offset + 7)),
            Kind::Month(offset) if self.of_month >= offset => Day(self.month.0 + offset),
            Kind::Month(offset) => Day(self.month_before.0 + offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(day: &str, period: Period, start: &str, next_start: &str) {
        let day = Day::parse(day).expect("a day");
        let found = (period.start(day).to_string(), period.next_start(day).to_string());
        assert_eq!(found, (start.to_owned(), next_start.to_owned()));
    }

    #[test]
    fn periods_begin_on_their_day() {
        // A Tuesday.
        check("2023-11-14", Period::DAY, "2023-11-14", "2023-11-15");
        check("2023-12-31", Period::DAY, "2023-12-31", "2024-01-01");
        check("2023-11-14", Period::week(0), "2023-11-12", "2023-11-19");
        check("2023-11-14", Period::week(1), "2023-11-13", "2023-11-20");
        check("2023-11-14", Period::week(2), "2023-11-14", "2023-11-21");
        check("2023-11-14", Period::week(3), "2023-11-08", "2023-11-15");
        check("2023-11-14", Period::week(6), "2023-11-11", "2023-11-18");
        check("2024-01-01", Period::week(0), "2023-12-31", "2024-01-07");
        check("2023-11-14", Period::month(0), "2023-11-01", "2023-12-01");
        check("2023-11-14", Period::month(13), "2023-11-14", "2023-12-14");
        check("2023-11-14", Period::month(14), "2023-10-15", "2023-11-15");
        check("2024-01-01", Period::month(27), "2023-12-28", "2024-01-28");
        check("2024-01-01", Period::month(0), "2024-01-01", "2024-02-01");
        check("2023-12-31", Period::month(0), "2023-12-01", "2024-01-01");
    }

    #[test]
    fn months_of_every_length_are_whole() {
        check("2024-02-29", Period::month(0), "2024-02-01", "2024-03-01");
        check("2023-02-28", Period::month(0), "2023-02-01", "2023-03-01");
        check("2023-03-01", Period::month(27), "2023-02-28", "2023-03-28");
        check("2024-02-29", Period::month(27), "2024-02-28", "2024-03-28");
        check("2023-02-27", Period::month(27), "2023-01-28", "2023-02-28");
        check("2023-01-31", Period::month(0), "2023-01-01", "2023-02-01");
        check("2100-03-01", Period::month(1), "2100-02-02", "2100-03-02");
    }

    #[test]
    fn an_offset_out_of_range_is_the_nearest_that_there_is() {
        assert_eq!((Period::week(8), Period::week(-1)), (Period::week(1), Period::week(6)));
        assert_eq!((Period::month(40), Period::month(-3)), (Period::month(27), Period::month(0)));
    }

    /// Every day of a hundred years is in one period, and each period begins where the one before it ends.
    #[test]
    fn periods_leave_no_gap() {
        for period in every_period() {
            let mut start = period.start(Day(0));
            for day in (0..36_600).map(Day) {
                if day == period.next_start(start) {
                    start = day;
                }
                assert_eq!(period.start(day), start, "{period:?} on {day}");
            }
        }
    }

    #[test]
    fn codes_are_read_and_written() {
        assert!(every_period().into_iter().all(|period| Period::from_code(period.code()) == Some(period)));
        assert_eq!((Period::from_code(0), Period::from_code(37), Period::from_code(63)), (None, None, None));
    }

    fn every_period() -> Vec<Period> {
        (0..7).map(Period::week).chain((0..28).map(Period::month)).chain([Period::DAY]).collect()
    }
}

//! Seconds since 1970 as a date in UTC.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub year: u16,
    pub month: u16,
    pub day: u16,
    pub hour: u16,
    pub minute: u16,
    pub second: u16,
}

const DAYS_IN_400_YEARS: i64 = 146_097;

impl Moment {
    /// Before 1980, it is the first moment of 1980: a zip file has none before that.
    pub fn of(seconds: i64) -> Moment {
        const FROM_1970_TO_1980: i64 = 3652 * 86_400;
        let seconds = seconds.clamp(FROM_1970_TO_1980, 4_000_000_000);
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        // Years are counted from March 2000 on, so that a leap day is the last of its year. 2000-03-01 is 11,017 days
        // after 1970.
        let since_march = days - 11_017 + DAYS_IN_400_YEARS;
        let year = (since_march * 400 + 591) / DAYS_IN_400_YEARS;
        let start = |year: i64| year * 365 + year / 4 - year / 100 + year / 400;
        let year = if start(year) > since_march { year - 1 } else { year };
        let day_of_year = since_march - start(year);
        // Of five months from March on, 153 days.
        let month = (day_of_year * 5 + 2) / 153;
        let day = day_of_year - (month * 153 + 2) / 5 + 1;
        let (month, carried) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let narrow = |number: i64| u16::try_from(number).expect("the clamp leaves small numbers");
        Moment {
            year: narrow(year + 1600 + carried),
            month: narrow(month),
            day: narrow(day),
            hour: narrow(of_day / 3600),
            minute: narrow(of_day / 60 % 60),
            second: narrow(of_day % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, expected: (u16, u16, u16, u16, u16, u16)) {
        let Moment { year, month, day, hour, minute, second } = Moment::of(seconds);
        assert_eq!((year, month, day, hour, minute, second), expected, "{seconds}");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        check(0, (1980, 1, 1, 0, 0, 0));
        check(946_684_799, (1999, 12, 31, 23, 59, 59));
        check(951_782_400, (2000, 2, 29, 0, 0, 0));
        check(951_868_800, (2000, 3, 1, 0, 0, 0));
        check(1_456_185_138, (2016, 2, 22, 23, 52, 18));
        check(1_700_000_000, (2023, 11, 14, 22, 13, 20));
        check(1_709_164_800, (2024, 2, 29, 0, 0, 0));
        check(1_735_689_599, (2024, 12, 31, 23, 59, 59));
        check(i64::MAX, (2096, 10, 2, 7, 6, 40));
    }

    /// Every day has a successor, and years have as many days as they should.
    #[test]
    fn no_day_is_left_out() {
        let mut days = std::collections::HashMap::new();
        let mut last = (0, 0, 0);
        for day in 3652..46_000 {
            let moment = Moment::of(day * 86_400);
            let date = (moment.year, moment.month, moment.day);
            assert!(date > last, "{date:?} after {last:?}");
            last = date;
            *days.entry(moment.year).or_insert(0) += 1;
        }
        for year in 1980..2095 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            assert_eq!(days[&year], if leap { 366 } else { 365 }, "{year}");
        }
    }
}

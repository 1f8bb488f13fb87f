//! Days of the calendar, in UTC, as quotas and usage count them: `2026-11-25`.

use std::fmt;

/// Days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    pub fn of(seconds: i64) -> Day {
        Day(seconds.div_euclid(86_400))
    }

    /// `None` where the text is no day of the years 1970 to 9999, written `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Day> {
        let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] else { return None };
        let number = |text: &str, digits: usize| {
            let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<i64>().ok()).flatten()
        };
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let found = Day::from_civil(year, month, day);
        // A day that is not on the calendar comes out as another.
        (year >= 1970 && found.civil() == (year, month, day)).then_some(found)
    }

    /// From year, month and day. Years begin in March here, so that the day that is not in every year is their last.
    /// (Hinnant, "chrono-Compatible Low-Level Date Algorithms".)
    pub(super) fn from_civil(year: i64, month: i64, day: i64) -> Day {
        let year = if month <= 2 { year - 1 } else { year };
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Day(365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468)
    }

    /// Year, month and day.
    pub(super) fn civil(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + days.div_euclid(146_097) * 400 + i64::from(month <= 2);
        (year, month, day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        for (text, days) in
            [("1970-01-01", 0), ("2000-02-29", 11_016), ("2023-11-14", 19_675), ("9999-12-31", 2_932_896)]
        {
            assert_eq!((Day::parse(text), Day(days).to_string()), (Some(Day(days)), text.to_owned()));
        }
        let wrong = [
            "",
            "2023-2-1",
            "2023-02-29",
            "2023-13-01",
            "2023-00-10",
            "2023-01-32",
            "1969-12-31",
            "2023-01-01-",
            "20230-1-01",
        ];
        for wrong in wrong {
            assert_eq!(Day::parse(wrong), None, "{wrong}");
        }
        let all = (0..150_000).map(Day);
        assert!(all.into_iter().all(|day| Day::parse(&day.to_string()) == Some(day)));
    }
}

//! A request's time: seconds since 1970 in UTC, written `20150830T123600Z` (`X-Amz-Date`) or as HTTP writes dates (`Date`).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the beginning of 1970, up to the end of 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

/// The last second of 9999.
const SECONDS_MAX: u64 = 253_402_300_799;

const DAY: u64 = 86_400;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Timestamp {
    /// A later time than the end of 9999 is taken for that.
    pub fn from_seconds(seconds: u64) -> Timestamp {
        Timestamp(seconds.min(SECONDS_MAX))
    }

    pub fn seconds(self) -> u64 {
        self.0
    }

    /// `20150830`.
    pub fn date(self) -> String {
        let (year, month, day) = civil(self.0 / DAY);
        format!("{year:04}{month:02}{day:02}")
    }

    pub fn plus(self, seconds: u64) -> Timestamp {
        Timestamp::from_seconds(self.0.saturating_add(seconds))
    }

    pub fn minus(self, seconds: u64) -> Timestamp {
        Timestamp(self.0.saturating_sub(seconds))
    }

    /// `20150830T123600Z`, ISO 8601's basic format.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let (date, time) = (&bytes[..8], &bytes[9..15]);
        let day = (number(&date[..4])?, number(&date[4..6])?, number(&date[6..])?);
        timestamp(day, [number(&time[..2])?, number(&time[2..4])?, number(&time[4..])?])
    }

    /// `Sun, 30 Aug 2015 12:36:00 GMT`, RFC 9110, section 5.6.7; the day of the week is not checked.
    pub fn parse_http(text: &str) -> Option<Timestamp> {
        let (_, rest) = text.split_once(", ")?;
        let mut words = rest.split(' ');
        let [day, month, year, time, zone] = std::array::from_fn(|_| words.next().unwrap_or_default());
        if zone != "GMT" || words.next().is_some() || (day.len(), year.len()) != (2, 4) {
            return None;
        }
        let month = MONTHS.iter().zip(1..).find(|(name, _)| **name == month)?.1;
        let bytes = time.as_bytes();
        if bytes.len() != 8 || bytes[2] != b':' || bytes[5] != b':' {
            return None;
        }
        let time = [number(&bytes[..2])?, number(&bytes[3..5])?, number(&bytes[6..])?];
        timestamp((number(year.as_bytes())?, month, number(day.as_bytes())?), time)
    }
}

/// A time before 1970 is taken for its beginning.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        Timestamp::from_seconds(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0 % DAY;
        write!(f, "{}T{:02}{:02}{:02}Z", self.date(), second / 3600, second / 60 % 60, second % 60)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    digits.iter().try_fold(0, |sum, byte| Some(sum * 10 + digit(byte)?))
}

fn timestamp((year, month, day): (u64, u64, u64), [hour, minute, second]: [u64; 3]) -> Option<Timestamp> {
    if !(1970..=9999).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let days = days_before(year) + (1..month).map(|month| days_in(year, month)).sum::<u64>() + day - 1;
    Some(Timestamp(days * DAY + hour * 3600 + minute * 60 + second))
}

/// Days from 1970 to the year's first.
fn days_before(year: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969)
}

fn days_in(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a day since 1970.
fn civil(day: u64) -> (u64, u64, u64) {
    // A year has at least 365 days, so that this is the year or a few before it.
    let mut year = 1970 + day / 366;
    while days_before(year + 1) <= day {
        year += 1;
    }
    let (mut month, mut left) = (1, day - days_before(year));
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(basic: &str, http: &str, seconds: u64) {
        assert_eq!(Timestamp::parse(basic), Some(Timestamp(seconds)), "{basic}");
        assert_eq!(Timestamp::parse_http(http), Some(Timestamp(seconds)), "{http}");
        assert_eq!(Timestamp(seconds).to_string(), basic);
    }

    #[test]
    fn times() {
        check("19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT", 0);
        check("20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT", 1_440_938_160);
        check("20000229T235959Z", "Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799);
        check("21000301T000000Z", "Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400);
        check("99991231T235959Z", "Fri, 31 Dec 9999 23:59:59 GMT", SECONDS_MAX);
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "20150830T123600",
            "20150830 123600Z",
            "20150230T123600Z",
            "20151301T123600Z",
            "20150830T240000Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "19691231T235959Z",
            "2015083OT123600Z",
            "+0150830T123600Z",
            "é0150830T12360Z",
            "20150830T123600ZZ",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        for text in [
            "",
            "Sun",
            "Sun, 30 Aug 2015",
            "Sun, 30 Aug 2015 12:36:00 UTC",
            "Sun, 30 Aug 2015 12:36 GMT",
            "Sun, 30 Aub 2015 12:36:00 GMT",
            "Sun, 3 Aug 2015 12:36:00 GMT",
            "Sun, 30 Aug 2015 12:36:00 GMT x",
            "Sun, 31 Sep 2015 12:36:00 GMT",
            "Sun, 30 Aug 2015 1é:36:0 GMT",
        ] {
            assert_eq!(Timestamp::parse_http(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_reads_back() {
        for day in 0..146_097 {
            let time = Timestamp(day * DAY + day % DAY);
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
    }
}

//! Dates as policies write them: the W3C's profile of ISO 8601, or seconds since 1970. (<https://www.w3.org/TR/NOTE-datetime>)

const DAY: i64 = 86_400;

/// Milliseconds since 1970, UTC.
pub fn parse(text: &str) -> Option<i64> {
    if let Some(seconds) = epoch(text) {
        return Some(seconds);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut words = date.split('-');
    let year = number(words.next()?, 4)?;
    let month = words.next().map_or(Some(1), |word| number(word, 2))?;
    let day = words.next().map_or(Some(1), |word| number(word, 2))?;
    let complete = date.len() == 10;
    if words.next().is_some() || time.is_some() && !complete || !(1..=12).contains(&month) {
        return None;
    }
    if !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let day_ms = days_from_civil(year, month, day) * DAY * 1000;
    Some(day_ms + time.map_or(Some(0), time_of_day)?)
}

/// Ten digits or so, perhaps with a fraction. Four digits are a year.
fn epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() <= 4 || whole.len() > 12 || !digits(whole) || !digits(fraction) {
        return None;
    }
    whole.parse::<i64>().ok().map(|seconds| seconds * 1000 + milliseconds(fraction))
}

/// `12:30Z`, `12:30:15.5+02:00`
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, offset_minutes) = match text.find(['Z', '+', '-'])? {
        at if &text[at..] == "Z" => (&text[..at], 0),
        at => {
            let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
            let (hours, minutes) = text[at + 1..].split_once(':')?;
            let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
            (&text[..at], (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))?)
        }
    };
    let mut words = clock.split(':');
    let (hour, minute) = (number(words.next()?, 2)?, number(words.next()?, 2)?);
    let seconds = words.next().unwrap_or("00");
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let second = number(second, 2)?;
    let fits = hour <= 23 && minute <= 59 && second <= 59 && words.next().is_none();
    let has_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = hour * 3600 + (minute - offset_minutes) * 60 + second;
    (fits && has_fraction).then(|| seconds * 1000 + milliseconds(fraction))
}

/// Of digits behind a point.
fn milliseconds(fraction: &str) -> i64 {
    let digit = |byte: u8| i64::from(byte - b'0');
    fraction.bytes().chain(std::iter::repeat(b'0')).take(3).fold(0, |sum, byte| sum * 10 + digit(byte))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 on. Years are counted from March, so that the leap day is a year's last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From 1 March of the year 0 to 1 January 1970.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// `2030-01-02T03:04:05Z`, of seconds since 1970.
pub fn written(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX).min(253_402_300_799);
    let (days, second) = (seconds / DAY, seconds % DAY);
    let mut year = 1970 + days / 366;
    while days_from_civil(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_from_civil(year, month + 1, 1) <= days {
        month += 1;
    }
    let day = days - days_from_civil(year, month, 1) + 1;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn dates_are_read() {
        check("1970", Some(0));
        check("1970-02", Some(31 * DAY * 1000));
        check("2000-03-01", Some(951_868_800_000));
        check("2020-01-01T00:00:01Z", Some(1_577_836_801_000));
        check("2020-01-01T00:00Z", Some(1_577_836_800_000));
        check("2020-01-01T02:00:00.25+02:00", Some(1_577_836_800_250));
        check("2019-12-31T22:30:00-01:30", Some(1_577_836_800_000));
        check("1577836800", Some(1_577_836_800_000));
        check("1577836800.5", Some(1_577_836_800_500));
        check("0001-01-01", Some(-62_135_596_800_000));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "*",
            "tomorrow",
            "2020-13-01",
            "2020-02-30",
            "2019-02-29",
            "2020-1-1",
            "2020-01-01T00:00:00",
            "2020-01T00:00Z",
            "2020-01-01T24:00Z",
            "2020-01-01T00:60Z",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00+2:00",
            "20200101T000000Z",
            "2020-01-01 00:00:00Z",
            "1577836800.",
            "+1577836800",
            "9999999999999",
            "2020-01-01T00:00:00Zx",
            "2020-01-01T00Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for seconds in [0, 951_782_400, 951_868_799, 1_577_836_799, 1_577_836_800, 4_102_444_800, 253_402_300_799] {
            let text = written(seconds);
            assert_eq!(parse(&text), Some(seconds as i64 * 1000), "{text}");
        }
    }
}

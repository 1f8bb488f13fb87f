//! Moments as Lambda writes them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// `2026-11-26T10:02:45.123Z`.
pub fn iso(unix_ms: u64) -> String {
    let (date, second, millisecond) = parts(unix_ms);
    let (year, month, day) = date;
    let [hour, minute, second] = [second / 3_600, second / 60 % 60, second % 60];
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// `2026-11-26T10:02:45.123+0000`, as the control API has `LastModified`.
pub fn last_modified(unix_ms: u64) -> String {
    let mut text = iso(unix_ms);
    text.truncate(text.len() - 1);
    text + "+0000"
}

/// `2026/11/26`, as names of log streams have it.
pub fn log_date(unix_ms: u64) -> String {
    let ((year, month, day), ..) = parts(unix_ms);
    format!("{year:04}/{month:02}/{day:02}")
}

/// The date, the second of the day and the millisecond of it; the calendar by Howard Hinnant's `civil_from_days`.
fn parts(unix_ms: u64) -> ((u64, u64, u64), u64, u64) {
    let seconds = unix_ms / 1_000;
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    ((year, month, day), seconds % 86_400, unix_ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_001), "2000-02-29T00:00:00.001Z");
        assert_eq!(iso(1_795_687_365_123), "2026-11-26T10:02:45.123Z");
        assert_eq!(last_modified(1_795_687_365_123), "2026-11-26T10:02:45.123+0000");
        assert_eq!(log_date(1_795_687_365_123), "2026/11/26");
    }
}

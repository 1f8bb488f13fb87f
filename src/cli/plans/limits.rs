//! How a plan's limits are written on the command line and in what is told: `10`, `1000/month`.

use std::str::FromStr;

use crate::model::{QuotaPeriod, QuotaSettings, ThrottleSettings};

/// `1000/month`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: i32,
    pub period: QuotaPeriod,
}

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Quota, String> {
        let wrong = || "write a number and day, week or month, such as 1000/month".to_owned();
        let (limit, period) = text.split_once('/').ok_or_else(wrong)?;
        let limit = limit.parse().ok().filter(|limit| *limit >= 0).ok_or_else(wrong)?;
        let periods = [QuotaPeriod::Day, QuotaPeriod::Week, QuotaPeriod::Month];
        let period = periods.into_iter().find(|known| word(*known) == period).ok_or_else(wrong)?;
        Ok(Quota { limit, period })
    }
}

impl Quota {
    /// AWS's word for the period.
    pub fn aws_period(self) -> String {
        word(self.period).to_uppercase()
    }
}

fn word(period: QuotaPeriod) -> &'static str {
    match period {
        QuotaPeriod::Day => "day",
        QuotaPeriod::Week => "week",
        QuotaPeriod::Month => "month",
    }
}

/// Requests per second.
pub fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
    number.ok_or_else(|| "write requests per second, such as 10 or 0.5".to_owned())
}

/// `GET /pets/{id}` as AWS has it in a throttle: `/pets/{id}/GET`.
pub fn method(text: &str) -> Result<String, String> {
    let parts = text.split_once(' ').map(|(method, path)| (method, path.trim_start()));
    let parts = parts.filter(|(method, path)| !method.is_empty() && path.starts_with('/'));
    let (method, path) = parts.ok_or_else(|| "write a method and its path, such as 'GET /pets/{id}'".to_owned())?;
    Ok(format!("{path}/{method}"))
}

/// `10/s, burst 20`.
pub fn throttle_text(throttle: ThrottleSettings) -> String {
    format!("{}/s, burst {}", throttle.rate_limit, throttle.burst_limit)
}

/// `1000/month`, and where its periods do not begin on their first day, from which they do.
pub fn quota_text(quota: QuotaSettings) -> String {
    let period = quota.period.map_or("?", word);
    match quota.offset {
        0 => format!("{}/{period}", quota.limit),
        offset => format!("{}/{period}, offset {offset}", quota.limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_have_a_period() {
        assert_eq!("1000/month".parse(), Ok(Quota { limit: 1000, period: QuotaPeriod::Month }));
        assert_eq!("0/day".parse(), Ok(Quota { limit: 0, period: QuotaPeriod::Day }));
        for wrong in ["1000", "-1/day", "1/year", "x/day", "99999999999/day", ""] {
            assert!(wrong.parse::<Quota>().is_err(), "{wrong}");
        }
        let quota = QuotaSettings { limit: 5, offset: 0, period: Some(QuotaPeriod::Week) };
        assert_eq!(quota_text(quota), "5/week");
        assert_eq!(quota_text(QuotaSettings { offset: 1, ..quota }), "5/week, offset 1");
    }

    #[test]
    fn rates_are_numbers() {
        assert_eq!((rate("10"), rate("0.5")), (Ok(10.0), Ok(0.5)));
        for wrong in ["-1", "NaN", "inf", "1e999", "ten", ""] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        assert_eq!(throttle_text(ThrottleSettings { rate_limit: 0.5, burst_limit: 2 }), "0.5/s, burst 2");
    }

    #[test]
    fn methods_are_written_as_routes() {
        assert_eq!(method("GET /pets/{id}"), Ok("/pets/{id}/GET".to_owned()));
        assert_eq!(method("GET /"), Ok("//GET".to_owned()));
        for wrong in ["GET", "/pets", "GET pets", " /pets", ""] {
            assert!(method(wrong).is_err(), "{wrong}");
        }
    }
}

//! Numbers with units: `10k`, `1k..50k`, `1.5s`, `64KiB`, `5%`, `0,2-3`.

use std::str::FromStr;
use std::time::Duration;

/// `--rate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    Constant(f64),
    /// From the first to the second, which may be lower.
    Range(f64, f64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        match text.split_once("..") {
            None => rate(text).map(Rate::Constant),
            Some((from, to)) => Ok(Rate::Range(rate(from)?, rate(to)?)),
        }
    }
}

/// A second: `500`, `10k`, `1.5M`.
pub fn rate(text: &str) -> Result<f64, String> {
    scaled(text, &[("k", 1e3), ("K", 1e3), ("M", 1e6), ("m", 1e6), ("", 1.0)])
        .filter(|rate| *rate <= RATE_MAX)
        .ok_or_else(|| {
            format!(
                "`{text}` is not a rate; write 500, 10k or 1.5M requests a second, up to 1000M, or a range such as \
                 1k..50k"
            )
        })
}

/// A request a nanosecond: times are counted in these.
const RATE_MAX: f64 = 1e9;

/// A whole number from 1: `500`, `10k`, `2M`.
pub fn count(text: &str) -> Result<u64, String> {
    scaled(text, &[("k", 1e3), ("K", 1e3), ("M", 1e6), ("m", 1e6), ("", 1.0)])
        .filter(|number| (1.0..1e15).contains(number) && number.fract() == 0.0)
        .map(|number| number as u64)
        .ok_or_else(|| format!("`{text}` is not a count; write a whole number from 1, such as 500, 10k or 2M"))
}

/// Nanoseconds to hours; only zero needs no unit.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    // "s" last: the other units end with it too.
    let units = [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("m", 60.0), ("h", 3600.0), ("s", 1.0)];
    scaled(text, &units).filter(|seconds| *seconds <= DURATION_MAX_S).map(Duration::from_secs_f64).ok_or_else(|| {
        format!("`{text}` is not a duration; write a number and us, ms, s, m or h, such as 500ms, up to 10000h")
    })
}

/// More than a year. Sums of a few fit 64 bits of nanoseconds.
const DURATION_MAX_S: f64 = 10_000.0 * 3600.0;

pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it has to be longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}

/// Bytes: `512`, `64KiB`, `1MiB`.
pub fn bytes(text: &str) -> Result<usize, String> {
    scaled(text, &[("KiB", 1024.0), ("MiB", 1048576.0), ("GiB", 1073741824.0), ("kB", 1e3), ("MB", 1e6), ("", 1.0)])
        .filter(|number| (1.0..=1e12).contains(number) && number.fract() == 0.0)
        .map(|number| number as usize)
        .ok_or_else(|| format!("`{text}` is not a size; write bytes such as 512, 64KiB or 1MiB"))
}

/// A share between 0 and 1, both excluded: `5%`, `0.05`.
pub fn share(text: &str) -> Result<f64, String> {
    scaled(text, &[("%", 0.01), ("", 1.0)])
        .filter(|share| *share > 0.0 && *share < 1.0)
        .ok_or_else(|| format!("`{text}` is not a share; write 5% or 0.05"))
}

/// CPUs by number: `0,2-3`.
pub fn cpus(text: &str) -> Result<Vec<usize>, String> {
    let wrong = || format!("`{text}` is not a list of CPUs; write their numbers, such as 0,2-3");
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u16, u16) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
        if first > last {
            return Err(wrong());
        }
        cpus.extend((first..=last).map(usize::from));
    }
    Ok(cpus)
}

/// A decimal number before the first unit that fits. No signs, no exponents, no `inf`.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.parse().ok().filter(|_| digits)?;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(result: Result<T, String>, expected: Option<T>) {
        assert_eq!(result.ok(), expected);
    }

    #[test]
    fn rates() {
        check("500".parse(), Some(Rate::Constant(500.0)));
        check("0.5".parse(), Some(Rate::Constant(0.5)));
        check("1.5k".parse(), Some(Rate::Constant(1500.0)));
        check("2M".parse(), Some(Rate::Constant(2e6)));
        check("1k..50k".parse(), Some(Rate::Range(1e3, 5e4)));
        check("5..0".parse(), Some(Rate::Range(5.0, 0.0)));
        for wrong in ["", "k", "-1", "1e3", "inf", "NaN", "1 k", "1..", "..1", "1..2..3", "1g", "1001M"] {
            check(wrong.parse::<Rate>(), None);
        }
    }

    #[test]
    fn counts() {
        check(count("1"), Some(1));
        check(count("1.5k"), Some(1500));
        check(count("2M"), Some(2_000_000));
        for wrong in ["0", "", "1.5", "-1", "1e30", "99999999999999999999"] {
            check(count(wrong), None);
        }
    }

    #[test]
    fn durations() {
        check(duration("0"), Some(Duration::ZERO));
        check(duration("0s"), Some(Duration::ZERO));
        check(duration("50us"), Some(Duration::from_micros(50)));
        check(duration("50µs"), Some(Duration::from_micros(50)));
        check(duration("20ns"), Some(Duration::from_nanos(20)));
        check(duration("1.5ms"), Some(Duration::from_micros(1500)));
        check(duration("10s"), Some(Duration::from_secs(10)));
        check(duration("2m"), Some(Duration::from_secs(120)));
        check(duration("0.5h"), Some(Duration::from_secs(1800)));
        for wrong in ["", "10", "s", "-1s", "1 s", "1d", "10001h", "99999999999999999999999h"] {
            check(duration(wrong), None);
        }
        check(positive_duration("0ms"), None);
    }

    #[test]
    fn sizes() {
        check(bytes("1"), Some(1));
        check(bytes("64KiB"), Some(65536));
        check(bytes("1MiB"), Some(1048576));
        check(bytes("2kB"), Some(2000));
        for wrong in ["0", "64k", "1.5", "-1", ""] {
            check(bytes(wrong), None);
        }
    }

    #[test]
    fn shares() {
        check(share("5%"), Some(0.05));
        check(share("0.1"), Some(0.1));
        for wrong in ["0", "100%", "1", "-1%", "five"] {
            check(share(wrong), None);
        }
    }

    #[test]
    fn lists_of_cpus() {
        check(cpus("0"), Some(vec![0]));
        check(cpus("3,0-2"), Some(vec![3, 0, 1, 2]));
        for wrong in ["", "a", "1,", "2-1", "-1", "99999"] {
            check(cpus(wrong), None);
        }
    }
}

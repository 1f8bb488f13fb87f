//! Figures for people: three significant digits and a unit that suits them.

/// A time given in ns: `850 ns`, `12.3 µs`, `4.20 ms`, `1.05 s`.
pub fn time(ns: f64) -> String {
    scaled(ns, &[(1.0, " ns"), (1e3, " µs"), (1e6, " ms"), (1e9, " s")])
}

/// A size or a number of bytes: `512 B`, `12.3 MiB`.
pub fn bytes(bytes: f64) -> String {
    const KIB: f64 = 1024.0;
    scaled(bytes, &[(1.0, " B"), (KIB, " KiB"), (KIB * KIB, " MiB"), (KIB * KIB * KIB, " GiB")])
}

/// A number where its magnitude matters: `850`, `12.3k`, `4.20M`.
pub fn short(number: f64) -> String {
    scaled(number, &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")])
}

/// A whole number where every digit matters: `1,446,390`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 worker`, `64 connections`.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// Events a second: `48,213/s`; decimals only below 100.
pub fn rate(per_second: f64) -> String {
    if per_second < 99.95 {
        format!("{}/s", digits(per_second))
    } else {
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// A share of one: `0 %`, `0.04 %`, `12.3 %`. What is not nothing does not look like nothing.
pub fn share(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        percent if percent < 0.001 => "<0.001 %".to_owned(),
        percent if percent < 0.01 => format!("{percent:.3} %"),
        percent => format!("{} %", digits(percent)),
    }
}

/// How long something took, for people: `0.50 s`, `30.0 s`, `12 min 30 s`, `1 h 05 min`.
pub fn span(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..120 => format!("{} s", digits(seconds)),
        120..7200 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// The largest unit that leaves at least one before the point; 999.6 counts as the next unit's 1.00.
fn scaled(number: f64, units: &[(f64, &str)]) -> String {
    let (size, unit) = units.iter().rev().find(|(size, _)| number >= size * 0.9995).unwrap_or(&units[0]);
    // Nobody counts in parts of a nanosecond or of a byte.
    if *size == 1.0 { format!("{number:.0}{unit}") } else { format!("{}{unit}", digits(number / size)) }
}

/// Three significant digits.
fn digits(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        number if number < 9.995 => format!("{number:.2}"),
        number if number < 99.95 => format!("{number:.1}"),
        number => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        fn check(actual: String, expected: &str) {
            assert_eq!(actual, expected);
        }
        check(time(0.0), "0 ns");
        check(time(850.0), "850 ns");
        check(time(999.6), "1.00 µs");
        check(time(12_345.0), "12.3 µs");
        check(time(4_199_999.0), "4.20 ms");
        check(time(999_600_000.0), "1.00 s");
        check(time(3.6e12), "3600 s");
        check(bytes(512.0), "512 B");
        check(bytes(12.3 * 1024.0 * 1024.0), "12.3 MiB");
        check(short(850.0), "850");
        check(short(12_345.0), "12.3k");
        check(short(999_990.0), "1.00M");
        check(count(0), "0");
        check(count(999), "999");
        check(count(1_446_390), "1,446,390");
        check(counted(1, "worker"), "1 worker");
        check(counted(1_024, "connection"), "1,024 connections");
        check(rate(0.0), "0/s");
        check(rate(12.34), "12.3/s");
        check(rate(48_213.4), "48,213/s");
        check(share(0.0), "0 %");
        check(share(0.000_000_1), "<0.001 %");
        check(share(0.000_05), "0.005 %");
        check(share(0.000_4), "0.04 %");
        check(share(1.0), "100 %");
        check(span(0.5), "0.50 s");
        check(span(30.0), "30.0 s");
        check(span(750.0), "12 min 30 s");
        check(span(3900.0), "65 min 00 s");
        check(span(7500.0), "2 h 05 min");
    }
}

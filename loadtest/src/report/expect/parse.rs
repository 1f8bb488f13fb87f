//! Text → conditions, with errors that name the column.
//!
//! ```text
//! expectations = condition *("," condition)
//! condition    = metric operator number [unit]        ; blanks may stand around each
//! metric       = ["service." / "lag."] ("p" number / "min" / "mean" / "max") / "rate" / "error_rate" / …
//! operator     = "<" / "<=" / ">" / ">=" / "="
//! ```

use super::{Condition, Counter, Distribution, Figure, Metric, Operator};

const METRICS: &str = "p50, p99.9 (any percentile), min, mean, max, each also after `service.` or `lag.`; rate, error_rate, \
                       sent, answered, failed, in_flight, not_sent, tool_cpu, server_cpu";

/// What a metric is measured in, with the factors of the units that it can be written in.
#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Time,
    Share,
    Rate,
    Number,
}

impl Quantity {
    fn units(self) -> &'static [(&'static str, f64)] {
        match self {
            // No bare numbers: whether `5` is µs or ms is a guess that a threshold must not rest on.
            Quantity::Time => &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9)],
            Quantity::Share => &[("%", 0.01), ("", 1.0)],
            Quantity::Rate => &[("", 1.0), ("k", 1e3), ("M", 1e6), ("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6)],
            Quantity::Number => &[("", 1.0), ("k", 1e3), ("M", 1e6)],
        }
    }

    fn known(self) -> &'static str {
        match self {
            Quantity::Time => "a time in ns, us, µs, ms or s",
            Quantity::Share => "a share such as 0.1% or 0.001",
            Quantity::Rate => "a number a second, also with k or M",
            Quantity::Number => "a number, also with k or M",
        }
    }
}

pub fn conditions(text: &str) -> Result<Vec<Condition>, String> {
    let mut conditions = Vec::new();
    let mut start = 0;
    for part in text.split(',') {
        conditions.push(condition(Piece { text, start, end: start + part.len() })?);
        start += part.len() + 1;
    }
    Ok(conditions)
}

fn condition(piece: Piece<'_>) -> Result<Condition, String> {
    let piece = piece.trimmed();
    let text = piece.text();
    if text.is_empty() {
        return Err(piece.error("a condition is missing, such as `p99<5ms`"));
    }
    let Some(at) = text.find(['<', '>', '=']) else {
        return Err(piece.from(text.len()).error("an operator is missing; known: <, <=, >, >=, ="));
    };
    let (operator, length) = operator(&text[at..]);
    let (metric, quantity) = metric(piece.to(at).trimmed())?;
    let bound = quantity_of(piece.from(at + length).trimmed(), quantity)?;
    Ok(Condition { text: text.to_owned(), metric, operator, bound })
}

/// The operator at the beginning of `text`, and its length.
fn operator(text: &str) -> (Operator, usize) {
    match text.as_bytes() {
        [b'<', b'=', ..] => (Operator::LessOrEqual, 2),
        [b'>', b'=', ..] => (Operator::GreaterOrEqual, 2),
        [b'<', ..] => (Operator::Less, 1),
        [b'>', ..] => (Operator::Greater, 1),
        _ => (Operator::Equal, 1),
    }
}

fn metric(piece: Piece<'_>) -> Result<(Metric, Quantity), String> {
    let counter = |counter| (Metric::Count(counter), Quantity::Number);
    Ok(match piece.text() {
        "rate" => (Metric::Rate, Quantity::Rate),
        "error_rate" => (Metric::ErrorRate, Quantity::Share),
        "sent" => counter(Counter::Sent),
        "answered" => counter(Counter::Answered),
        "failed" => counter(Counter::Failed),
        "in_flight" => counter(Counter::InFlight),
        "not_sent" => counter(Counter::NotSent),
        "tool_cpu" => (Metric::ToolCpu, Quantity::Time),
        "server_cpu" => (Metric::ServerCpu, Quantity::Time),
        text => {
            let (distribution, name) = match text.split_once('.') {
                Some(("service", name)) => (Distribution::ServiceTime, name),
                Some(("lag", name)) => (Distribution::Lag, name),
                _ => (Distribution::Latency, text),
            };
            (Metric::Of(distribution, figure(name, piece)?), Quantity::Time)
        }
    })
}

fn figure(name: &str, piece: Piece<'_>) -> Result<Figure, String> {
    match name {
        "min" => return Ok(Figure::Min),
        "mean" => return Ok(Figure::Mean),
        "max" => return Ok(Figure::Max),
        _ => {}
    }
    let digits = name.strip_prefix('p').filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
    // Not divided by 100: 0.9990000000000001 of a thousand values is all of them.
    let Some(quantile) = digits.and_then(|digits| format!("{digits}e-2").parse::<f64>().ok()) else {
        return Err(piece.error(&format!("unknown metric `{}`; known: {METRICS}", piece.text())));
    };
    if quantile > 1.0 {
        return Err(piece.error("a percentile is at most 100"));
    }
    Ok(Figure::Quantile(quantile))
}

fn quantity_of(piece: Piece<'_>, quantity: Quantity) -> Result<f64, String> {
    let text = piece.text();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let Ok(number) = text[..end].parse::<f64>() else {
        return Err(piece.error(&format!("expected {}", quantity.known())));
    };
    let unit = piece.from(end).trimmed();
    match quantity.units().iter().find(|(name, _)| *name == unit.text()) {
        Some((_, factor)) => Ok(number * factor),
        None if unit.text().is_empty() => Err(unit.error(&format!("a unit is missing; expected {}", quantity.known()))),
        None => Err(unit.error(&format!("unknown unit `{}`; expected {}", unit.text(), quantity.known()))),
    }
}

/// A part of the text that knows its place.
#[derive(Clone, Copy)]
struct Piece<'t> {
    text: &'t str,
    start: usize,
    end: usize,
}

impl<'t> Piece<'t> {
    fn text(self) -> &'t str {
        &self.text[self.start..self.end]
    }

    fn from(self, at: usize) -> Piece<'t> {
        Piece { start: self.start + at, ..self }
    }

    fn to(self, at: usize) -> Piece<'t> {
        Piece { end: self.start + at, ..self }
    }

    fn trimmed(self) -> Piece<'t> {
        let start = self.end - self.text().trim_start().len();
        Piece { start, end: start + self.text().trim().len(), ..self }
    }

    fn error(self, message: &str) -> String {
        format!("column {}: {message}", self.text[..self.start].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        fn check(text: &str, metric: Metric, operator: Operator, bound: f64) {
            let conditions = conditions(text).unwrap();
            let [condition] = &conditions[..] else { panic!("one condition in {text}") };
            assert_eq!((condition.metric, condition.operator), (metric, operator), "{text}");
            assert!((condition.bound - bound).abs() < bound * 1e-9 + 1e-12, "{text}: {}", condition.bound);
        }
        let latency = |quantile| Metric::Of(Distribution::Latency, Figure::Quantile(quantile));
        check("p99<5ms", latency(0.99), Operator::Less, 5e6);
        check("p99.9 <= 250 us", latency(0.999), Operator::LessOrEqual, 250e3);
        check("p50>1.5µs", latency(0.5), Operator::Greater, 1.5e3);
        check("p100<2s", latency(1.0), Operator::Less, 2e9);
        check("max<800ns", Metric::Of(Distribution::Latency, Figure::Max), Operator::Less, 800.0);
        check("service.mean<1ms", Metric::Of(Distribution::ServiceTime, Figure::Mean), Operator::Less, 1e6);
        check("lag.p99<20us", Metric::Of(Distribution::Lag, Figure::Quantile(0.99)), Operator::Less, 20e3);
        check("error_rate<0.1%", Metric::ErrorRate, Operator::Less, 0.001);
        check("error_rate=0", Metric::ErrorRate, Operator::Equal, 0.0);
        check("rate>=10k", Metric::Rate, Operator::GreaterOrEqual, 10e3);
        check("rate>1.2M/s", Metric::Rate, Operator::Greater, 1.2e6);
        check("answered>1000", Metric::Count(Counter::Answered), Operator::Greater, 1000.0);
        check("server_cpu<12us", Metric::ServerCpu, Operator::Less, 12e3);
    }

    #[test]
    fn errors_name_the_column() {
        fn check(text: &str, expected: &str) {
            let error = conditions(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        check("", "column 1: a condition is missing");
        check("p99<5ms,", "column 9: a condition is missing");
        check("p99", "column 4: an operator is missing; known: <, <=, >, >=, =");
        check("p50<1ms, q99<5ms", "column 10: unknown metric `q99`; known: p50, p99.9 (any");
        check("p<5ms", "column 1: unknown metric `p`");
        check("pinf<5ms", "column 1: unknown metric `pinf`");
        check("p101<5ms", "column 1: a percentile is at most 100");
        check("service.rate>1", "column 1: unknown metric `service.rate`");
        check("p99<fast", "column 5: expected a time in ns, us, µs, ms or s");
        check("p99<5", "column 6: a unit is missing; expected a time in");
        check("p99<5%", "column 6: unknown unit `%`; expected a time in");
        check("p50<1µs,rate>5x", "column 15: unknown unit `x`; expected a number a second");
        check("p99==5ms", "column 5: expected a time");
        check("p99<-5ms", "column 5: expected a time");
    }
}

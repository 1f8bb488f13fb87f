//! Thresholds: `p99<5ms,error_rate<0.1%,rate>10k`. `docs/load-test-report.md` has the grammar for users.
//!
//! `parse` reads them; here they are judged, on a report or, in a search, on a trial's [`Measured`] alone.

mod parse;

use std::fmt;
use std::str::FromStr;

use super::units::{count, rate, share, time};
use super::{Latency, Measured, Report};

/// Conditions that a report meets or does not; all of them have to be met.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectations {
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    /// As written.
    text: String,
    metric: Metric,
    operator: Operator,
    /// In the metric's unit: ns, a share of one, a second, or a number.
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Of(Distribution, Figure),
    Rate,
    ErrorRate,
    Count(Counter),
    ToolCpu,
    ServerCpu,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Distribution {
    Latency,
    ServiceTime,
    Lag,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    /// 0 to 1.
    Quantile(f64),
    Min,
    Mean,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Counter {
    Sent,
    Answered,
    Failed,
    InFlight,
    NotSent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

/// Whether a condition was met, for the reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// As written: `p99<5ms`.
    pub condition: String,
    /// What it was: `4.20 ms`, or why that is not known.
    pub actual: String,
    pub met: bool,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { condition, actual, met } = self;
        write!(f, "{} {condition}: {actual}", if *met { "met    " } else { "not met" })
    }
}

impl Expectations {
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// A verdict for each condition, in the order of writing. What is not known counts as not met.
    pub fn judge(&self, report: &Report) -> Vec<Verdict> {
        let cpu = Cpu {
            tool_us: Some(report.tool.cpu_us_per_request),
            server_us: report.server.as_ref().map(|server| server.cpu_us_per_request),
        };
        self.conditions.iter().map(|condition| condition.judge(&report.total, &cpu)).collect()
    }

    /// As [`Expectations::judge`], for a trial of a search; see [`Expectations::needs_only_measured`].
    pub fn judge_measured(&self, measured: &Measured) -> Vec<Verdict> {
        let cpu = Cpu { tool_us: None, server_us: None };
        self.conditions.iter().map(|condition| condition.judge(measured, &cpu)).collect()
    }

    /// Whether [`Expectations::judge_measured`] can say anything; if not, which condition asks for more.
    pub fn needs_only_measured(&self) -> Result<(), String> {
        match self.conditions.iter().find(|c| matches!(c.metric, Metric::ToolCpu | Metric::ServerCpu)) {
            Some(condition) => {
                Err(format!("`{condition}`: CPU is measured over a whole run, not in a trial of a search"))
            }
            None => Ok(()),
        }
    }
}

impl FromStr for Expectations {
    type Err = String;

    fn from_str(text: &str) -> Result<Expectations, String> {
        Ok(Expectations { conditions: parse::conditions(text)? })
    }
}

impl fmt::Display for Expectations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.conditions.iter().map(|condition| condition.text.as_str()).collect();
        f.write_str(&texts.join(","))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// CPU time for a request, µs, where it was measured.
struct Cpu {
    tool_us: Option<f64>,
    server_us: Option<f64>,
}

impl Condition {
    fn judge(&self, measured: &Measured, cpu: &Cpu) -> Verdict {
        let (actual, met) = match self.metric.value(measured, cpu) {
            Ok(value) => (self.metric.show(value), self.operator.holds(value, self.bound)),
            Err(reason) => (reason, false),
        };
        Verdict { condition: self.text.clone(), actual, met }
    }
}

impl Metric {
    /// In the unit of [`Condition::bound`], or why it is not known.
    fn value(self, measured: &Measured, cpu: &Cpu) -> Result<f64, String> {
        match self {
            Metric::Of(distribution, figure) => figure.value(distribution.of(measured)?),
            Metric::Rate => Ok(measured.rate),
            Metric::ErrorRate => Ok(measured.error_rate),
            Metric::Count(counter) => Ok(counter.value(measured) as f64),
            Metric::ToolCpu => Ok(cpu.tool_us.ok_or("not measured")? * 1e3),
            Metric::ServerCpu => Ok(cpu.server_us.ok_or("not measured: it needs --target-pid")? * 1e3),
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Metric::Of(..) | Metric::ToolCpu | Metric::ServerCpu => time(value),
            Metric::Rate => rate(value),
            Metric::ErrorRate => share(value),
            Metric::Count(_) => count(value as u64),
        }
    }
}

impl Distribution {
    fn of(self, measured: &Measured) -> Result<&Latency, String> {
        match self {
            Distribution::Latency => Ok(&measured.latency),
            // In a closed loop a request is due when it is sent.
            Distribution::ServiceTime => Ok(measured.service_time.as_ref().unwrap_or(&measured.latency)),
            Distribution::Lag => measured.lag.as_ref().ok_or_else(|| "a closed loop has no lag".to_owned()),
        }
    }
}

impl Figure {
    fn value(self, latency: &Latency) -> Result<f64, String> {
        if latency.count == 0 {
            return Err("nothing was answered".to_owned());
        }
        match self {
            Figure::Quantile(quantile) => Ok(value_at(latency, quantile)? as f64),
            Figure::Min => Ok(latency.min as f64),
            Figure::Mean => Ok(latency.mean),
            Figure::Max => Ok(latency.max as f64),
        }
    }
}

/// From the distribution, or from the key figures where a report was stripped of it.
fn value_at(latency: &Latency, quantile: f64) -> Result<u64, String> {
    if let Some(histogram) = latency.distribution()? {
        return Ok(histogram.value_at_quantile(quantile));
    }
    let known = [
        (0.5, latency.p50),
        (0.9, latency.p90),
        (0.99, latency.p99),
        (0.999, latency.p999),
        (0.9999, latency.p9999),
        (1.0, latency.max),
    ];
    let found = known.iter().find(|(known, _)| (known - quantile).abs() < 1e-9);
    found.map(|(_, value)| *value).ok_or_else(|| "not known: the report holds no histogram".to_owned())
}

impl Counter {
    fn value(self, measured: &Measured) -> u64 {
        match self {
            Counter::Sent => measured.sent,
            Counter::Answered => measured.answered,
            Counter::Failed => measured.failures.values().sum(),
            Counter::InFlight => measured.in_flight,
            Counter::NotSent => measured.not_sent,
        }
    }
}

impl Operator {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Operator::Less => value < bound,
            Operator::LessOrEqual => value <= bound,
            Operator::Greater => value > bound,
            Operator::GreaterOrEqual => value >= bound,
            Operator::Equal => value == bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn judge(text: &str, report: &Report) -> Vec<String> {
        text.parse::<Expectations>().unwrap().judge(report).iter().map(Verdict::to_string).collect()
    }

    #[test]
    fn conditions_are_judged() {
        fn check(condition: &str, expected: &str) {
            assert_eq!(judge(condition, &sample::full()), [expected]);
        }
        check("p50<1ms", "met     p50<1ms: 200 µs");
        check("p99.9<5ms", "not met p99.9<5ms: 170 ms");
        check("p95<1ms", "met     p95<1ms: 394 µs");
        check("max>=200ms", "met     max>=200ms: 200 ms");
        check("service.p99.9<5ms", "met     service.p99.9<5ms: 1.20 ms");
        check("lag.p99<5us", "not met lag.p99<5us: 5.79 µs");
        check("rate>10k", "not met rate>10k: 9,993/s");
        check("error_rate<0.1%", "met     error_rate<0.1%: 0.04 %");
        check("failed=107", "met     failed=107: 107");
        check("not_sent=0", "not met not_sent=0: 118");
        check("tool_cpu<=3us", "met     tool_cpu<=3us: 2.67 µs");
        check("server_cpu<10us", "not met server_cpu<10us: 10.5 µs");
    }

    #[test]
    fn all_are_judged_in_order() {
        let verdicts = judge("p50<1ms, error_rate=0", &sample::ordinary());
        assert_eq!(verdicts, ["met     p50<1ms: 200 µs", "not met error_rate=0: 0.04 %"]);
    }

    #[test]
    fn what_is_not_known_is_not_met() {
        fn check(condition: &str, expected: &str) {
            let mut report = sample::closed_loop();
            report.total.latency.histogram = None;
            assert_eq!(judge(condition, &report), [expected]);
        }
        check("server_cpu<1s", "not met server_cpu<1s: not measured: it needs --target-pid");
        check("lag.max<1s", "not met lag.max<1s: a closed loop has no lag");
        check("p95<1s", "not met p95<1s: not known: the report holds no histogram");
        check("service.p99.9<1s", "met     service.p99.9<1s: 170 ms");
    }

    #[test]
    fn without_answers_no_latency_is_good_enough() {
        let mut report = sample::ordinary();
        report.total.latency = Latency::default();
        assert_eq!(judge("p99<5ms", &report), ["not met p99<5ms: nothing was answered"]);
    }

    #[test]
    fn a_trial_is_judged_without_cpu() {
        fn check(text: &str, expected: Result<(), &str>) {
            let actual = text.parse::<Expectations>().unwrap().needs_only_measured();
            assert_eq!(actual, expected.map_err(str::to_owned));
        }
        check("p99<5ms,error_rate<1%", Ok(()));
        check(
            "p99<5ms,server_cpu<1ms",
            Err("`server_cpu<1ms`: CPU is measured over a whole run, not in a trial of a search"),
        );
        let expectations: Expectations = "p50<1ms".parse().unwrap();
        assert!(expectations.judge_measured(&sample::ordinary().total)[0].met);
    }
}

//! Reports side by side: each figure with its ratio to the first report's, and whether that is more than noise.
//!
//! [`noise`] decides; [`compare`] is the table that the text here and the page share.

pub mod noise;

use super::units::{share, span, time};
use super::{Repeat, Report, units};
use noise::Verdict;

/// A table of figures by run, the first of which is the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Differences between what the runs were asked for: what follows is about those as well.
    pub warnings: Vec<String>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: &'static str,
    /// By report, in order.
    pub cells: Vec<Cell>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The median of the repeats, with its unit; `–` where it was not measured.
    pub value: String,
    /// To the first report; absent in the first, and where either is not known or the first is zero.
    pub ratio: Option<f64>,
    /// Absent in the first report, and where either is not known.
    pub verdict: Option<Verdict>,
}

/// What is compared.
struct Figure {
    name: &'static str,
    of: fn(&Repeat) -> Option<f64>,
    show: fn(f64) -> String,
    higher_is_better: bool,
}

const FIGURES: [Figure; 9] = [
    Figure { name: "rate", of: |repeat| Some(repeat.rate), show: units::rate, higher_is_better: true },
    latency("p50", |repeat| Some(repeat.p50 as f64)),
    latency("p90", |repeat| Some(repeat.p90 as f64)),
    latency("p99", |repeat| Some(repeat.p99 as f64)),
    latency("p99.9", |repeat| Some(repeat.p999 as f64)),
    latency("max", |repeat| Some(repeat.max as f64)),
    Figure { name: "errors", of: |repeat| Some(repeat.error_rate), show: share, higher_is_better: false },
    latency("tool CPU", |repeat| Some(repeat.tool_cpu_us * 1e3)),
    latency("server CPU", |repeat| repeat.server_cpu_us.map(|us| us * 1e3)),
];

const fn latency(name: &'static str, of: fn(&Repeat) -> Option<f64>) -> Figure {
    Figure { name, of, show: time, higher_is_better: false }
}

pub fn compare(reports: &[Report]) -> Comparison {
    let Some((baseline, others)) = reports.split_first() else {
        return Comparison { warnings: Vec::new(), rows: Vec::new() };
    };
    let warnings = others.iter().zip(1..).filter_map(|(other, index)| difference(baseline, other, index)).collect();
    let rows = FIGURES.iter().map(|figure| row(figure, reports)).filter(|row| row.cells.iter().any(Cell::is_known));
    Comparison { warnings, rows: rows.collect() }
}

/// A run's name in tables: A, B, …; numbers after Z.
pub fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index @ 0..26) => char::from(b'A' + index).to_string(),
        _ => (index + 1).to_string(),
    }
}

/// What a reader has to know of a run to tell it from the others.
pub fn facts(report: &Report) -> String {
    let repeats = match report.repeats.len() {
        0 | 1 => String::new(),
        repeats => format!(", {repeats} repeats"),
    };
    format!("{} for {}{repeats}, {}", report.load.schedule, span(report.total.seconds), report.started_at)
}

/// Whether the two were asked for the same.
fn difference(baseline: &Report, other: &Report, index: usize) -> Option<String> {
    let (a, b) = (&baseline.load, &other.load);
    let facts = [
        ("schedules", a.schedule.clone(), b.schedule.clone()),
        ("connections", a.connections.to_string(), b.connections.to_string()),
        ("depths", a.depth.to_string(), b.depth.to_string()),
        ("workers", a.workers.to_string(), b.workers.to_string()),
        ("drivers", a.driver.clone(), b.driver.clone()),
        ("TLS", tls(baseline), tls(other)),
        ("numbers of requests", baseline.target.requests.to_string(), other.target.requests.to_string()),
    ];
    let differences: Vec<String> =
        facts.into_iter().filter(|(_, a, b)| a != b).map(|(name, a, b)| format!("{name} ({a} and {b})")).collect();
    let letter = letter(index);
    (!differences.is_empty())
        .then(|| format!("A and {letter} were not asked for the same: {}.", differences.join(", ")))
}

fn tls(report: &Report) -> String {
    report.target.tls.clone().unwrap_or_else(|| "none".to_owned())
}

fn row(figure: &Figure, reports: &[Report]) -> Row {
    let samples: Vec<Vec<f64>> =
        reports.iter().map(|report| report.repeats.iter().filter_map(figure.of).collect()).collect();
    let cells = samples.iter().enumerate().map(|(index, values)| cell(figure, &samples[0], values, index == 0));
    Row { name: figure.name, cells: cells.collect() }
}

fn cell(figure: &Figure, baseline: &[f64], values: &[f64], is_baseline: bool) -> Cell {
    let (first, this) = (noise::median(baseline), noise::median(values));
    let value = this.map_or("–".to_owned(), figure.show);
    let (Some(first), Some(this), false) = (first, this, is_baseline) else {
        return Cell { value, ratio: None, verdict: None };
    };
    let ratio = (first != 0.0).then_some(this / first);
    Cell { value, ratio, verdict: Some(noise::judge(baseline, values, figure.higher_is_better)) }
}

impl Comparison {
    /// Those that occur.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let verdicts: Vec<Verdict> =
            self.rows.iter().flat_map(|row| &row.cells).filter_map(|cell| cell.verdict).collect();
        Verdict::ALL.into_iter().filter(|verdict| verdicts.contains(verdict)).collect()
    }
}

impl Cell {
    fn is_known(&self) -> bool {
        self.value != "–"
    }

    /// The ratio as people write it: `1.05×`.
    pub fn ratio_text(&self) -> String {
        self.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}×"))
    }
}

pub fn text(reports: &[Report]) -> String {
    let comparison = compare(reports);
    let mut text = String::new();
    for (index, report) in reports.iter().enumerate() {
        text.push_str(&format!("{}  {}\n   {}\n", letter(index), report.label, facts(report)));
    }
    text.push_str(&format!("\n{:<10}", ""));
    for index in 0..reports.len() {
        let title =
            if index == 0 { format!("{:>12}", "A") } else { format!("{:>12}{:>9} {:<8}", letter(index), "to A", "") };
        text.push_str(&title);
    }
    for row in &comparison.rows {
        text.truncate(text.trim_end().len());
        text.push_str(&format!("\n{:<10}", row.name));
        for cell in &row.cells {
            text.push_str(&format!("{:>12}", cell.value));
            if let Some(verdict) = cell.verdict {
                text.push_str(&format!("{:>9} {:<8}", cell.ratio_text(), verdict.name()));
            }
        }
    }
    text.truncate(text.trim_end().len());
    text.push_str("\n\n");
    text.push_str(&explanation(&comparison));
    comparison.warnings.iter().for_each(|warning| text.push_str(&format!("warning: {warning}\n")));
    text
}

/// What the verdicts mean, for those that occur.
fn explanation(comparison: &Comparison) -> String {
    let verdicts = comparison.verdicts().into_iter();
    verdicts.map(|verdict| format!("{:<8} {}\n", verdict.name(), verdict.explanation())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn runs_side_by_side() {
        let mut other = sample::scaled("after", 0.8);
        other.load.connections = 128;
        sample::golden("compare.txt", &text(&[sample::scaled("before", 1.0), other, sample::scaled("later", 1.01)]));
    }

    #[test]
    fn figures_that_nobody_measured_have_no_row() {
        let mut report = sample::scaled("before", 1.0);
        let names = |reports: &[Report]| compare(reports).rows.iter().map(|row| row.name).collect::<Vec<_>>();
        assert!(!names(&[report.clone()]).contains(&"server CPU"));
        report.repeats[0].server_cpu_us = Some(10.0);
        assert!(names(&[sample::scaled("other", 1.0), report]).contains(&"server CPU"));
    }

    #[test]
    fn no_ratio_to_nothing() {
        let (mut before, after) = (sample::scaled("before", 1.0), sample::scaled("after", 1.0));
        before.repeats.iter_mut().for_each(|repeat| repeat.error_rate = 0.0);
        let comparison = compare(&[before, after]);
        let errors = &comparison.rows.iter().find(|row| row.name == "errors").unwrap().cells[1];
        assert_eq!((errors.ratio, errors.verdict), (None, Some(Verdict::Worse)));
    }

    #[test]
    fn names_of_runs() {
        fn check(index: usize, expected: &str) {
            assert_eq!(letter(index), expected);
        }
        check(0, "A");
        check(25, "Z");
        check(26, "27");
    }
}

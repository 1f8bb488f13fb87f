//! The time series as CSV: a header, then a row for each interval. Only numbers, so nothing needs quotes.
//!
//! `docs/load-test-report.md` documents the columns; the failures have one each, whether or not they occurred, so that
//! files of different runs have the same columns.

use super::{Interval, Report};
use crate::measure::Failure;

pub fn write(report: &Report) -> String {
    let mut text = header();
    report.intervals.iter().for_each(|interval| text.push_str(&row(interval)));
    text
}

fn header() -> String {
    let failures: String = Failure::ALL.iter().map(|failure| format!(",{failure}")).collect();
    format!(
        "start_seconds,seconds,sent,answered,answered_per_second,failed{failures},bytes_received,\
         min_ns,mean_ns,stdev_ns,p50_ns,p90_ns,p99_ns,p999_ns,p9999_ns,max_ns\n"
    )
}

fn row(interval: &Interval) -> String {
    let Interval { start_seconds, seconds, sent, answered, failures, bytes_received, latency, .. } = interval;
    let rate = *answered as f64 / seconds.max(f64::MIN_POSITIVE);
    let failed: u64 = failures.values().sum();
    let by_kind: String =
        Failure::ALL.iter().map(|failure| format!(",{}", failures.get(failure).unwrap_or(&0))).collect();
    // Where nothing was answered there is no latency, which is not the same as one of zero.
    let latencies = match latency.count {
        0 => ",".repeat(8),
        _ => format!(
            "{},{:.0},{:.0},{},{},{},{},{},{}",
            latency.min,
            latency.mean,
            latency.stdev,
            latency.p50,
            latency.p90,
            latency.p99,
            latency.p999,
            latency.p9999,
            latency.max
        ),
    };
    format!(
        "{start_seconds:.3},{seconds:.3},{sent},{answered},{rate:.1},{failed}{by_kind},{bytes_received},{latencies}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Latency, sample};

    #[test]
    fn a_row_for_each_interval_and_a_cell_for_each_column() {
        let mut report = sample::ordinary();
        report.intervals[3].latency = Latency::default();
        report.intervals[3].answered = 0;
        let text = write(&report);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 31);
        assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{text}");
        let cell = |row: usize, column: &str| rows[row][rows[0].iter().position(|name| *name == column).unwrap()];
        assert_eq!(cell(18, "start_seconds"), "17.000");
        assert_eq!(cell(18, "failed"), "52");
        assert_eq!(cell(18, "timeout"), "12");
        assert_eq!(cell(18, "tls"), "0");
        assert_eq!(cell(18, "max_ns"), report.intervals[17].latency.max.to_string());
        assert_eq!(cell(4, "answered_per_second"), "0.0");
        assert_eq!((cell(4, "min_ns"), cell(4, "max_ns")), ("", ""));
    }

    #[test]
    fn the_document_lists_the_columns() {
        let document = include_str!("../../../docs/load-test-report.md");
        let section = document.split("\n## ").find(|section| section.starts_with("The CSV file")).unwrap();
        for column in header().trim_end().split(',').filter(|column| !Failure::ALL.iter().any(|f| f.name() == *column))
        {
            assert!(section.contains(&format!("`{column}`")), "{column} is not documented");
        }
    }

    #[test]
    fn the_document_lists_the_failures() {
        let document = include_str!("../../../docs/load-test-report.md");
        for failure in Failure::ALL {
            let row = format!("| `{failure}` | {} |", failure.explanation());
            assert!(document.contains(&row), "not documented: {row}");
        }
    }
}

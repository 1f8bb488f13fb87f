//! HdrHistogram's own files, for its plotter and its tools: percentiles (`.hgrm`) and the interval log (`.hlog`).
//!
//! Both are written line by line, since the readers are many and strict about layout: the model is Java's
//! `AbstractHistogram.outputPercentileDistribution` and `HistogramLogWriter`, format version 1.3.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::{Latency, Report};

/// Lines for each halving of the distance to 100 %; the default of HdrHistogram's tools.
const TICKS_PER_HALF_DISTANCE: u32 = 5;
const NS_PER_MS: f64 = 1e6;

/// The percentile distribution, in ms. An error if the report was stripped of its histogram.
pub fn percentiles(latency: &Latency) -> Result<String, String> {
    let histogram = latency.distribution()?.ok_or("the report holds no histogram")?;
    let mut text = format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NS_PER_MS, step.quantile_iterated_to());
        let _ = write!(text, "{value:12.3} {quantile:2.12} {total:10}");
        // The last line has no fourth column: the distance to 100 % is none.
        let _ = if quantile < 1.0 { writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)) } else { writeln!(text) };
    }
    footer(&mut text, &histogram);
    Ok(text)
}

fn footer(text: &mut String, histogram: &Histogram<u64>) {
    let in_ms = |ns: f64| ns / NS_PER_MS;
    // A bucket halves the resolution of the one before; its parts are twice the values that the digits can tell apart.
    let sub_buckets = (2 * 10_u64.pow(histogram.sigfig().into())).next_power_of_two();
    let _ = writeln!(
        text,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        in_ms(histogram.mean()),
        in_ms(histogram.stdev())
    );
    let _ =
        writeln!(text, "#[Max     = {:12.3}, Total count    = {:12}]", in_ms(histogram.max() as f64), histogram.len());
    let _ = writeln!(text, "#[Buckets = {:12}, SubBuckets     = {sub_buckets:12}]", histogram.buckets());
}

/// The interval log: a histogram of µs for each interval, with its own time; maxima in ms.
pub fn interval_log(report: &Report) -> Result<String, String> {
    let start: jiff::Timestamp =
        report.started_at.parse().map_err(|error| format!("the report's started_at is not a time: {error}"))?;
    let start_seconds = start.as_millisecond() as f64 / 1_000.0;
    let mut text = format!(
        "#[loadtest {}: latency in microseconds; Interval_Max in milliseconds]\n\
         #[Histogram log format version 1.3]\n\
         #[StartTime: {start_seconds:.3} (seconds since epoch), {start}]\n\
         #[BaseTime: {start_seconds:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_CompressedHistogram\"\n",
        report.version
    );
    for interval in &report.intervals {
        let max = interval.latency.max as f64 / NS_PER_MS;
        let _ = writeln!(text, "{:.3},{:.3},{max:.3},{}", interval.start_seconds, interval.seconds, interval.histogram);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::measure::tally::latency_histogram;
    use crate::report::{histogram, sample};

    #[test]
    fn percentiles_look_as_those_of_the_java_tools() {
        let mut histogram = latency_histogram();
        (1..=1_000_u64).for_each(|ms| histogram.record(ms * 1_000_000).unwrap());
        let text = percentiles(&Latency::whole(&histogram)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[1], "");
        assert_eq!(lines[2], "       1.000 0.000000000000          1           1.00");
        assert_eq!(lines[3], "     100.008 0.100000000000        100           1.11");
        assert_eq!(lines[lines.len() - 4], "    1000.342 1.000000000000       1000");
        assert_eq!(lines[lines.len() - 3], "#[Mean    =      500.500, StdDeviation   =      288.675]");
        assert_eq!(lines[lines.len() - 2], "#[Max     =     1000.342, Total count    =         1000]");
        assert_eq!(lines[lines.len() - 1], "#[Buckets =           32, SubBuckets     =         2048]");
    }

    #[test]
    fn without_a_histogram_there_is_no_file() {
        assert_eq!(percentiles(&Latency::default()), Err("the report holds no histogram".to_owned()));
    }

    #[test]
    fn an_empty_distribution_has_a_head_and_a_foot() {
        let text = percentiles(&Latency::whole(&latency_histogram())).unwrap();
        assert!(text.ends_with("SubBuckets     =         2048]\n"), "{text}");
    }

    #[test]
    fn the_log_is_read_by_hdrhistogram() {
        let report = sample::ordinary();
        let text = interval_log(&report).unwrap();
        let entries: Vec<LogEntry<'_>> = IntervalLogIterator::new(text.as_bytes()).map(Result::unwrap).collect();
        let start = Duration::from_secs(1_795_374_268);
        assert_eq!(entries[..2], [LogEntry::StartTime(start), LogEntry::BaseTime(start)]);
        assert_eq!(entries.len(), 2 + report.intervals.len());
        for (entry, interval) in entries[2..].iter().zip(&report.intervals) {
            let LogEntry::Interval(entry) = entry else { panic!("an interval") };
            assert_eq!(entry.start_timestamp().as_secs_f64(), interval.start_seconds);
            assert_eq!(entry.duration().as_secs_f64(), interval.seconds);
            assert!((entry.max() - interval.latency.max as f64 / 1e6).abs() < 0.001);
            assert_eq!(histogram::decode(entry.encoded_histogram()).unwrap().len(), interval.answered);
        }
    }
}

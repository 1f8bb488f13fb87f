//! The heat map: latency over time with every answer in it, so that a second population or a stall shows itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::Interval;
use super::super::units::{count, time};
use super::chart::{Axis, Chart, Stop, whole};
use super::over_time::Timeline;

/// Shades, each for three times as many answers as the one before, up to the fullest cell.
const SHADES: usize = 8;
const SHADE_FACTOR: f64 = 3.0;
/// Rows of the heat map a decade; see [`super::super::heat_bucket`].
const ROWS_PER_DECADE: u32 = 10;

pub fn chart(id: &str, intervals: &[Interval]) -> String {
    let timeline = Timeline::of(intervals);
    let columns: Vec<Column> = timeline.groups().map(|(from, to, group)| Column::of(from, to, group)).collect();
    let rows = || columns.iter().flat_map(|column| column.cells.keys().copied());
    let (Some(low), Some(high)) = (rows().min(), rows().max()) else { return String::new() };
    let top = high + 1;
    let fullest = columns.iter().flat_map(|column| column.cells.values().copied()).max().unwrap_or(1);
    let chart = Chart {
        id: format!("{id}-heat"),
        title: "Where the answers are",
        description: format!(
            "Answers by latency and time, darker for more; latencies lie between {} and {}.",
            time(bound(low)),
            time(bound(top))
        ),
        height: 260,
        x: timeline.axis(),
        y: axis(low, top),
        legend: Vec::new(),
        marks: marks(&columns, low, top, fullest),
        overlay: String::new(),
        stops: columns.iter().map(stop).collect(),
    };
    chart.render().replacen("</h3>", &format!("</h3>{}", key(fullest)), 1)
}

struct Column {
    /// Shares of the width.
    from: f64,
    to: f64,
    cells: BTreeMap<u32, u64>,
}

impl Column {
    fn of(from: f64, to: f64, group: &[(f64, &Interval)]) -> Column {
        let mut cells = BTreeMap::new();
        for &(row, answers) in group.iter().flat_map(|(_, interval)| &interval.heat) {
            *cells.entry(u32::from(row)).or_default() += answers;
        }
        Column { from, to, cells }
    }
}

/// The lower bound of a row, ns.
fn bound(row: u32) -> f64 {
    1_000.0 * 10_f64.powf(f64::from(row) / f64::from(ROWS_PER_DECADE))
}

fn axis(low: u32, top: u32) -> Axis {
    let at = |row: u32| f64::from(row - low) / f64::from(top - low);
    let step = if top - low <= ROWS_PER_DECADE { 2 } else { ROWS_PER_DECADE };
    let ticks = (low..=top).filter(|row| row % step == 0).map(|row| (at(row), whole(&time(bound(row)))));
    Axis { title: "latency, logarithmic", ticks: ticks.collect() }
}

/// One path a shade: thousands of cells stay small in the file.
fn marks(columns: &[Column], low: u32, top: u32, fullest: u64) -> String {
    let mut paths = vec![String::new(); SHADES];
    let height = 1000.0 / f64::from(top - low);
    for column in columns {
        let (x, width) = (column.from * 1000.0, (column.to - column.from) * 1000.0);
        for (&row, &answers) in &column.cells {
            let y = 1000.0 - f64::from(row + 1 - low) * height;
            let _ = write!(paths[shade(answers, fullest)], "M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z");
        }
    }
    let paths = paths.iter().enumerate().filter(|(_, path)| !path.is_empty());
    paths.map(|(shade, path)| format!("<path class=\"h{shade}\" d=\"{path}\"/>")).collect()
}

fn shade(answers: u64, fullest: u64) -> usize {
    let below = (fullest as f64 / answers.max(1) as f64).ln() / SHADE_FACTOR.ln();
    (SHADES - 1).saturating_sub(below.floor() as usize)
}

fn key(fullest: u64) -> String {
    let cells =
        (0..SHADES).map(|shade| format!("<rect class=\"h{shade}\" x=\"{}\" width=\"14\" height=\"10\"/>", shade * 14));
    format!(
        "<p class=\"key\">1 <svg width=\"112\" height=\"10\" aria-hidden=\"true\">{}</svg> {} answers</p>",
        cells.collect::<String>(),
        count(fullest)
    )
}

fn stop(column: &Column) -> Stop {
    let answers: u64 = column.cells.values().sum();
    let range = match (column.cells.keys().next(), column.cells.keys().last()) {
        (Some(&low), Some(&high)) => format!("\n{} to {}", time(bound(low)), time(bound(high + 1))),
        _ => String::new(),
    };
    Stop { from: column.from, to: column.to, text: format!("{} answers{range}", count(answers)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn shades_are_magnitudes() {
        fn check(answers: u64, expected: usize) {
            assert_eq!(shade(answers, 9_000), expected, "{answers}");
        }
        check(9_000, 7);
        check(3_001, 7);
        check(2_999, 6);
        check(900, 5);
        check(1, 0);
    }

    #[test]
    fn every_cell_is_drawn_once() {
        let intervals = sample::ordinary().intervals;
        let cells: usize = intervals.iter().map(|interval| interval.heat.len()).sum();
        assert_eq!(chart("A", &intervals).matches('z').count(), cells);
    }

    #[test]
    fn rows_begin_at_a_microsecond() {
        assert_eq!(bound(0), 1_000.0);
        assert_eq!(bound(30), 1_000_000.0);
    }
}

//! Latency, rate and errors over time.

use std::collections::BTreeSet;

use super::super::histogram::Figure;
use super::super::units::{rate, short, span, time};
use super::super::{Interval, Latency};
use super::chart::{Axis, Chart, Linear, LogTime, Stop, area, line};
use crate::measure::Failure;

/// Intervals that are pointed at together, so that places stay wide enough for a pointer.
const STOPS_MAX: usize = 180;
/// The style of errors in [`rate_and_errors`].
const ERRORS: usize = 3;

/// Intervals with the time at which they stand: repeats one after the other, even if each of them counts from zero.
pub struct Timeline<'i> {
    places: Vec<(f64, &'i Interval)>,
    seconds: f64,
}

impl<'i> Timeline<'i> {
    pub fn of(intervals: &'i [Interval]) -> Timeline<'i> {
        let (mut offset, mut end) = (0.0, 0.0);
        let places = intervals.iter().map(|interval| {
            if offset + interval.start_seconds < end - interval.seconds * 0.5 {
                offset = end;
            }
            let start = offset + interval.start_seconds;
            end = start + interval.seconds;
            (start, interval)
        });
        let places = places.collect();
        Timeline { places, seconds: if end > 0.0 { end } else { 1.0 } }
    }

    /// Intervals that share a place, with their shares of the width.
    pub fn groups(&self) -> impl Iterator<Item = (f64, f64, &[(f64, &'i Interval)])> {
        let size = self.places.len().div_ceil(STOPS_MAX).max(1);
        self.places.chunks(size).map(|group| {
            let (last, interval) = group[group.len() - 1];
            (group[0].0 / self.seconds, (last + interval.seconds) / self.seconds, group)
        })
    }

    pub fn axis(&self) -> Axis {
        time_axis(self.seconds)
    }

    fn middles(&self) -> impl Iterator<Item = (f64, &'i Interval)> {
        self.middles_of(self.seconds)
    }

    fn middles_of(&self, seconds: f64) -> impl Iterator<Item = (f64, &'i Interval)> {
        self.places.iter().map(move |(start, interval)| ((start + interval.seconds / 2.0) / seconds, *interval))
    }

    fn stops(&self, text: impl Fn(&[(f64, &'i Interval)]) -> String) -> Vec<Stop> {
        let stop = |(from, to, group): (f64, f64, &[(f64, &'i Interval)])| {
            let text = format!("at {}\n{}", span(from * self.seconds), text(group));
            Stop { from, to, text }
        };
        self.groups().map(stop).collect()
    }
}

fn time_axis(seconds: f64) -> Axis {
    const STEPS: [f64; 13] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];
    let step = STEPS.into_iter().find(|step| seconds / step <= 6.0).unwrap_or(seconds / 6.0);
    let show = |at: f64| match seconds {
        ..300.0 => format!("{at:.0} s"),
        300.0..7200.0 => format!("{:.0}:{:02.0}", (at / 60.0).floor(), at % 60.0),
        _ => format!("{:.1} h", at / 3600.0),
    };
    let ticks = (0..=(seconds / step * 1.001).floor() as u32).map(|index| f64::from(index) * step);
    Axis { title: "time", ticks: ticks.map(|at| (at / seconds, show(at))).collect() }
}

/// p50, p90, p99 and the longest of each interval.
pub fn latency(id: &str, intervals: &[Interval]) -> String {
    const LINES: [Figure; 4] = [("p50", |l| l.p50), ("p90", |l| l.p90), ("p99", |l| l.p99), ("longest", |l| l.max)];
    let timeline = Timeline::of(intervals);
    let answered = || intervals.iter().map(|interval| &interval.latency).filter(|latency| latency.count > 0);
    let Some(longest) = answered().map(|latency| latency.max).max() else { return String::new() };
    let scale = LogTime::covering(answered().flat_map(|latency| [latency.p50, latency.max]));
    let band = timeline.middles().map(|(x, interval)| {
        let latency = &interval.latency;
        (latency.count > 0).then(|| (x, scale.at(latency.p50), scale.at(latency.p99)))
    });
    let mut marks = area(2, &band.collect::<Vec<_>>());
    for (style, (_, figure)) in LINES.iter().enumerate() {
        let point = |(x, interval): (f64, &Interval)| {
            (interval.latency.count > 0).then(|| (x, scale.at(figure(&interval.latency))))
        };
        marks.push_str(&line(style, &timeline.middles().map(point).collect::<Vec<_>>()));
    }
    let chart = Chart {
        id: format!("{id}-latency"),
        title: "Latency over time",
        description: format!(
            "p50, p90, p99 and the longest of each interval; the longest of all is {}.",
            time(longest as f64)
        ),
        height: 260,
        x: timeline.axis(),
        y: scale.axis(),
        legend: LINES.iter().enumerate().map(|(style, (name, _))| (style, (*name).to_owned())).collect(),
        marks,
        overlay: String::new(),
        stops: timeline.stops(|group| {
            let worst = |figure: fn(&Latency) -> u64| group.iter().map(|(_, i)| figure(&i.latency)).max().unwrap_or(0);
            let lines = LINES.iter().rev().map(|(name, figure)| format!("{name} {}", time(worst(*figure) as f64)));
            lines.collect::<Vec<_>>().join("\n")
        }),
    };
    chart.render()
}

/// Answers a second, and errors where there were any.
pub fn rate_and_errors(id: &str, intervals: &[Interval]) -> String {
    let timeline = Timeline::of(intervals);
    if intervals.is_empty() {
        return String::new();
    }
    let highest = intervals.iter().map(|interval| answers(interval).max(failures(interval))).fold(0.0, f64::max);
    let scale = Linear::covering(highest, 4.0);
    let ground = timeline.middles().map(|(x, interval)| Some((x, 0.0, scale.at(answers(interval)))));
    let points = timeline.middles().map(|(x, interval)| Some((x, scale.at(answers(interval)))));
    let mut marks = area(0, &ground.collect::<Vec<_>>()) + &line(0, &points.collect::<Vec<_>>());
    let mut legend = vec![(0, "answers".to_owned())];
    if intervals.iter().any(|interval| !interval.failures.is_empty()) {
        let points = timeline.middles().map(|(x, interval)| Some((x, scale.at(failures(interval)))));
        marks.push_str(&line(ERRORS, &points.collect::<Vec<_>>()));
        legend.push((ERRORS, "errors".to_owned()));
    }
    let lowest = intervals.iter().map(answers).fold(f64::MAX, f64::min);
    let chart = Chart {
        id: format!("{id}-rate"),
        title: "Rate over time",
        description: format!("Answers a second: {} to {}.", short(lowest), short(highest)),
        height: 200,
        x: timeline.axis(),
        y: scale.axis("a second"),
        legend,
        marks,
        overlay: String::new(),
        stops: timeline.stops(|group| {
            let mean = |of: fn(&Interval) -> f64| group.iter().map(|(_, i)| of(i)).sum::<f64>() / group.len() as f64;
            format!("answers {}\nerrors {}", rate(mean(answers)), rate(mean(failures)))
        }),
    };
    chart.render()
}

/// A line for each kind that occurred.
pub fn errors_by_kind(id: &str, intervals: &[Interval]) -> String {
    let kinds: BTreeSet<Failure> = intervals.iter().flat_map(|interval| interval.failures.keys().copied()).collect();
    if kinds.is_empty() {
        return String::new();
    }
    let timeline = Timeline::of(intervals);
    let of =
        |interval: &Interval, kind| interval.failures.get(&kind).map_or(0.0, |&number| per_second(number, interval));
    let highest = intervals.iter().flat_map(|i| kinds.iter().map(move |&kind| of(i, kind))).fold(0.0, f64::max);
    let scale = Linear::covering(highest, 3.0);
    let lines = kinds.iter().enumerate().map(|(style, &kind)| {
        line(
            style,
            &timeline.middles().map(|(x, interval)| Some((x, scale.at(of(interval, kind))))).collect::<Vec<_>>(),
        )
    });
    let chart = Chart {
        id: format!("{id}-errors"),
        title: "Errors over time",
        description: format!("Errors a second by kind; at most {} of one kind.", short(highest)),
        height: 160,
        x: timeline.axis(),
        y: scale.axis("a second"),
        legend: kinds.iter().enumerate().map(|(style, kind)| (style, kind.to_string())).collect(),
        marks: lines.collect(),
        overlay: String::new(),
        stops: timeline.stops(|group| {
            let sum = |kind| group.iter().map(|(_, i)| i.failures.get(&kind).copied().unwrap_or(0)).sum::<u64>();
            kinds.iter().map(|&kind| format!("{kind} {}", sum(kind))).collect::<Vec<_>>().join("\n")
        }),
    };
    chart.render()
}

/// The p99 of several runs.
pub fn p99s(id: &str, runs: &[(&str, &[Interval])]) -> String {
    let p99 = |interval: &Interval| (interval.latency.count > 0).then_some(interval.latency.p99);
    let scale = LogTime::covering(runs.iter().flat_map(|(_, intervals)| intervals.iter().filter_map(p99)));
    let point = |x, interval: &Interval| p99(interval).map(|ns| (x, scale.at(ns)));
    several(id, "p99", "p99 over time", scale.axis(), runs, point)
}

/// The answers a second of several runs.
pub fn rates(id: &str, runs: &[(&str, &[Interval])]) -> String {
    let highest = runs.iter().flat_map(|(_, intervals)| intervals.iter().map(answers)).fold(0.0, f64::max);
    let scale = Linear::covering(highest, 4.0);
    let point = |x, interval: &Interval| Some((x, scale.at(answers(interval))));
    several(id, "rates", "Rate over time", scale.axis("answers a second"), runs, point)
}

fn several(
    id: &str,
    what: &str,
    title: &'static str,
    y: Axis,
    runs: &[(&str, &[Interval])],
    point: impl Fn(f64, &Interval) -> Option<(f64, f64)>,
) -> String {
    let timelines: Vec<Timeline<'_>> = runs.iter().map(|(_, intervals)| Timeline::of(intervals)).collect();
    let seconds = timelines.iter().map(|timeline| timeline.seconds).fold(0.0, f64::max);
    let lines = timelines.iter().enumerate().map(|(style, timeline)| {
        line(style, &timeline.middles_of(seconds).map(|(x, interval)| point(x, interval)).collect::<Vec<_>>())
    });
    let chart = Chart {
        id: format!("{id}-{what}"),
        title,
        description: "A line for each run; the table has the figures.".to_owned(),
        height: 220,
        x: time_axis(seconds),
        y,
        legend: runs.iter().enumerate().map(|(style, (name, _))| (style, (*name).to_owned())).collect(),
        marks: lines.collect(),
        overlay: String::new(),
        stops: Vec::new(),
    };
    chart.render()
}

fn answers(interval: &Interval) -> f64 {
    per_second(interval.answered, interval)
}

fn failures(interval: &Interval) -> f64 {
    per_second(interval.failures.values().sum(), interval)
}

fn per_second(number: u64, interval: &Interval) -> f64 {
    number as f64 / interval.seconds.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn repeats_stand_one_after_the_other() {
        let once = sample::ordinary().intervals;
        let twice = [once.clone(), once].concat();
        let timeline = Timeline::of(&twice);
        assert_eq!(timeline.seconds, 60.0);
        assert_eq!(timeline.places[30].0, 30.0);
        assert!(timeline.places.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn long_runs_have_few_places_to_point_at() {
        let intervals = vec![sample::ordinary().intervals; 20].concat();
        let timeline = Timeline::of(&intervals);
        let stops = timeline.stops(|group| group.len().to_string());
        assert_eq!(stops.len(), 150);
        assert!((stops[149].to - 1.0).abs() < 1e-9);
    }

    #[test]
    fn time_axes_have_few_round_ticks() {
        fn check(seconds: f64, expected: &[&str]) {
            let labels: Vec<String> = time_axis(seconds).ticks.into_iter().map(|tick| tick.1).collect();
            assert_eq!(labels, expected);
        }
        check(5.0, &["0 s", "1 s", "2 s", "3 s", "4 s", "5 s"]);
        check(30.0, &["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]);
        check(600.0, &["0:00", "2:00", "4:00", "6:00", "8:00", "10:00"]);
        check(10_800.0, &["0.0 h", "0.5 h", "1.0 h", "1.5 h", "2.0 h", "2.5 h", "3.0 h"]);
    }
}

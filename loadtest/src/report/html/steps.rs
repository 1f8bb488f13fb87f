//! Latency by rate: the knee of a server.

use super::super::Step;
use super::super::histogram::Figure;
use super::super::units::{rate, time};
use super::chart::{Chart, Linear, LogTime, Stop, line};

const LINES: [Figure; 3] = [("p50", |l| l.p50), ("p99", |l| l.p99), ("p99.9", |l| l.p999)];

/// Trials of a search come in its own order; the curve is by rate.
pub fn chart(id: &str, steps: &[Step]) -> String {
    let mut steps: Vec<&Step> = steps.iter().filter(|step| step.latency.count > 0).collect();
    steps.sort_by(|a, b| a.intended_rate.total_cmp(&b.intended_rate));
    let Some(last) = steps.last() else { return String::new() };
    let x = Linear::covering(last.intended_rate, 6.0);
    let y = LogTime::covering(steps.iter().flat_map(|step| [step.latency.p50, step.latency.p999]));
    let (mut marks, mut overlay) = (String::new(), String::new());
    for (style, (_, figure)) in LINES.iter().enumerate() {
        let at = |step: &&Step| (x.at(step.intended_rate), y.at(figure(&step.latency)));
        marks.push_str(&line(style, &steps.iter().map(|step| Some(at(step))).collect::<Vec<_>>()));
        overlay.extend(steps.iter().map(|step| mark(style, at(step), step.passed)));
    }
    let chart = Chart {
        id: format!("{id}-steps"),
        title: "Latency by rate",
        description: format!(
            "{} steps up to {}; hollow marks did not keep the condition.",
            steps.len(),
            rate(last.intended_rate)
        ),
        height: 280,
        x: x.axis("requests asked for, a second"),
        y: y.axis(),
        legend: LINES.iter().enumerate().map(|(style, (name, _))| (style, (*name).to_owned())).collect(),
        marks,
        overlay,
        stops: stops(&steps, &x),
    };
    chart.render()
}

fn mark(style: usize, (x, y): (f64, f64), passed: Option<bool>) -> String {
    let hollow = if passed == Some(false) { " hollow" } else { "" };
    let (x, y) = (x * 100.0, (1.0 - y) * 100.0);
    format!("<circle class=\"mark s{style}{hollow}\" cx=\"{x:.2}%\" cy=\"{y:.2}%\" r=\"4\"/>")
}

fn stops(steps: &[&Step], x: &Linear) -> Vec<Stop> {
    let at = |index: usize| x.at(steps[index].intended_rate);
    let middle = |index: usize| (at(index) + at(index + 1)) / 2.0;
    let stop = |(index, step): (usize, &&Step)| {
        let lines = LINES.iter().rev().map(|(name, figure)| format!("\n{name} {}", time(figure(&step.latency) as f64)));
        Stop {
            from: if index == 0 { 0.0 } else { middle(index - 1) },
            to: if index + 1 == steps.len() { 1.0 } else { middle(index) },
            text: format!(
                "{} asked for, {} answered{}",
                rate(step.intended_rate),
                rate(step.rate),
                lines.collect::<String>()
            ),
        }
    };
    steps.iter().enumerate().map(stop).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Latency, sample};

    #[test]
    fn failed_trials_are_hollow() {
        let steps = sample::full().steps;
        let failed = steps.iter().filter(|step| step.passed == Some(false)).count();
        assert_eq!(chart("A", &steps).matches("hollow\" cx").count(), failed * LINES.len());
    }

    #[test]
    fn without_answers_there_is_no_curve() {
        let mut steps = sample::full().steps;
        steps.iter_mut().for_each(|step| step.latency = Latency::default());
        assert_eq!(chart("A", &steps), "");
    }
}

//! The frame that all charts share: axes, grid, legend, and places to point at.
//!
//! A chart is as wide as its column. Marks are drawn in a view box of 1000 × 1000 that is stretched to the plot; lines keep
//! their width, and texts stand outside of it at percentages, so that they keep their size on a telephone as well.

use std::fmt::Write as _;

use super::super::units;
use super::escape;

/// The view box's width and height.
const SIZE: f64 = 1000.0;

pub struct Chart {
    /// Unique on the page.
    pub id: String,
    pub title: &'static str,
    /// What the chart says, for those who do not see it.
    pub description: String,
    pub height: u32,
    pub x: Axis,
    pub y: Axis,
    /// The number of a series' style, and its name.
    pub legend: Vec<(usize, String)>,
    /// SVG inside of the view box.
    pub marks: String,
    /// SVG over it, in percentages.
    pub overlay: String,
    pub stops: Vec<Stop>,
}

/// Where a reader may point, and what is said there. Shares of the width, 0 to 1.
pub struct Stop {
    pub from: f64,
    pub to: f64,
    pub text: String,
}

/// Ticks at shares of the axis, 0 to 1.
pub struct Axis {
    pub title: &'static str,
    pub ticks: Vec<(f64, String)>,
}

impl Chart {
    pub fn render(&self) -> String {
        let Chart { id, title, height, marks, overlay, .. } = self;
        let stops: String = self.stops.iter().map(stop).collect();
        format!(
            "<figure><figcaption><h3>{title}</h3>{}</figcaption>\n\
             <div class=\"plot\"><svg role=\"img\" aria-labelledby=\"{id}-t {id}-d\" width=\"100%\" height=\"{height}\">\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{}</desc>\n<g class=\"axes\">{}{}</g>\n\
             <svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" width=\"100%\" height=\"{height}\">{marks}</svg>\n\
             {overlay}<g class=\"stops\">{stops}</g></svg></div></figure>\n",
            self.legend(),
            escape(&self.description),
            horizontal(&self.y),
            vertical(&self.x),
        )
    }

    fn legend(&self) -> String {
        let items = self.legend.iter().map(|(style, name)| {
            format!(
                "<li><svg width=\"26\" height=\"10\" aria-hidden=\"true\"><path class=\"line s{style}\" d=\"M1 5H25\"/></svg>{}</li>",
                escape(name)
            )
        });
        if self.legend.is_empty() {
            String::new()
        } else {
            format!("<ul class=\"legend\">{}</ul>", items.collect::<String>())
        }
    }
}

fn horizontal(axis: &Axis) -> String {
    let mut svg =
        format!("<text class=\"axis\" x=\"-8\" y=\"-16\" text-anchor=\"start\" dx=\"-3.6em\">{}</text>", axis.title);
    for (share, label) in &axis.ticks {
        let y = (1.0 - share) * 100.0;
        let _ = write!(svg, "<line x1=\"0\" x2=\"100%\" y1=\"{y:.2}%\" y2=\"{y:.2}%\"/>");
        let _ = write!(svg, "<text x=\"-8\" y=\"{y:.2}%\" dy=\".32em\" text-anchor=\"end\">{}</text>", escape(label));
    }
    svg
}

fn vertical(axis: &Axis) -> String {
    let mut svg =
        format!("<text class=\"axis\" x=\"100%\" y=\"100%\" dy=\"3.1em\" text-anchor=\"end\">{}</text>", axis.title);
    for (share, label) in &axis.ticks {
        let x = share * 100.0;
        let anchor = if *share > 0.97 { "end" } else { "middle" };
        let _ = write!(svg, "<line class=\"faint\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"100%\"/>");
        let label = escape(label);
        let _ = write!(svg, "<text x=\"{x:.2}%\" y=\"100%\" dy=\"1.5em\" text-anchor=\"{anchor}\">{label}</text>");
    }
    svg
}

fn stop(stop: &Stop) -> String {
    let (x, width) = (stop.from * 100.0, (stop.to - stop.from) * 100.0);
    format!("<rect x=\"{x:.3}%\" width=\"{width:.3}%\" height=\"100%\"><title>{}</title></rect>\n", escape(&stop.text))
}

/// A line through points given as shares of width and height; `None` interrupts it.
pub fn line(style: usize, points: &[Option<(f64, f64)>]) -> String {
    let mut path = String::new();
    for run in points.split(|point| point.is_none()) {
        for (index, (x, y)) in run.iter().flatten().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1}", x * SIZE, (1.0 - y) * SIZE);
        }
        if let [Some((x, _))] = run {
            // A point on its own would not be seen.
            let _ = write!(path, "H{:.1}", x * SIZE + 2.0);
        }
    }
    format!("<path class=\"line s{style}\" d=\"{path}\"/>")
}

/// The surface between two lines over the same places, or between one and the ground.
pub fn area(style: usize, points: &[Option<(f64, f64, f64)>]) -> String {
    let mut path = String::new();
    for run in points.split(|point| point.is_none()).filter(|run| !run.is_empty()) {
        let there = run.iter().flatten().map(|(x, _, high)| (x, high));
        let back = run.iter().flatten().rev().map(|(x, low, _)| (x, low));
        for (index, (x, y)) in there.chain(back).enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1}", x * SIZE, (1.0 - y) * SIZE);
        }
        path.push('Z');
    }
    format!("<path class=\"area s{style}\" d=\"{path}\"/>")
}

/// Times on a logarithmic scale, ns.
pub struct LogTime {
    low: f64,
    high: f64,
}

impl LogTime {
    /// Covers `values`, with bounds of 1, 2 or 5 times a power of ten.
    pub fn covering(values: impl IntoIterator<Item = u64>) -> LogTime {
        let (low, high) =
            values.into_iter().fold((u64::MAX, 0), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (1_000, 1_000_000) } else { (low.max(1), high.max(2)) };
        let below = bounds(low as f64).filter(|bound| *bound <= low as f64).last();
        let above = bounds(high as f64).find(|bound| *bound > high as f64);
        LogTime { low: below.unwrap_or(low as f64), high: above.unwrap_or(high as f64 * 2.0) }
    }

    /// 0 to 1.
    pub fn at(&self, ns: u64) -> f64 {
        ((ns.max(1) as f64 / self.low).ln() / (self.high / self.low).ln()).clamp(0.0, 1.0)
    }

    /// At powers of ten; where there are few of them, at 2 and 5 times of them as well.
    pub fn axis(&self) -> Axis {
        let decades = (self.high / self.low).log10();
        let ticks = (0..=12).flat_map(|power| [1.0, 2.0, 5.0].map(|factor| (factor, factor * 10_f64.powi(power))));
        let ticks = ticks
            .filter(|(factor, _)| *factor == 1.0 || decades <= 2.0)
            .filter(|(_, ns)| (self.low * 0.999..=self.high * 1.001).contains(ns))
            .map(|(_, ns)| (self.at(ns as u64), whole(&units::time(ns))));
        Axis { title: "latency, logarithmic", ticks: ticks.collect() }
    }
}

/// 1, 2 and 5 times the power of ten of `value`, and the next power.
fn bounds(value: f64) -> impl Iterator<Item = f64> {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(move |factor| factor * power)
}

/// Ticks are round: `1 ms` instead of `1.00 ms`.
pub fn whole(text: &str) -> String {
    text.replacen(".00", "", 1).replacen(".0", "", 1)
}

/// From zero to at least `high`, and the ticks; `show` makes their labels.
pub struct Linear {
    high: f64,
    step: f64,
}

impl Linear {
    pub fn covering(high: f64, ticks: f64) -> Linear {
        let high = if high > 0.0 { high } else { 1.0 };
        let rough = high / ticks;
        let step = bounds(rough).find(|step| *step >= rough * 0.999).unwrap_or(rough);
        Linear { high: (high / step * 0.999).ceil() * step, step }
    }

    pub fn at(&self, value: f64) -> f64 {
        (value / self.high).clamp(0.0, 1.0)
    }

    pub fn axis(&self, title: &'static str) -> Axis {
        let ticks = (0..=(self.high / self.step).round() as u32).map(|index| f64::from(index) * self.step);
        let show = |value: f64| if self.step < 1.0 { format!("{value:.1}") } else { whole(&units::short(value)) };
        Axis { title, ticks: ticks.map(|value| (self.at(value), show(value))).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_axes_have_round_bounds() {
        fn check(values: &[u64], expected: &[&str]) {
            let labels: Vec<String> =
                LogTime::covering(values.iter().copied()).axis().ticks.into_iter().map(|tick| tick.1).collect();
            assert_eq!(labels, expected);
        }
        check(&[130_000, 200_000_000], &["100 µs", "1 ms", "10 ms", "100 ms"]);
        check(&[130_000, 900_000], &["100 µs", "200 µs", "500 µs", "1 ms"]);
        check(&[1_000, 2_500_000], &["1 µs", "10 µs", "100 µs", "1 ms"]);
        check(&[], &["1 µs", "10 µs", "100 µs", "1 ms"]);
    }

    #[test]
    fn linear_axes_begin_at_zero() {
        fn check(high: f64, expected: &[&str]) {
            let labels: Vec<String> =
                Linear::covering(high, 4.0).axis("").ticks.into_iter().map(|tick| tick.1).collect();
            assert_eq!(labels, expected);
        }
        check(10_000.0, &["0", "5k", "10k"]);
        check(9_000.0, &["0", "5k", "10k"]);
        check(72.0, &["0", "20", "40", "60", "80"]);
        check(0.0, &["0.0", "0.5", "1.0"]);
    }

    #[test]
    fn lines_are_interrupted_where_nothing_is_known() {
        fn check(points: &[Option<(f64, f64)>], expected: &str) {
            assert_eq!(line(0, points), format!("<path class=\"line s0\" d=\"{expected}\"/>"));
        }
        check(
            &[Some((0.0, 0.0)), Some((0.5, 1.0)), None, Some((1.0, 0.5))],
            "M0.0 1000.0L500.0 0.0M1000.0 500.0H1002.0",
        );
        check(&[], "");
    }
}

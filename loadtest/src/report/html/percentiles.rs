//! Latency by percentile, on HdrHistogram's scale: each further nine is as wide as the one before.

use super::super::Latency;
use super::super::units::{count, time};
use super::chart::{Axis, Chart, LogTime, Stop, line};

/// Lines for each halving of the distance to 100 %.
const TICKS_PER_HALF_DISTANCE: u32 = 4;

/// A curve for each named distribution; those without values are left out.
pub fn chart(id: &str, curves: &[(&str, &Latency)]) -> String {
    let curves: Vec<Curve> =
        curves.iter().enumerate().filter_map(|(style, (name, l))| Curve::of(style, name, l)).collect();
    if curves.is_empty() {
        return String::new();
    }
    let nines = curves.iter().map(|curve| nines(1.0, curve.count)).fold(1.0, f64::max);
    let scale = LogTime::covering(curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.1)));
    let marks = curves.iter().map(|curve| {
        let at = |&(quantile, ns): &(f64, u64)| Some((self::nines(quantile, curve.count) / nines, scale.at(ns)));
        line(curve.style, &curve.points.iter().map(at).collect::<Vec<_>>())
    });
    let chart = Chart {
        id: format!("{id}-percentiles"),
        title: "Latency by percentile",
        description: curves.iter().map(Curve::sentence).collect::<Vec<_>>().join(" "),
        height: 300,
        x: axis(nines),
        y: scale.axis(),
        legend: curves.iter().map(|curve| (curve.style, curve.name.clone())).collect(),
        marks: marks.collect(),
        overlay: String::new(),
        stops: stops(&curves, nines),
    };
    chart.render()
}

struct Curve {
    style: usize,
    name: String,
    count: u64,
    /// Quantile and ns, in order.
    points: Vec<(f64, u64)>,
}

impl Curve {
    fn of(style: usize, name: &str, latency: &Latency) -> Option<Curve> {
        if latency.count == 0 {
            return None;
        }
        // A damaged histogram is as good as none: the key figures make a coarser curve.
        let points = match latency.distribution() {
            Ok(Some(histogram)) => histogram
                .iter_quantiles(TICKS_PER_HALF_DISTANCE)
                .map(|step| (step.quantile_iterated_to(), step.value_iterated_to()))
                .collect(),
            _ => vec![
                (0.0, latency.min),
                (0.5, latency.p50),
                (0.9, latency.p90),
                (0.99, latency.p99),
                (0.999, latency.p999),
                (0.9999, latency.p9999),
                (1.0, latency.max),
            ],
        };
        Some(Curve { style, name: name.to_owned(), count: latency.count, points })
    }

    /// The value at the first point that is not below the quantile.
    fn at(&self, quantile: f64) -> u64 {
        let found = self.points.iter().find(|point| point.0 >= quantile - 1e-12).or(self.points.last());
        found.map_or(0, |point| point.1)
    }

    fn sentence(&self) -> String {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|quantile| time(self.at(quantile) as f64));
        format!("{}: half of {} within {p50}, 99 % within {p99}, all within {max}.", self.name, count(self.count))
    }
}

/// How many nines a quantile has: 1 for 0.9, 2 for 0.99. All of them stand where the last of `count` values does.
fn nines(quantile: f64, count: u64) -> f64 {
    let last = (count.max(10) as f64).log10();
    if quantile >= 1.0 { last } else { (-(1.0 - quantile).log10()).min(last) }
}

fn axis(nines: f64) -> Axis {
    let ticks = (0..=nines.floor() as i32).map(|power| (f64::from(power) / nines, percent(power)));
    Axis { title: "percentile, %", ticks: ticks.collect() }
}

/// 0, 90, 99, 99.9, …
fn percent(nines: i32) -> String {
    match nines {
        0..=2 => ["0", "90", "99"][nines as usize].to_owned(),
        _ => format!("99.{}", "9".repeat(nines as usize - 2)),
    }
}

/// At the percentiles that people speak of.
fn stops(curves: &[Curve], nines: f64) -> Vec<Stop> {
    let named =
        [(0.0, "0"), (0.25, "25"), (0.5, "50"), (0.75, "75"), (0.9, "90"), (0.95, "95"), (0.98, "98"), (0.99, "99")];
    let mut places: Vec<(f64, String)> = named.iter().map(|(quantile, name)| (*quantile, (*name).to_owned())).collect();
    for power in 2..nines.floor() as i32 {
        let rest = 10_f64.powi(-power);
        places.push((1.0 - rest / 2.0, format!("{}5", percent(power).replacen("99", "99.", usize::from(power == 2)))));
        places.push((1.0 - rest / 10.0, percent(power + 1)));
    }
    places.push((1.0, "100".to_owned()));
    let at = |index: usize| self::nines(places[index].0, u64::MAX).min(nines) / nines;
    let middle = |index: usize| (at(index) + at(index + 1)) / 2.0;
    let stop = |(index, (quantile, name)): (usize, &(f64, String))| Stop {
        from: if index == 0 { 0.0 } else { middle(index - 1) },
        to: if index + 1 == places.len() { 1.0 } else { middle(index) },
        text: std::iter::once(format!("{name} %"))
            .chain(curves.iter().map(|curve| format!("{}: {}", curve.name, time(curve.at(*quantile) as f64))))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    places.iter().enumerate().map(stop).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn nines_are_equally_wide() {
        fn check(quantile: f64, expected: f64) {
            assert!((nines(quantile, 100_000) - expected).abs() < 1e-9, "{quantile}");
        }
        check(0.0, 0.0);
        check(0.9, 1.0);
        check(0.999, 3.0);
        check(1.0, 5.0);
        check(0.999_999_9, 5.0);
    }

    #[test]
    fn places_to_point_at_cover_the_chart_in_order() {
        let report = sample::ordinary();
        let curve = Curve::of(0, "latency", &report.total.latency).unwrap();
        let stops = stops(&[curve], nines(1.0, report.total.latency.count));
        assert_eq!((stops[0].from, stops[stops.len() - 1].to), (0.0, 1.0));
        assert!(stops.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].from < pair[0].to));
        let names: Vec<&str> = stops.iter().map(|stop| stop.text.split(' ').next().unwrap()).collect();
        let expected = "0 25 50 75 90 95 98 99 99.5 99.9 99.95 99.99 99.995 99.999 100";
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn without_a_histogram_the_curve_is_coarse() {
        let mut latency = sample::ordinary().total.latency;
        let fine = Curve::of(0, "", &latency).unwrap();
        latency.histogram = None;
        let coarse = Curve::of(0, "", &latency).unwrap();
        assert!(coarse.points.len() == 7 && fine.points.len() > 40);
        assert_eq!(coarse.at(0.99), latency.p99);
    }
}

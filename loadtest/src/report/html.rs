//! One self-contained page: HTML with its style sheet and its charts as SVG, complete without network and script.
//!
//! - `chart`: the frame of all charts: axes, legend, places to point at;
//! - `percentiles`, `over_time`, `heat`, `steps`: one chart each, or a family;
//! - `tables`: everything that is better read as a number.
//!
//! Everything from a report goes through [`escape`]: labels, URLs and request names are other people's text.

mod chart;
mod heat;
mod over_time;
mod percentiles;
mod steps;
mod tables;

use super::compare::{compare, facts, letter};
use super::text::found_text;
use super::units::{counted, rate, share, span, time};
use super::{Latency, Report};

/// Several reports are put side by side, the first as the baseline, and then shown one by one.
pub fn page(reports: &[Report]) -> String {
    let title = match reports {
        [report] => report.label.clone(),
        _ => format!("{} runs side by side", reports.len()),
    };
    let mut body = String::new();
    if reports.len() > 1 {
        body.push_str(&side_by_side(reports));
    }
    for (index, report) in reports.iter().enumerate() {
        body.push_str(&run(report, index, reports.len() > 1));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} – load test</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n{body}{FOOTER}</main>\n\
         <script>\n{}</script>\n</body>\n</html>\n",
        escape(&title),
        include_str!("html/page.css"),
        include_str!("html/page.js"),
    )
}

const FOOTER: &str = "<footer>\
<p><b>Latency counts from the intended start</b> of each request: the moment at which the schedule had it due, whether or \
not earlier ones were answered. Time that a request waits because the server is slow is in the figures. Service time counts \
from sending. In a closed loop the two are the same.</p></footer>\n";

/// For text and for attribute values.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn side_by_side(reports: &[Report]) -> String {
    let comparison = compare(reports);
    let runs: String = reports
        .iter()
        .enumerate()
        .map(|(index, report)| {
            let (letter, label, facts) = (letter(index), escape(&report.label), escape(&facts(report)));
            format!(
                "<li><b>{letter}</b> <a href=\"#run-{letter}\">{label}</a> <span class=\"muted\">{facts}</span></li>\n"
            )
        })
        .collect();
    let names: Vec<String> = (0..reports.len()).map(letter).collect();
    let latencies: Vec<(&str, &Latency)> =
        names.iter().map(String::as_str).zip(reports.iter().map(|report| &report.total.latency)).collect();
    let series: Vec<_> = names.iter().map(String::as_str).zip(reports.iter().map(|r| r.intervals.as_slice())).collect();
    format!(
        "<header><h1>{} runs side by side</h1><ul class=\"runs\">\n{runs}</ul></header>\n{}\
         <section><h2>Comparison</h2>\n{}\n<div class=\"charts\">\n{}{}{}</div></section>\n",
        reports.len(),
        warnings(&comparison.warnings),
        tables::comparison(&comparison),
        percentiles::chart("all", &latencies),
        over_time::p99s("all", &series),
        over_time::rates("all", &series),
    )
}

/// `among_others`: under a heading of its own, with its letter.
fn run(report: &Report, index: usize, among_others: bool) -> String {
    let id = letter(index);
    let mut all_warnings = report.warnings.clone();
    if report.interrupted {
        all_warnings.insert(0, "The run was interrupted; these are the figures so far.".to_owned());
    }
    let label = escape(&report.label);
    let heading = if among_others {
        format!("<h1><span class=\"letter\">{id}</span> {label}</h1>")
    } else {
        format!("<h1>{label}</h1>")
    };
    format!(
        "<article id=\"run-{id}\">\n<header>{heading}\n<p class=\"muted\">{}</p></header>\n{}{}{}{}{}</article>\n",
        escape(&question(report)),
        tiles(report),
        warnings(&all_warnings),
        charts(report, &id),
        step_section(report, &id),
        tables::sections(report),
    )
}

fn question(report: &Report) -> String {
    let load = &report.load;
    let url = if report.label == report.target.url { String::new() } else { format!("{} · ", report.target.url) };
    format!(
        "{url}{} for {} · {} · {} · {} · {}",
        load.schedule,
        span(report.total.seconds),
        counted(load.connections, "connection"),
        counted(load.workers, "worker"),
        load.driver,
        report.started_at
    )
}

/// The figures that one quotes.
fn tiles(report: &Report) -> String {
    let total = &report.total;
    let latency = |ns: u64| if total.latency.count == 0 { "–".to_owned() } else { time(ns as f64) };
    let mut tiles = vec![
        ("Answers", rate(total.rate)),
        ("p50", latency(total.latency.p50)),
        ("p99", latency(total.latency.p99)),
        ("p99.9", latency(total.latency.p999)),
        ("Longest", latency(total.latency.max)),
        ("Errors", share(total.error_rate)),
    ];
    if let Some(server) = &report.server {
        tiles.push(("Server CPU", time(server.cpu_us_per_request * 1e3)));
    }
    let tiles = tiles.iter().map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>"));
    format!("<dl class=\"tiles\">{}</dl>\n", tiles.collect::<String>())
}

fn warnings(sentences: &[String]) -> String {
    let items = sentences.iter().map(|sentence| format!("<p><b>Warning:</b> {}</p>", escape(sentence)));
    if sentences.is_empty() { String::new() } else { format!("<aside>{}</aside>\n", items.collect::<String>()) }
}

fn charts(report: &Report, id: &str) -> String {
    let mut curves = vec![("latency", &report.total.latency)];
    curves.extend(report.total.service_time.as_ref().map(|service_time| ("service time", service_time)));
    format!(
        "<div class=\"charts\">\n{}{}{}{}{}</div>\n",
        percentiles::chart(id, &curves),
        over_time::latency(id, &report.intervals),
        heat::chart(id, &report.intervals),
        over_time::rate_and_errors(id, &report.intervals),
        over_time::errors_by_kind(id, &report.intervals),
    )
}

fn step_section(report: &Report, id: &str) -> String {
    if report.steps.is_empty() {
        return String::new();
    }
    let found = report.found.as_ref().map(|found| format!("<p class=\"found\">{}</p>\n", escape(&found_text(found))));
    format!(
        "<section><h2>Steps</h2>\n{}{}{}</section>\n",
        found.unwrap_or_default(),
        steps::chart(id, &report.steps),
        tables::steps(&report.steps)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// Tags are closed in order, and ids are unique: what a browser would silently mend.
    fn check_is_well_formed(page: &str) {
        let (mut open, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
        let mut rest = &page[page.find("<html").unwrap()..];
        while let Some(start) = rest.find('<') {
            let end = start + rest[start..].find('>').unwrap();
            let tag = &rest[start + 1..end];
            rest = &rest[end + 1..];
            let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{rest:.200}"),
                None if tag.ends_with('/') || name == "meta" => {}
                None => open.push(name),
            }
            if let Some((_, id)) = tag.split_once(" id=\"") {
                assert!(ids.insert(id.split('"').next().unwrap()), "{id} twice");
            }
            // Style sheet and script hold no tags, but the characters of them.
            if matches!(name, "style" | "script") && !tag.starts_with('/') {
                rest = &rest[rest.find("</").unwrap()..];
            }
        }
        assert_eq!(open, Vec::<&str>::new());
    }

    fn pages() -> [String; 4] {
        let mut silent = sample::closed_loop();
        silent.total.latency = Latency::default();
        silent.intervals.clear();
        [
            page(&[sample::full()]),
            page(&[sample::closed_loop()]),
            page(&[sample::scaled("before", 1.0), sample::scaled("after", 0.8), sample::full()]),
            page(&[silent]),
        ]
    }

    #[test]
    fn pages_are_well_formed() {
        pages().iter().for_each(|page| check_is_well_formed(page));
    }

    #[test]
    fn pages_need_no_network_and_hold_no_nonsense() {
        for page in pages() {
            for word in ["src=", "@import", "url(", "NaN", "inf%", "<link"] {
                assert!(!page.contains(word), "{word}");
            }
        }
    }

    #[test]
    fn foreign_text_is_escaped() {
        let hostile = "<script>alert('1')</script>&\"";
        let mut report = sample::full();
        report.label = hostile.to_owned();
        report.target.url = hostile.to_owned();
        report.target.tls = Some(hostile.to_owned());
        report.target.address = hostile.to_owned();
        report.load.schedule = hostile.to_owned();
        report.load.driver = hostile.to_owned();
        report.version = hostile.to_owned();
        report.started_at = hostile.to_owned();
        report.command.push(hostile.to_owned());
        report.warnings.push(hostile.to_owned());
        report.requests[0].name = hostile.to_owned();
        report.found.as_mut().unwrap().condition = hostile.to_owned();
        let page = page(&[report.clone(), report]);
        assert!(!page.contains("<script>alert"));
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;"));
        check_is_well_formed(&page);
    }

    #[test]
    #[ignore = "writes pages to look at into the directory for temporary files"]
    fn pages_to_look_at() {
        for (name, page) in ["full", "closed-loop", "compare", "silent"].iter().zip(pages()) {
            let path = std::env::temp_dir().join(format!("loadtest-{name}.html"));
            std::fs::write(&path, page).unwrap();
            println!("{}", path.display());
        }
    }
}

//! Tables: everything that is better read as a number.

use super::super::compare::{Cell, Comparison, letter};
use super::super::histogram::Figure;
use super::super::units::{bytes, count, rate, share, span, time};
use super::super::{Latency, Measured, Report, Step};
use super::escape;

/// All tables of a run but that of its steps.
pub fn sections(report: &Report) -> String {
    let mut html =
        format!("<section><h2>Figures</h2>\n<div class=\"columns\">\n{}{}", counts(report), latencies(&report.total));
    html.push_str("</div>\n");
    html.push_str(&failures(&report.total));
    html.push_str(&repeats(report));
    html.push_str("</section>\n");
    html.push_str(&requests(report));
    html.push_str(&settings(report));
    html
}

/// A table; the first column names the row. Cells are text.
fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    let rows: String = rows
        .iter()
        .map(|row| {
            let (first, others) = row.split_first().expect("rows have a name");
            let others: String = others.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
            format!("<tr><th scope=\"row\">{}</th>{others}</tr>\n", escape(first))
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table><caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n\
         <tbody>{rows}</tbody></table></div>\n"
    )
}

/// A table of names and values, without heads.
fn facts(caption: &str, facts: &[(&str, String)]) -> String {
    let rows =
        facts.iter().map(|(name, value)| format!("<tr><th scope=\"row\">{name}</th><td>{}</td></tr>\n", escape(value)));
    format!(
        "<div class=\"scroll\"><table class=\"facts\"><caption>{caption}</caption>\n<tbody>{}</tbody></table></div>\n",
        rows.collect::<String>()
    )
}

fn counts(report: &Report) -> String {
    let total = &report.total;
    let per_second = |number: u64| format!("{}/s", bytes(number as f64 / total.seconds.max(f64::MIN_POSITIVE)));
    let statuses: Vec<String> =
        total.statuses.iter().map(|(status, number)| format!("{status} × {}", count(*number))).collect();
    let mut rows = vec![
        ("Asked for", count(total.intended)),
        ("Sent", count(total.sent)),
        ("Answered", count(total.answered)),
        ("In flight at the end", count(total.in_flight)),
        ("Not sent", count(total.not_sent)),
        ("Answers by status", statuses.join(", ")),
        ("Connections opened", count(total.connections_opened)),
        ("Received", per_second(total.bytes_received)),
        ("Sent out", per_second(total.bytes_sent)),
        ("Tool’s CPU a request", time(report.tool.cpu_us_per_request * 1e3)),
        ("Tool’s busiest worker", share(report.tool.busiest_worker)),
        ("Tool’s memory", bytes(report.tool.rss_max_bytes as f64)),
    ];
    if let Some(server) = &report.server {
        let [start, end, max] =
            [server.rss_start_bytes, server.rss_end_bytes, server.rss_max_bytes].map(|b| bytes(b as f64));
        rows.push(("Server’s CPU an answer", time(server.cpu_us_per_request * 1e3)));
        rows.push(("Server’s CPU in all", span(server.user_seconds + server.system_seconds)));
        rows.push(("Server’s memory", format!("{start} → {end}, at most {max}")));
    }
    facts("Requests, bytes and CPU", &rows)
}

fn latencies(total: &Measured) -> String {
    let columns: Vec<(&str, &Latency)> = [
        Some(("latency", &total.latency)),
        total.service_time.as_ref().map(|latency| ("service time", latency)),
        total.lag.as_ref().map(|latency| ("tool’s lag", latency)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let rows: [Figure; 9] = [
        ("shortest", |l| l.min),
        ("mean", |l| l.mean as u64),
        ("standard deviation", |l| l.stdev as u64),
        ("p50", |l| l.p50),
        ("p90", |l| l.p90),
        ("p99", |l| l.p99),
        ("p99.9", |l| l.p999),
        ("p99.99", |l| l.p9999),
        ("longest", |l| l.max),
    ];
    let heads: Vec<&str> = std::iter::once("").chain(columns.iter().map(|column| column.0)).collect();
    let show = |figure: fn(&Latency) -> u64, latency: &Latency| {
        if latency.count == 0 { "–".to_owned() } else { time(figure(latency) as f64) }
    };
    let row = |(name, figure): &Figure| {
        std::iter::once((*name).to_owned()).chain(columns.iter().map(|column| show(*figure, column.1))).collect()
    };
    table("Distributions", &heads, &rows.iter().map(row).collect::<Vec<_>>())
}

fn failures(total: &Measured) -> String {
    let rows: Vec<Vec<String>> = total
        .failures
        .iter()
        .map(|(kind, number)| vec![kind.to_string(), count(*number), kind.explanation().to_owned()])
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table("Errors", &["kind", "count", "what it says"], &rows).replacen("<table>", "<table class=\"prose\">", 1)
}

fn repeats(report: &Report) -> String {
    if report.repeats.len() < 2 {
        return String::new();
    }
    let row = |(index, repeat): (usize, &super::super::Repeat)| {
        vec![
            (index + 1).to_string(),
            rate(repeat.rate),
            time(repeat.p50 as f64),
            time(repeat.p90 as f64),
            time(repeat.p99 as f64),
            time(repeat.p999 as f64),
            time(repeat.max as f64),
            share(repeat.error_rate),
            time(repeat.tool_cpu_us * 1e3),
            repeat.server_cpu_us.map_or("–".to_owned(), |us| time(us * 1e3)),
        ]
    };
    let heads = ["repeat", "rate", "p50", "p90", "p99", "p99.9", "longest", "errors", "tool CPU", "server CPU"];
    table("Repeats", &heads, &report.repeats.iter().enumerate().map(row).collect::<Vec<_>>())
}

pub fn steps(steps: &[Step]) -> String {
    let row = |step: &Step| {
        let passed = match step.passed {
            Some(true) => "kept",
            Some(false) => "missed",
            None => "",
        };
        vec![
            rate(step.intended_rate),
            rate(step.rate),
            time(step.latency.p50 as f64),
            time(step.latency.p99 as f64),
            time(step.latency.p999 as f64),
            time(step.latency.max as f64),
            share(step.error_rate),
            passed.to_owned(),
        ]
    };
    let heads = ["asked for", "answered", "p50", "p99", "p99.9", "longest", "errors", "condition"];
    let columns = if steps.iter().any(|step| step.passed.is_some()) { 8 } else { 7 };
    let rows: Vec<Vec<String>> = steps.iter().map(|step| row(step)[..columns].to_vec()).collect();
    table("Each step", &heads[..columns], &rows)
}

fn requests(report: &Report) -> String {
    if report.requests.is_empty() {
        return String::new();
    }
    let mut requests: Vec<_> = report.requests.iter().collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.answered + request.failed));
    let rows: Vec<Vec<String>> = requests
        .iter()
        .map(|request| {
            vec![
                request.name.clone(),
                count(request.answered),
                count(request.failed),
                time(request.p50 as f64),
                time(request.p99 as f64),
                time(request.max as f64),
            ]
        })
        .collect();
    let heads = ["request", "answered", "failed", "p50", "p99", "longest"];
    format!("<section><h2>Requests</h2>\n{}</section>\n", table("By request, the most frequent first", &heads, &rows))
}

fn settings(report: &Report) -> String {
    let (target, load) = (&report.target, &report.load);
    let rows = [
        ("URL", target.url.clone()),
        ("Address", target.address.clone()),
        ("TLS", target.tls.clone().unwrap_or_else(|| "none".to_owned())),
        ("Different requests", count(target.requests as u64)),
        ("Schedule", load.schedule.clone()),
        ("Connections", count(load.connections as u64)),
        ("Requests in flight on one", format!("at most {}", load.depth)),
        ("Workers", load.workers.to_string()),
        ("Driver", load.driver.clone()),
        ("Warm-up", span(load.warm_up_seconds)),
        ("Time-out", span(load.timeout_seconds)),
        ("Started", report.started_at.clone()),
        ("Version", report.version.clone()),
        ("Command", report.command.join(" ")),
    ];
    format!("<section><h2>Settings</h2>\n{}</section>\n", facts("What was asked for", &rows))
}

/// Runs side by side.
pub fn comparison(comparison: &Comparison) -> String {
    let runs = comparison.rows.first().map_or(0, |row| row.cells.len());
    let heads: String = (0..runs)
        .map(|index| match index {
            0 => "<th scope=\"col\">A</th>".to_owned(),
            _ => format!("<th scope=\"col\">{}</th><th scope=\"col\">to A</th>", letter(index)),
        })
        .collect();
    let rows: String = comparison
        .rows
        .iter()
        .map(|row| {
            let cells: String = row.cells.iter().enumerate().map(|(index, cell)| compared(cell, index == 0)).collect();
            format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", row.name)
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table><caption>Medians of the repeats, and their ratio to the first run’s</caption>\n\
         <thead><tr><th scope=\"col\"></th>{heads}</tr></thead>\n<tbody>{rows}</tbody></table></div>\n{}",
        verdicts(comparison)
    )
}

fn compared(cell: &Cell, is_baseline: bool) -> String {
    let value = format!("<td>{}</td>", escape(&cell.value));
    match cell.verdict {
        _ if is_baseline => value,
        Some(verdict) => {
            let (name, ratio) = (verdict.name(), cell.ratio_text());
            format!("{value}<td class=\"{name}\">{ratio} <b>{name}</b></td>")
        }
        None => format!("{value}<td></td>"),
    }
}

fn verdicts(comparison: &Comparison) -> String {
    let items = comparison
        .verdicts()
        .into_iter()
        .map(|verdict| format!("<li><b>{}</b>: {}</li>", verdict.name(), verdict.explanation()));
    format!("<ul class=\"muted\">{}</ul>\n", items.collect::<String>())
}

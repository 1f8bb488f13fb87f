//! The summary: what an ordinary run has to say, on one screen of 80 by 24.

use super::histogram::Figure;
use super::units::{bytes, count, counted, rate, share, short, span, time};
use super::{Found, Interval, Latency, Measured, Report, RequestMeasured, Server, Step, Tool};

const WIDTH: usize = 80;
/// Requests that are shown one by one.
const REQUESTS_SHOWN: usize = 10;
/// Cells of the line of blocks that shows p99 over time.
const SPARKS_MAX: usize = 40;

/// `colour`: with ANSI escapes, for terminals.
pub fn summary(report: &Report, colour: bool) -> String {
    let mut screen = Screen { text: String::new(), colour };
    question(&mut screen, report);
    answers(&mut screen, report);
    distributions(&mut screen, &report.total, &report.intervals);
    costs(&mut screen, &report.tool, report.server.as_ref());
    if !report.steps.is_empty() {
        steps(&mut screen, &report.steps);
    }
    if let Some(found) = &report.found {
        screen.fact("found", &found_text(found));
    }
    if !report.requests.is_empty() {
        requests(&mut screen, &report.requests);
    }
    if report.interrupted {
        screen.warning("the run was interrupted; these are the figures so far.");
    }
    report.warnings.iter().for_each(|warning| screen.warning(warning));
    screen.text
}

/// A search's outcome in a sentence.
pub fn found_text(found: &Found) -> String {
    let condition = &found.condition;
    match (found.rate, found.failed_rate) {
        (Some(held), Some(failed)) => format!("{} keeps {condition}; {} does not", rate(held), rate(failed)),
        (Some(held), None) => format!("{} keeps {condition}, and nothing higher was tried", rate(held)),
        (None, Some(failed)) => format!("no rate kept {condition}; the lowest that was tried is {}", rate(failed)),
        (None, None) => format!("no rate was tried for {condition}"),
    }
}

fn question(screen: &mut Screen, report: &Report) {
    let load = &report.load;
    if report.label != report.target.url {
        screen.line(&screen.bold(&report.label));
    }
    let tls = report.target.tls.as_deref().map(|tls| format!("  ({tls})")).unwrap_or_default();
    screen.line(&format!("{}{tls}", screen.bold(&report.target.url)));
    let depth = if load.depth > 1 { format!(" × {} deep", load.depth) } else { String::new() };
    let repeats =
        if report.repeats.len() > 1 { format!(" in {} repeats", report.repeats.len()) } else { String::new() };
    screen.wrapped(
        "",
        &format!(
            "{} for {}{repeats} · {}{depth} · {} · {}",
            load.schedule,
            span(report.total.seconds),
            counted(load.connections, "connection"),
            counted(load.workers, "worker"),
            load.driver,
        ),
    );
    screen.line("");
}

fn answers(screen: &mut Screen, report: &Report) {
    let (total, open_loop) = (&report.total, report.load.open_loop);
    // Over the schedule's time, which the last answers may come after.
    let scheduled = report.load.duration_seconds.map_or(total.seconds, |seconds| seconds * report.repeats.len() as f64);
    let asked = total.intended as f64 / scheduled.max(f64::MIN_POSITIVE);
    let asked = if open_loop { format!("  of {} asked for", rate(asked)) } else { String::new() };
    screen.fact("rate", &format!("{}{asked}", screen.bold(&rate(total.rate))));
    let not_sent = if open_loop { format!(" · {} not sent", count(total.not_sent)) } else { String::new() };
    let [sent, answered, in_flight] = [total.sent, total.answered, total.in_flight].map(count);
    screen.fact("requests", &format!("{sent} sent · {answered} answered · {in_flight} in flight{not_sent}"));
    let failed: u64 = total.failures.values().sum();
    let text = if failed == 0 { "none".to_owned() } else { format!("{} ({})", count(failed), share(total.error_rate)) };
    screen.fact("errors", &if failed == 0 { text } else { screen.paint("1;31", &text) });
    for (failure, &number) in &total.failures {
        let row = format!("    {:<18} {:>9}  ", failure.name(), count(number));
        screen.wrapped(&row, failure.explanation());
    }
    let statuses: Vec<_> =
        total.statuses.iter().map(|(status, &number)| format!("{status} × {}", count(number))).collect();
    if !statuses.is_empty() {
        screen.fact("statuses", &statuses.join(" · "));
    }
    let per_second = |number: u64| bytes(number as f64 / total.seconds.max(f64::MIN_POSITIVE));
    screen.fact(
        "traffic",
        &format!("{}/s received · {}/s sent", per_second(total.bytes_received), per_second(total.bytes_sent)),
    );
    screen.line("");
}

/// Latency, and beside it what it is made of where the two differ.
fn distributions(screen: &mut Screen, total: &Measured, intervals: &[Interval]) {
    let columns: Vec<(&str, &Latency)> = [
        Some(("latency", &total.latency)),
        total.service_time.as_ref().map(|latency| ("service time", latency)),
        total.lag.as_ref().map(|latency| ("tool's lag", latency)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let titles: String = columns.iter().map(|(title, _)| format!("{title:>14}")).collect();
    screen.line(&format!("  {:<8}{}", "", screen.dim(&titles)));
    let rows: [Figure; 5] =
        [("p50", |l| l.p50), ("p90", |l| l.p90), ("p99", |l| l.p99), ("p99.9", |l| l.p999), ("max", |l| l.max)];
    for (title, figure) in rows {
        let (first, others) = columns.split_first().expect("latency is always there");
        let first = format!("{:>14}", time_or_dash(first.1, figure));
        let others: String = others.iter().map(|column| format!("{:>14}", time_or_dash(column.1, figure))).collect();
        screen.line(&format!("  {}{}{others}", screen.dim(&format!("{title:<8}")), screen.bold(&first)));
    }
    let p99s: Vec<u64> = intervals.iter().filter(|i| i.latency.count > 0).map(|i| i.latency.p99).collect();
    if p99s.len() >= 3 {
        let (low, high) = (p99s.iter().min().expect("not empty"), p99s.iter().max().expect("not empty"));
        let range = format!("{} to {}", time(*low as f64), time(*high as f64));
        screen.line(&format!("  {} {}  {range}", screen.dim("p99 over time"), sparks(&p99s)));
    }
    screen.line("");
}

fn time_or_dash(latency: &Latency, figure: fn(&Latency) -> u64) -> String {
    if latency.count == 0 { "–".to_owned() } else { time(figure(latency) as f64) }
}

/// A block for each value, higher for larger ones, on a logarithmic scale; the largest of several shares a cell.
fn sparks(values: &[u64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let cells: Vec<f64> = values
        .chunks(values.len().div_ceil(SPARKS_MAX))
        .map(|chunk| (chunk.iter().copied().max().unwrap_or(0).max(1) as f64).ln())
        .collect();
    let (low, high) = cells.iter().fold((f64::MAX, f64::MIN), |(low, high), &cell| (low.min(cell), high.max(cell)));
    // Never less than a factor of four: a line that is flat but for noise should look flat.
    let range = (high - low).max(2.0_f64.ln() * 2.0);
    cells.iter().map(|cell| BLOCKS[((cell - low) / range * 7.0).round() as usize]).collect()
}

fn costs(screen: &mut Screen, tool: &Tool, server: Option<&Server>) {
    screen.fact(
        "tool",
        &format!(
            "{} CPU/request · busiest worker {} · {}",
            time(tool.cpu_us_per_request * 1e3),
            share(tool.busiest_worker),
            bytes(tool.rss_max_bytes as f64)
        ),
    );
    if let Some(server) = server {
        screen.fact(
            "server",
            &format!(
                "{} CPU/answer · memory {} → {}, at most {}",
                time(server.cpu_us_per_request * 1e3),
                bytes(server.rss_start_bytes as f64),
                bytes(server.rss_end_bytes as f64),
                bytes(server.rss_max_bytes as f64)
            ),
        );
    }
}

fn steps(screen: &mut Screen, steps: &[Step]) {
    screen.line("");
    let titles =
        format!("{:>12}{:>12}{:>11}{:>11}{:>11}{:>10}", "asked for", "answered", "p50", "p99", "p99.9", "errors");
    screen.line(&screen.dim(&titles));
    for step in steps {
        let latency = |figure| time_or_dash(&step.latency, figure);
        screen.line(&format!(
            "{:>12}{:>12}{:>11}{:>11}{:>11}{:>10}{}",
            rate(step.intended_rate),
            rate(step.rate),
            latency(|l| l.p50),
            latency(|l| l.p99),
            latency(|l| l.p999),
            share(step.error_rate),
            match step.passed {
                Some(true) => "  kept",
                Some(false) => "  missed",
                None => "",
            }
        ));
    }
}

fn requests(screen: &mut Screen, requests: &[RequestMeasured]) {
    let mut requests: Vec<_> = requests.iter().collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.answered + request.failed));
    screen.line("");
    let titles = format!("  {:<31}{:>9}{:>8}{:>10}{:>10}{:>10}", "request", "answered", "failed", "p50", "p99", "max");
    screen.line(&screen.dim(&titles));
    for request in requests.iter().take(REQUESTS_SHOWN) {
        screen.line(&format!(
            "  {:<31}{:>9}{:>8}{:>10}{:>10}{:>10}",
            shortened(&request.name, 30),
            short(request.answered as f64),
            short(request.failed as f64),
            time(request.p50 as f64),
            time(request.p99 as f64),
            time(request.max as f64)
        ));
    }
    if requests.len() > REQUESTS_SHOWN {
        let more = requests.len() - REQUESTS_SHOWN;
        screen.line(&format!("  … and {more} more; --json and --html have them"));
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// Lines with or without colour.
struct Screen {
    text: String,
    colour: bool,
}

impl Screen {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn fact(&mut self, label: &str, text: &str) {
        let label = self.dim(&format!("  {label:<10}"));
        self.wrapped(&label, text);
    }

    fn warning(&mut self, sentence: &str) {
        let label = self.paint("1;33", "warning:");
        self.wrapped(&format!("{label} "), sentence);
    }

    /// `text` behind `first`, its further lines as far in.
    fn wrapped(&mut self, first: &str, text: &str) {
        let indent = width(first);
        let mut line = first.to_owned();
        let mut used = indent;
        for (index, word) in text.split(' ').enumerate() {
            if index > 0 && used + 1 + width(word) > WIDTH {
                self.line(&line);
                line = " ".repeat(indent) + word;
                used = indent + width(word);
                continue;
            }
            if index > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += width(word);
        }
        self.line(&line);
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Columns on a terminal: escapes take none.
fn width(text: &str) -> usize {
    text.split('\x1b')
        .enumerate()
        .map(|(index, part)| {
            let seen = if index == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) };
            seen.chars().count()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn an_ordinary_run_fits_a_screen() {
        let text = summary(&sample::ordinary(), false);
        assert!(text.lines().count() <= 24, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        sample::golden("ordinary.txt", &text);
    }

    #[test]
    fn everything_there_is() {
        let text = summary(&sample::full(), false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        sample::golden("full.txt", &text);
    }

    #[test]
    fn colour_changes_no_text() {
        let coloured = summary(&sample::full(), true);
        let plain: String = coloured
            .split('\x1b')
            .enumerate()
            .map(|(index, part)| if index == 0 { part } else { part.split_once('m').unwrap().1 })
            .collect();
        assert_eq!(plain, summary(&sample::full(), false));
        assert!(coloured.contains('\x1b'));
    }

    #[test]
    fn a_run_without_answers_has_dashes() {
        let mut report = sample::closed_loop();
        report.total.latency = Latency::default();
        report.total.statuses.clear();
        report.intervals.clear();
        let text = summary(&report, false);
        assert!(text.contains("p99                  –\n"), "{text}");
        assert!(!text.contains("over time") && !text.contains("statuses"), "{text}");
    }

    #[test]
    fn a_search_says_what_it_found() {
        fn check(rate: Option<f64>, failed_rate: Option<f64>, expected: &str) {
            assert_eq!(found_text(&Found { condition: "p99<5ms".to_owned(), rate, failed_rate }), expected);
        }
        check(Some(60_000.0), Some(70_000.0), "60,000/s keeps p99<5ms; 70,000/s does not");
        check(Some(60_000.0), None, "60,000/s keeps p99<5ms, and nothing higher was tried");
        check(None, Some(100.0), "no rate kept p99<5ms; the lowest that was tried is 100/s");
    }

    #[test]
    fn sparks_show_magnitudes() {
        fn check(values: &[u64], expected: &str) {
            assert_eq!(sparks(values), expected);
        }
        check(&[1_000, 1_100, 1_000], "▁▁▁");
        check(&[1_000, 100_000, 10_000], "▁█▅");
    }
}

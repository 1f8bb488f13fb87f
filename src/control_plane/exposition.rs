//! Merged statistics as Prometheus text, version 0.0.4.
//!
//! Everything is read here, on the control thread, from atomics and from what the shards handed over: a scrape costs
//! the shards nothing. Series that are zero because a method was never called with that answer are left out, so that
//! 10,000 routes of which a hundred are used make a hundred lines, not 320,000.

use std::fmt::Write;
use std::time::SystemTime;

use super::process::Process;
use super::state::{KeySetStatus, TargetHealth};
use super::totals::{Called, Totals};
use crate::plan::delivery::Fleet;
use crate::plan::release::Release;
use crate::plan::{MethodPlan, StagePlan};
use crate::stats::counter::FAMILIES;
use crate::stats::status::LABELS;
use crate::stats::{Latency, Registry};

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bounds of OpenTelemetry's HTTP conventions, with three more at the bottom: a gateway answers below a
/// millisecond. In µs, and as the label `le`.
const BUCKETS: [(u64, &str); 17] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (75_000, "0.075"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (750_000, "0.75"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (7_500_000, "7.5"),
    (10_000_000, "10"),
];

/// The gateway's own share is some ten µs: bounds that tell 20 from 200.
const OVERHEAD_BUCKETS: [(u64, &str); 12] = [
    (10, "0.00001"),
    (25, "0.000025"),
    (50, "0.00005"),
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (100_000, "0.1"),
    (1_000_000, "1"),
];

/// What the exposition tells besides the counts.
pub struct Facts<'a> {
    pub version: &'a str,
    /// The driver of the shards' event loops: `io_uring` or `epoll`, with its flags.
    pub driver: &'a str,
    pub last_reload_successful: bool,
    /// Unix times, in seconds.
    pub last_reload_at_s: f64,
    pub started_at_s: f64,
    pub draining: bool,
    /// Names of upstreams, and of these the ones whose last look-up failed.
    pub upstream_names: (usize, usize),
    pub target_health: &'a [TargetHealth],
    pub key_sets: &'a [KeySetStatus],
}

/// The whole answer to a scrape.
pub fn render(totals: &Totals, registry: &Registry, fleet: &dyn Fleet, facts: &Facts) -> String {
    let mut text = Text(String::with_capacity(16 * 1024));
    requests(&mut text, totals, registry);
    durations(&mut text, totals);
    counters(&mut text, registry);
    configuration(&mut text, totals, facts);
    key_sets(&mut text, facts.key_sets);
    shards(&mut text, fleet, facts);
    process(&mut text, &Process::measure(), facts);
    text.0
}

fn requests(text: &mut Text, totals: &Totals, registry: &Registry) {
    text.family("http_requests_total", "counter", "Answers of methods, by status code or class.");
    for Called { stage, method, counts } in totals.called(registry) {
        let labels = method_labels(stage, method);
        for (code, count) in LABELS.iter().zip(counts).filter(|(_, count)| *count > 0) {
            text.sample("http_requests_total", &format!("{labels},code=\"{code}\""), count);
        }
    }
}

fn durations(text: &mut Text, totals: &Totals) {
    let stages = || totals.current().stages.iter().zip(totals.latencies());
    let name = "http_request_duration_seconds";
    text.family(name, "histogram", "Time from a request's first byte to the last of its answer.");
    for (stage, latency) in stages() {
        if let Some(latency) = latency {
            text.histogram(name, &stage_labels(stage), &latency.request, &BUCKETS);
        }
    }
    let name = "integration_duration_seconds";
    text.family(name, "histogram", "Time that the integration's answer took.");
    for (stage, latency) in stages() {
        if let Some(latency) = latency.filter(|latency| latency.integration.count() > 0) {
            text.histogram(name, &stage_labels(stage), &latency.integration, &BUCKETS);
        }
    }
    let name = "gateway_overhead_seconds";
    text.family(name, "histogram", "Time of exchanges that was not the integration's.");
    text.histogram(name, "", totals.overhead(), &OVERHEAD_BUCKETS);
}

fn counters(text: &mut Text, registry: &Registry) {
    for family in FAMILIES {
        text.family(family.name, "counter", family.help);
        for (counter, labels) in family.members {
            text.sample(family.name, labels, registry.total(*counter));
        }
    }
}

fn configuration(text: &mut Text, totals: &Totals, facts: &Facts) {
    let plan = totals.current();
    text.gauge("config_revision", "Generation of the plan that was published last.", plan.generation);
    let help = "Whether the last attempt to publish a configuration succeeded.";
    text.gauge("config_last_reload_successful", help, u8::from(facts.last_reload_successful));
    let help = "Unix time of the last configuration that was published.";
    text.gauge("config_last_reload_timestamp_seconds", help, facts.last_reload_at_s);
    let routes: usize = plan.addressed().map(|stage| stage.methods.len()).sum();
    text.gauge("routes", "Methods of all stages of the plan.", routes);
    text.family("api_info", "gauge", "The name of each API that the plan serves, with the id that other series have.");
    let mut last = None;
    for stage in plan.addressed().filter(|stage| last.replace(&stage.api_id) != Some(&stage.api_id)) {
        let labels = format!("api=\"{}\",name=\"{}\"", escaped(&stage.api_id), escaped(&stage.api_name));
        text.sample("api_info", &labels, 1);
    }
    text.gauge("upstream_names", "Host names of upstreams.", facts.upstream_names.0);
    let help = "Host names of upstreams whose last look-up gave no address.";
    text.gauge("upstream_names_failing", help, facts.upstream_names.1);
    if !facts.target_health.is_empty() {
        text.family("upstream_target_healthy", "gauge", "Whether a target is healthy, by what its checks ask for.");
    }
    let mut last = None;
    for one in facts.target_health {
        // Two upstreams may ask the same target for the same path in different ways.
        if last.replace((&one.target, &one.path)) != Some((&one.target, &one.path)) {
            let labels = format!("target=\"{}\",path=\"{}\"", escaped(&one.target), escaped(&one.path));
            text.sample("upstream_target_healthy", &labels, u8::from(one.healthy));
        }
    }
}

fn key_sets(text: &mut Text, key_sets: &[KeySetStatus]) {
    if key_sets.is_empty() {
        return;
    }
    let labels = |status: &KeySetStatus| format!("source=\"{}\"", escaped(&status.source));
    text.family("key_set_keys", "gauge", "Keys that tokens are verified with, by where they come from.");
    for status in key_sets {
        text.sample("key_set_keys", &labels(status), status.keys);
    }
    text.family("key_set_age_seconds", "gauge", "How long ago keys were fetched, by where they come from.");
    let now = SystemTime::now();
    for status in key_sets {
        if let Some(fetched_at) = status.fetched_at {
            let age = now.duration_since(fetched_at).unwrap_or_default();
            text.sample("key_set_age_seconds", &labels(status), age.as_secs());
        }
    }
}

fn shards(text: &mut Text, fleet: &dyn Fleet, facts: &Facts) {
    text.gauge("shards", "Data-plane threads.", fleet.shards());
    text.family("connections", "gauge", "Client connections open, by shard.");
    for shard in 0..fleet.shards() {
        text.sample("connections", &format!("shard=\"{shard}\""), fleet.connections(shard));
    }
    text.family("shard_config_revision", "gauge", "Generation of the plan that a shard serves.");
    for shard in 0..fleet.shards() {
        text.sample("shard_config_revision", &format!("shard=\"{shard}\""), fleet.adopted(shard));
    }
    text.gauge("draining", "Whether the gateway is about to stop.", u8::from(facts.draining));
    text.family("runtime_info", "gauge", "How the shards wait for the kernel.");
    text.sample("runtime_info", &format!("driver=\"{}\"", escaped(facts.driver)), 1);
}

fn process(text: &mut Text, process: &Process, facts: &Facts) {
    text.family("build_info", "gauge", "The version that is running.");
    text.sample("build_info", &format!("version=\"{}\"", escaped(facts.version)), 1);
    text.gauge("process_start_time_seconds", "Unix time at which the process started.", facts.started_at_s);
    if let Some(bytes) = process.resident_bytes {
        text.gauge("process_resident_memory_bytes", "Memory in use.", bytes);
    }
    if let Some(seconds) = process.cpu_seconds {
        text.family("process_cpu_seconds_total", "counter", "CPU time of all threads, user and system.");
        text.sample("process_cpu_seconds_total", "", seconds);
    }
    if let Some(files) = process.open_files {
        text.gauge("process_open_fds", "Open file descriptors.", files);
    }
}

fn stage_labels(stage: &StagePlan) -> String {
    // A stage's own series stay the same when it gets a canary and when it loses it.
    let canary = if stage.release == Release::Canary { ",canary=\"true\"" } else { "" };
    format!("api=\"{}\",stage=\"{}\"{canary}", escaped(&stage.api_id), escaped(&stage.stage))
}

fn method_labels(stage: &StagePlan, method: &MethodPlan) -> String {
    let (route, http_method) = (escaped(&method.resource_path), escaped(&method.http_method));
    format!("{},route=\"{route}\",method=\"{http_method}\"", stage_labels(stage))
}

/// A label's value as the format wants it: backslash, quote and line feed escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The text under construction. Writing to a `String` cannot fail.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP tollgate_{name} {help}\n# TYPE tollgate_{name} {kind}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, "", value);
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "tollgate_{name} {value}"),
            _ => writeln!(self.0, "tollgate_{name}{{{labels}}} {value}"),
        };
    }

    fn histogram(&mut self, name: &str, labels: &str, latency: &Latency, buckets: &[(u64, &str)]) {
        let bounds_us: Vec<u64> = buckets.iter().map(|(bound_us, _)| *bound_us).collect();
        let comma = if labels.is_empty() { "" } else { "," };
        for ((_, bound), count) in buckets.iter().zip(latency.cumulative(&bounds_us)) {
            self.sample(&format!("{name}_bucket"), &format!("{labels}{comma}le=\"{bound}\""), count);
        }
        self.sample(&format!("{name}_bucket"), &format!("{labels}{comma}le=\"+Inf\""), latency.count());
        self.sample(&format!("{name}_sum"), labels, latency.sum_us() as f64 / 1e6);
        self.sample(&format!("{name}_count"), labels, latency.count());
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{FakeFleet, plan};
    use super::*;

    fn facts() -> Facts<'static> {
        Facts {
            version: "1.2.3",
            driver: "io_uring",
            last_reload_successful: true,
            last_reload_at_s: 1_700_000_000.25,
            started_at_s: 1_700_000_000.0,
            draining: false,
            upstream_names: (3, 1),
            target_health: &[],
            key_sets: &[],
        }
    }

    fn scrape(totals: &Totals, registry: &Registry) -> String {
        render(totals, registry, &FakeFleet::default(), &facts())
    }

    #[test]
    fn answers_are_shown_by_route_template_and_code() {
        let registry = Registry::new(1);
        let recorder = registry.recorder(0);
        let mut totals = Totals::default();
        totals.adopt(plan(7, &["GET /pets/{petId}", "ANY /never"]));
        let block = recorder.open_block(7, [2]);
        for status in [200, 200, 418] {
            block.record(0, 0, status);
        }
        block.latency(0, 1_500, Some(1_480));
        recorder.harvest();
        totals.collect(&registry, 7);
        let text = scrape(&totals, &registry);
        let labels = r#"api="abc123",stage="prod",route="/pets/{petId}",method="GET""#;
        for expected in [
            format!("tollgate_http_requests_total{{{labels},code=\"200\"}} 2"),
            format!("tollgate_http_requests_total{{{labels},code=\"4xx\"}} 1"),
            r#"tollgate_http_request_duration_seconds_bucket{api="abc123",stage="prod",le="0.001"} 0"#.to_owned(),
            r#"tollgate_http_request_duration_seconds_bucket{api="abc123",stage="prod",le="0.0025"} 1"#.to_owned(),
            r#"tollgate_http_request_duration_seconds_sum{api="abc123",stage="prod"} 0.0015"#.to_owned(),
            r#"tollgate_integration_duration_seconds_count{api="abc123",stage="prod"} 1"#.to_owned(),
            r#"tollgate_gateway_overhead_seconds_bucket{le="0.000025"} 1"#.to_owned(),
            r#"tollgate_gateway_overhead_seconds_bucket{le="+Inf"} 1"#.to_owned(),
            r#"tollgate_api_info{api="abc123",name="Pet \"Store\""} 1"#.to_owned(),
            "tollgate_config_revision 7".to_owned(),
            "tollgate_config_last_reload_timestamp_seconds 1700000000.25".to_owned(),
            r#"tollgate_connections{shard="1"} 0"#.to_owned(),
            r#"tollgate_telemetry_dropped_total{signal="access_log"} 0"#.to_owned(),
            "tollgate_routes 2".to_owned(),
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected}\n{text}");
        }
        assert!(!text.contains("/never"), "a method that was never called has no lines");
    }

    #[test]
    fn keys_are_shown_by_where_they_come_from() {
        let status = |source: &str, keys, fetched_at| KeySetStatus {
            source: source.to_owned(),
            keys,
            fetched_at,
            was_asked: true,
        };
        let fetched_at = Some(SystemTime::now());
        let key_sets = [status("https://a.example/\"", 2, fetched_at), status("https://b.example", 0, None)];
        let facts = Facts { key_sets: &key_sets, ..facts() };
        let text = render(&Totals::default(), &Registry::new(1), &FakeFleet::default(), &facts);
        for expected in [
            r#"tollgate_key_set_keys{source="https://a.example/\""} 2"#,
            r#"tollgate_key_set_keys{source="https://b.example"} 0"#,
            r#"tollgate_key_set_age_seconds{source="https://a.example/\""} "#,
        ] {
            assert!(text.lines().any(|line| line.starts_with(expected)), "{expected}\n{text}");
        }
        assert!(!text.contains(r#"age_seconds{source="https://b.example""#), "it was never fetched");
    }

    #[test]
    fn the_text_keeps_the_rules_of_the_format() {
        let registry = Registry::new(1);
        let mut totals = Totals::default();
        totals.adopt(plan(1, &["GET /"]));
        let text = scrape(&totals, &registry);
        let mut families = std::collections::HashSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(families.insert(rest.split(' ').next()), "a family twice: {line}");
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
                assert!(series.starts_with("tollgate_") && value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }
}

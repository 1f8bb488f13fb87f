//! Reports for tests: thirty seconds at 10,000/s of a server that answers in some 200 µs and stalls once for 200 ms.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::*;
use crate::measure::tally::latency_histogram;

const SECONDS: usize = 30;
/// The second in which the server stalls.
const STALL: usize = 17;

/// As most people run it: a constant rate on one URL.
pub fn ordinary() -> Report {
    let seconds: Vec<Histogram<u64>> = (0..SECONDS).map(second).collect();
    let mut latency = latency_histogram();
    seconds.iter().for_each(|second| latency.add(second).unwrap());
    let mut service_time = latency_histogram();
    (0..SECONDS).filter(|&index| index != STALL).for_each(|index| service_time.add(second(index)).unwrap());
    service_time.record_n(199_000_000, 64).unwrap();
    let mut lag = latency_histogram();
    (0..1_000).for_each(|index| lag.record_n(900 + index * index / 200, 290).unwrap());
    Report {
        schema: SCHEMA,
        version: "0.1.0".to_owned(),
        label: "http://127.0.0.1:8080/pets".to_owned(),
        started_at: "2026-11-22T19:04:28Z".to_owned(),
        command: ["loadtest", "http://127.0.0.1:8080/pets", "--rate", "10k"].map(str::to_owned).to_vec(),
        target: TargetFacts {
            url: "http://127.0.0.1:8080/pets".to_owned(),
            address: "127.0.0.1:8080".to_owned(),
            requests: 1,
            tls: None,
        },
        load: LoadFacts {
            schedule: "constant 10000/s".to_owned(),
            open_loop: true,
            connections: 64,
            depth: 1,
            workers: 2,
            driver: "io_uring".to_owned(),
            warm_up_seconds: 2.0,
            duration_seconds: Some(30.0),
            timeout_seconds: 5.0,
        },
        total: Measured {
            seconds: 30.0,
            intended: 300_000,
            sent: 299_882,
            answered: 299_870,
            in_flight: 0,
            not_sent: 118,
            rate: 9_992.5,
            error_rate: 0.000_36,
            failures: BTreeMap::from([(Failure::Timeout, 12), (Failure::Status, 95)]),
            statuses: BTreeMap::from([(200, 299_775), (503, 95)]),
            bytes_sent: 20_691_858,
            bytes_received: 49_478_550,
            connections_opened: 76,
            latency: Latency::whole(&latency),
            service_time: Some(Latency::whole(&service_time)),
            lag: Some(Latency::whole(&lag)),
        },
        repeats: vec![repeat(1.0)],
        steps: Vec::new(),
        found: None,
        requests: Vec::new(),
        intervals: seconds.iter().enumerate().map(|(index, second)| interval(index, second)).collect(),
        tool: Tool {
            user_seconds: 0.21,
            system_seconds: 0.59,
            cpu_us_per_request: 2.67,
            busiest_worker: 0.18,
            rss_max_bytes: 14_680_064,
        },
        server: None,
        warnings: Vec::new(),
        interrupted: false,
    }
}

/// Connections that send as fast as they are answered, over TLS.
pub fn closed_loop() -> Report {
    let mut report = ordinary();
    report.target.tls = Some("TLSv1.3 TLS13_AES_256_GCM_SHA384".to_owned());
    report.load.schedule = "closed loop".to_owned();
    report.load.open_loop = false;
    report.total.intended = report.total.sent;
    report.total.not_sent = 0;
    report.total.service_time = None;
    report.total.lag = None;
    report
}

/// Everything that a report can have, for whoever has to show all of it.
pub fn full() -> Report {
    let mut report = ordinary();
    report.target.tls = Some("TLSv1.3 TLS13_AES_256_GCM_SHA384".to_owned());
    report.repeats = [1.0, 1.04, 0.97, 1.02, 0.99].map(repeat).to_vec();
    report.repeats.iter_mut().for_each(|repeat| repeat.server_cpu_us = Some(10.5));
    report.steps = (1..=8).map(step).collect();
    report.found = Some(Found { condition: "p99<5ms".to_owned(), rate: Some(60_000.0), failed_rate: Some(70_000.0) });
    report.requests = (1..=14).map(request).collect();
    report.server = Some(Server {
        pid: 4711,
        user_seconds: 1.05,
        system_seconds: 2.11,
        cpu_us_per_request: 10.5,
        rss_start_bytes: 47_185_920,
        rss_max_bytes: 52_428_800,
        rss_end_bytes: 50_331_648,
    });
    report.warnings =
        vec!["118 requests were not sent: no connection was free in time; more --connections would show the server's own limit.".to_owned()];
    report.interrupted = true;
    report
}

/// The same run on a server that takes `factor` times as long, with five repeats that scatter by 3 %.
pub fn scaled(label: &str, factor: f64) -> Report {
    let mut report = ordinary();
    report.label = label.to_owned();
    report.repeats = [1.0, 1.03, 0.97, 1.02, 0.99].map(|noise| repeat(noise * factor)).to_vec();
    let latency = &mut report.total.latency;
    let mut histogram = latency_histogram();
    for value in latency.distribution().unwrap().unwrap().iter_recorded() {
        histogram.record_n((value.value_iterated_to() as f64 * factor) as u64, value.count_at_value()).unwrap();
    }
    *latency = Latency::whole(&histogram);
    report
}

/// `text` is what the file in `sample/` holds; with `UPDATE_SAMPLES=1` in the environment it is written there.
pub fn golden(file: &str, text: &str) {
    let path = format!("{}/src/report/sample/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{file}; UPDATE_SAMPLES=1 writes it anew");
}

/// Answers of one second; in the stall latency falls in a straight line from 200 ms, as it does for requests that
/// were due while the server slept.
fn second(index: usize) -> Histogram<u64> {
    let mut histogram = latency_histogram();
    let drift = 1.0 + 0.15 * (index as f64 / 4.0).sin();
    for part in 0..2_000_u64 {
        let share = (part as f64 + 0.5) / 2_000.0;
        let ordinary = 160_000.0 * drift * (1.0 - share).powf(-0.28);
        let ns = if index == STALL && part < 400 { 500_000.0 * (400 - part) as f64 } else { ordinary };
        histogram.record_n(ns as u64, 5).unwrap();
    }
    histogram
}

fn interval(index: usize, second: &Histogram<u64>) -> Interval {
    let mut heat = BTreeMap::new();
    let mut micros = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 2).unwrap();
    for value in second.iter_recorded() {
        *heat.entry(heat_bucket(value.value_iterated_to())).or_default() += value.count_at_value();
        micros.record_n(value.value_iterated_to() / 1_000, value.count_at_value()).unwrap();
    }
    let failures = match index {
        STALL => BTreeMap::from([(Failure::Timeout, 12), (Failure::Status, 40)]),
        18..23 => BTreeMap::from([(Failure::Status, 11)]),
        _ => BTreeMap::new(),
    };
    Interval {
        start_seconds: index as f64,
        seconds: 1.0,
        sent: 10_000,
        answered: second.len(),
        failures,
        bytes_received: 1_650_000,
        latency: Latency::figures(second),
        heat: heat.into_iter().collect(),
        histogram: histogram::encode(&micros),
    }
}

fn repeat(factor: f64) -> Repeat {
    let scaled = |ns: f64| (ns * factor) as u64;
    Repeat {
        seconds: 30.0,
        rate: 9_992.5 + factor,
        error_rate: 0.000_36,
        p50: scaled(200_000.0),
        p90: scaled(310_000.0),
        p99: scaled(620_000.0),
        p999: scaled(150_000_000.0),
        max: scaled(200_000_000.0),
        tool_cpu_us: 2.67,
        server_cpu_us: None,
    }
}

/// The knee of a server that does 65,000/s.
fn step(index: u64) -> Step {
    let intended_rate = 10_000.0 * index as f64;
    let free = 1.0 - (intended_rate / 70_000.0).min(0.995);
    let mut histogram = latency_histogram();
    for part in 0..1_000_u64 {
        let share = (part as f64 + 0.5) / 1_000.0;
        histogram.record((150_000.0 / free * (1.0 - share).powf(-0.28)) as u64).unwrap();
    }
    Step {
        intended_rate,
        rate: intended_rate.min(65_000.0),
        seconds: 5.0,
        sent: intended_rate as u64 * 5,
        error_rate: if index > 6 { 0.02 } else { 0.0 },
        latency: Latency::figures(&histogram),
        passed: Some(index <= 6),
    }
}

fn request(index: u64) -> RequestMeasured {
    RequestMeasured {
        name: format!("GET /pets/{{id}}/visits/{index}"),
        answered: 60_000 / index,
        failed: u64::from(index == 3) * 95,
        p50: 180_000 + 9_000 * index,
        p99: 600_000 + 31_000 * index,
        max: 200_000_000,
    }
}
